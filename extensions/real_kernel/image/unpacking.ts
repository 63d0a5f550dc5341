/** Decompresses files of a kernel. Each result has a limit: a file of some kilobytes may stand for gigabytes. */
import { host, hostReason } from "@dmalab/cli";
import { printable } from "@dmalab/lang/diagnostics";
import { whyNotStarted } from "../programs.ts";

/** The compressed forms of images and modules. */
export type Compression = "gzip" | "xz" | "zstd";

/** The decompressed bytes, or the end of the sentence `FILE …`. */
export type Unpacked = Uint8Array<ArrayBuffer> | { readonly problem: string };

/** @param mostBytes Limit of the result. */
export async function unpack(
  content: Uint8Array<ArrayBuffer>,
  compression: Compression,
  mostBytes: number,
): Promise<Unpacked> {
  if (compression === "xz") return await unpackXz(content, mostBytes);
  const { gunzipSync, zstdDecompressSync } = await import("node:zlib");
  const decompress = compression === "gzip" ? gunzipSync : zstdDecompressSync;
  try {
    const unpacked = new Uint8Array(decompress(content, { maxOutputLength: mostBytes }));
    // Deno returns what it has of a cut zstd frame.
    const isWhole = compression === "gzip" || hasLastBlock(content);
    return isWhole ? unpacked : { problem: "is damaged: its end is missing" };
  } catch (error) {
    const { code, message } = error as Error & { readonly code?: string };
    return code === "ERR_BUFFER_TOO_LARGE"
      ? tooLarge(mostBytes)
      : { problem: `is damaged: ${printable(message)}` };
  }
}

const ZSTD_MAGIC = 0xfd2f_b528;

/** Sizes of a frame's fields, by the bits of its header's descriptor. */
const DICTIONARY_BYTES = [0, 1, 2, 4] as const;
const CONTENT_SIZE_BYTES = [0, 2, 4, 8] as const;
const BLOCK_HEAD_BYTES = 3;
/** The type of a block that is one byte, repeated. */
const REPEATED = 1;

/**
 * Whether a zstd frame has its last block.
 *
 * @see RFC 8878, 3.1.1
 */
function hasLastBlock(content: Uint8Array<ArrayBuffer>): boolean {
  const view = new DataView(content.buffer, content.byteOffset, content.byteLength);
  if (content.length < 6 || view.getUint32(0, true) !== ZSTD_MAGIC) return false;
  const descriptor = content[4]!;
  const isSingle = (descriptor & 0x20) !== 0;
  let at = 5 + DICTIONARY_BYTES[descriptor & 3]! + CONTENT_SIZE_BYTES[descriptor >> 6]! +
    // A window's size, or a content's size of one byte.
    (isSingle && descriptor >> 6 > 0 ? 0 : 1);
  while (at + BLOCK_HEAD_BYTES <= content.length) {
    const head = view.getUint16(at, true) | content[at + 2]! << 16;
    at += BLOCK_HEAD_BYTES + ((head >> 1 & 3) === REPEATED ? 1 : head >> 3);
    if ((head & 1) === 1) return at <= content.length;
  }
  return false;
}

function tooLarge(mostBytes: number): { readonly problem: string } {
  return { problem: `has more than ${mostBytes / 2 ** 20} MiB when it is decompressed` };
}

async function unpackXz(content: Uint8Array<ArrayBuffer>, mostBytes: number): Promise<Unpacked> {
  let child: Deno.ChildProcess;
  try {
    child = new host.Command("xz", {
      args: ["-dc"],
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
  } catch (error) {
    return { problem: `cannot be decompressed: ${whyNotStarted("xz", error)}` };
  }
  const said = new Response(child.stderr).text();
  // xz ends early for damaged data, and when it has written too much: its result says so.
  const written = new Response(content).body!.pipeTo(child.stdin).catch(() => {});
  const chunks: Uint8Array<ArrayBuffer>[] = [];
  let sizeBytes = 0;
  try {
    for await (const chunk of child.stdout) {
      chunks.push(chunk);
      sizeBytes += chunk.length;
      if (sizeBytes > mostBytes) child.kill("SIGKILL");
      if (sizeBytes > mostBytes) break;
    }
  } catch (error) {
    return { problem: `cannot be decompressed: ${hostReason(error)}` };
  }
  const [{ success }, errors] = await Promise.all([child.status, said, written]);
  if (sizeBytes > mostBytes) return tooLarge(mostBytes);
  const [line = "it failed"] = errors.trim().split("\n").slice(-1);
  if (!success) return { problem: `is damaged: ${printable(line)}` };
  return new Uint8Array(await new Blob(chunks).arrayBuffer());
}
