/**
 * Reading text from the host, with a sentence for whatever can go wrong. `Deno` alone is used here:
 * this file lies on the way of `deno run scenario.dma`, where every module loaded costs start-up.
 */
import { host } from "./host.ts";
import { printable } from "@dmalab/lang/diagnostics";
import type { FileCode } from "./files/file_codes.ts";
import { READ_LIMITS } from "./files/file_limits.ts";
import { hostReason } from "./host_error.ts";
import { isInside } from "./paths.ts";

/** A file's text and where it really is; or what is wrong, as a sentence without its end. */
export type HostFile =
  | { readonly found: true; readonly realPath: string; readonly text: string }
  | NotRead;

export interface NotRead {
  readonly found: false;
  readonly reason: "not_found" | "refused" | "unreadable";
  readonly problem: string;
  /** Null where the system refused, or the text is none. */
  readonly code: FileCode | null;
}

interface ReadOptions {
  /** How messages call it; its path where that is left out. */
  readonly shown?: string;
  /** A larger file is not read. */
  readonly mostBytes?: number;
  /** False for a place that dmalab chose: a cloned repository can hold a link there. */
  readonly followsLinks?: boolean;
  /** For a path that a script chose: whether the file that its links lead to may be read. */
  readonly accepts?: (realPath: string) => boolean;
}

/** Their files are the kernel's answers: of any length, secret, or waiting for what never comes. */
const NO_DISKS = ["/proc", "/sys"];

/**
 * Reads a UTF-8 file.
 *
 * @param path As the host understands it.
 */
export function readHostFile(path: string, options: ReadOptions = {}): HostFile {
  const file = readHostBytes(path, options);
  if (!file.found) return file;
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(file.bytes);
    return { found: true, realPath: file.realPath, text };
  } catch {
    return notRead("unreadable", options.shown ?? path, "it is not UTF-8 text");
  }
}

/** The same for text of any encoding. */
export function readHostBytes(
  path: string,
  options: ReadOptions = {},
):
  | { readonly found: true; readonly realPath: string; readonly bytes: Uint8Array<ArrayBuffer> }
  | NotRead {
  const { shown = path, mostBytes = READ_LIMITS.text } = options;
  return withHostFile(path, options, (realPath, sizeBytes) => {
    if (NO_DISKS.some((folder) => isInside(realPath, folder))) {
      return notRead(
        "unreadable",
        shown,
        "it is not a regular file but a view of the kernel",
        "E1101",
      );
    }
    const bytes = sizeBytes > mostBytes ? null : readAtMost(realPath, sizeBytes, mostBytes);
    return bytes === null
      ? notRead("unreadable", shown, `it has more than ${mostBytes} bytes`, "E1102")
      : { found: true, realPath, bytes };
  });
}

/** Where a file of any size really is, to be read piece by piece. */
export function findHostFile(
  path: string,
): { readonly found: true; readonly realPath: string; readonly sizeBytes: number } | NotRead {
  return withHostFile(path, {}, (realPath, sizeBytes) => {
    host.openSync(realPath).close();
    return { found: true, realPath, sizeBytes };
  });
}

function notRead(
  reason: NotRead["reason"],
  shown: string,
  problem: string,
  code: FileCode | null = null,
): NotRead {
  return { found: false, reason, problem: `Cannot read "${printable(shown)}": ${problem}`, code };
}

/** The action on a regular file, or the reason why it cannot be read. */
function withHostFile<Result>(
  path: string,
  { accepts = () => true, followsLinks = true, shown = path }: ReadOptions,
  read: (realPath: string, sizeBytes: number) => Result | NotRead,
): Result | NotRead {
  try {
    const realPath = followsLinks ? host.realPathSync(path) : path;
    if (!accepts(realPath)) return notRead("refused", shown, "it is not among what is read");
    const info = host.lstatSync(realPath);
    if (info.isSymlink) return notRead("unreadable", shown, "it is a symbolic link", "E1101");
    if (info.isDirectory) return notRead("unreadable", shown, "it is a folder");
    // Opened, a pipe would wait for a writer, and a device has no end.
    if (!info.isFile) {
      const what = "it is not a regular file but a pipe, a socket or a device";
      return notRead("unreadable", shown, what, "E1101");
    }
    return read(realPath, info.size);
  } catch (error) {
    const missing = error instanceof host.errors.NotFound ||
      error instanceof host.errors.NotADirectory;
    return notRead(
      missing ? "not_found" : "unreadable",
      shown,
      missing ? "there is no such file" : why(error, path),
    );
  }
}

/** The contents of a file, which may grow meanwhile; null when it is too large. */
function readAtMost(
  path: string,
  sizeBytes: number,
  mostBytes: number,
): Uint8Array<ArrayBuffer> | null {
  const file = host.openSync(path);
  try {
    return readToEnd((chunk) => file.readSync(chunk), sizeBytes + 1, mostBytes);
  } finally {
    file.close();
  }
}

/** The input up to the end; null when it is too large. @param sizeBytes About how much. */
function readToEnd(
  read: (chunk: Uint8Array) => number | null,
  sizeBytes: number,
  mostBytes: number,
): Uint8Array<ArrayBuffer> | null {
  let bytes = new Uint8Array(sizeBytes);
  for (let length = 0;;) {
    const count = read(bytes.subarray(length));
    if (count === null) return bytes.subarray(0, length);
    length += count;
    if (length > mostBytes) return null;
    if (length < bytes.length) continue;
    const longer = new Uint8Array(2 * length);
    longer.set(bytes);
    bytes = longer;
  }
}

/** The standard input up to its end; or what is wrong, as a sentence without its end. */
export function readHostInput():
  | { readonly found: true; readonly bytes: Uint8Array }
  | { readonly found: false; readonly problem: string } {
  const { text: mostBytes } = READ_LIMITS;
  const bytes = readToEnd((chunk) => host.stdin.readSync(chunk), INPUT_CHUNK_BYTES, mostBytes);
  return bytes === null
    ? { found: false, problem: `The standard input has more than ${mostBytes} bytes` }
    : { found: true, bytes };
}

/** For the standard input, read at once. */
export const INPUT_CHUNK_BYTES = 2 ** 16;

function why(error: unknown, path: string): string {
  if (error instanceof host.errors.IsADirectory || isFolder(path)) return "it is a folder";
  return hostReason(error);
}

export function isFolder(path: string): boolean {
  try {
    return host.statSync(path).isDirectory;
  } catch {
    return false;
  }
}

/** The current folder with links resolved; empty where it may not be known. */
export function currentFolder(): string {
  try {
    return host.realPathSync(".");
  } catch {
    return "";
  }
}
