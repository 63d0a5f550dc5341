/**
 * Reads text from the host, with an error sentence for everything that can go wrong. It uses only
 * `Deno`: `deno run scenario.dma` loads this file, and every further module would delay the start.
 */
import { host } from "./host.ts";
import { printable } from "@dmalab/lang/diagnostics";
import type { FileCode } from "./files/file_codes.ts";
import { READ_LIMITS } from "./files/file_limits.ts";
import { hostReason } from "./host_error.ts";
import { isInside } from "./paths.ts";

/**
 * A file's text, and its path with links resolved. If the file cannot be read, the reason as a
 * sentence without its full stop.
 */
export type HostFile =
  | { readonly found: true; readonly realPath: string; readonly text: string }
  | NotRead;

export interface NotRead {
  readonly found: false;
  readonly reason: "not_found" | "refused" | "unreadable";
  readonly problem: string;
  /** Null where the operating system refused, or the content is not text. */
  readonly code: FileCode | null;
}

interface ReadOptions {
  /** The file's name in messages; the default is its path. */
  readonly shown?: string;
  /** Limit of the file's size; a larger file is not read. */
  readonly mostBytes?: number;
  /** False for a path that dmalab chose, because a cloned repository can hold a link there. */
  readonly followsLinks?: boolean;
  /** Whether the file with this resolved path may be read. Set for a path that a script chose. */
  readonly accepts?: (realPath: string) => boolean;
}

/**
 * Folders of files that the kernel generates. Such a file can have any length, contain secrets, or
 * block its reader for ever.
 */
const NO_DISKS = ["/proc", "/sys"];

/**
 * Reads a UTF-8 file.
 *
 * @param path A path on the host.
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

/** Reads the bytes of a file: text of any encoding. */
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

/**
 * The resolved path and the size of a file that the caller reads piece by piece. The size is
 * therefore not limited.
 */
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

/** Runs an action on a regular file; returns the reason if the file cannot be read. */
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
    // Opening a pipe would wait for a writer, and a device has no end.
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
      missing ? `there is no such file${ownFile(shown)}` : why(error, path),
    );
  }
}

/** The folders that checkout and package have both, as help and docs name their files. */
const OWN_FOLDERS = /^(?:examples|docs)(?:\/|$)/;

/** A hint for a missing file, or folder, that dmalab's own folders have below the same name; else empty. */
function ownFile(path: string): string {
  if (!OWN_FOLDERS.test(path)) return "";
  // The folder of the sources, or of the package's bundle, is beside them.
  const own = decodeURIComponent(new URL(`../${path}`, import.meta.url).pathname);
  try {
    host.statSync(own);
    return `; dmalab's own is "${own}"`;
  } catch {
    return "";
  }
}

/** The content of a file; null if it is too large. The file may grow while it is read. */
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

/**
 * Reads an input up to its end; null if it is too large.
 * @param sizeBytes Expected size.
 */
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

/**
 * Reads the standard input up to its end. If it cannot be read, returns the reason as a sentence
 * without its full stop.
 */
export function readHostInput():
  | { readonly found: true; readonly bytes: Uint8Array }
  | { readonly found: false; readonly problem: string } {
  const { text: mostBytes } = READ_LIMITS;
  const bytes = readToEnd((chunk) => host.stdin.readSync(chunk), INPUT_CHUNK_BYTES, mostBytes);
  return bytes === null
    ? { found: false, problem: `The standard input has more than ${mostBytes} bytes` }
    : { found: true, bytes };
}

/** Number of bytes that are read from the standard input at once. */
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

/** The current folder with links resolved; empty where dmalab may not read it. */
export function currentFolder(): string {
  try {
    return host.realPathSync(".");
  } catch {
    return "";
  }
}
