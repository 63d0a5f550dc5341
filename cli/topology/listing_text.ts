/** Reads a listing from a file or standard input, in whatever encoding it was saved. */
import { host } from "../host.ts";
import { MAX_TEXT_LENGTH } from "../../devices/pci/lspci/read_listing.ts";
import { readHostBytes } from "../host_file.ts";

export type ListingText =
  | { readonly found: true; readonly name: string; readonly text: string }
  | { readonly found: false; readonly problem: string };

/** Most bytes read: what is more is refused by its length. */
const MAX_BYTES = 4 * MAX_TEXT_LENGTH;
const CHUNK_BYTES = 65536;

/** @param path A file, or `-` for standard input. */
export function readListingText(path: string): ListingText {
  if (path === "-") return { found: true, name: "standard input", text: decode(readInput()) };
  const file = readHostBytes(path);
  if (!file.found) return file;
  return { found: true, name: path, text: decode(file.bytes) };
}

function readInput(): Uint8Array {
  const chunks: Uint8Array[] = [];
  let sizeBytes = 0;
  while (sizeBytes <= MAX_BYTES) {
    const chunk = new Uint8Array(CHUNK_BYTES);
    const read = host.stdin.readSync(chunk);
    if (read === null) break;
    chunks.push(chunk.subarray(0, read));
    sizeBytes += read;
  }
  const all = new Uint8Array(sizeBytes);
  let at = 0;
  for (const chunk of chunks) {
    all.set(chunk, at);
    at += chunk.length;
  }
  return all;
}

/** UTF-8; UTF-16 as some shells of Windows write it; and what is neither, byte by byte. */
export function decode(bytes: Uint8Array): string {
  const [first, second] = bytes;
  if (first === 0xff && second === 0xfe) return new TextDecoder("utf-16le").decode(bytes);
  if (first === 0xfe && second === 0xff) return new TextDecoder("utf-16be").decode(bytes);
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return new TextDecoder("windows-1252").decode(bytes);
  }
}
