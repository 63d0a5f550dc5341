/**
 * Reading text from the host, with a sentence for whatever can go wrong. `Deno` alone is used here:
 * this file lies on the way of `deno run scenario.dma`, where every module loaded costs start-up.
 */
import { host } from "./host.ts";
import { printable } from "../lang/diagnostics/display_width.ts";
import { hostReason, isFullDisk } from "./host_error.ts";
import { folderOf } from "./paths.ts";
import type { Screen } from "./screen.ts";

/** A file's text and where it really is; or what is wrong, as a sentence without its end. */
export type HostFile =
  | { readonly found: true; readonly realPath: string; readonly text: string }
  | NotRead;

export interface NotRead {
  readonly found: false;
  readonly reason: "not_found" | "unreadable";
  readonly problem: string;
}

/**
 * Reads a UTF-8 file; links are followed.
 *
 * @param path As the host understands it.
 * @param shown How messages call it.
 */
export function readHostFile(path: string, shown: string = path): HostFile {
  const file = readHostBytes(path, shown);
  if (!file.found) return file;
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(file.bytes);
    return { found: true, realPath: file.realPath, text };
  } catch {
    return {
      found: false,
      reason: "unreadable",
      problem: `Cannot read "${printable(shown)}": it is not UTF-8 text`,
    };
  }
}

/** Bytes of a file that are read at most: no scenario and no listing has so many. */
const MOST_BYTES = 2 ** 25;

/** The same for text of any encoding. */
export function readHostBytes(
  path: string,
  shown: string = path,
): { readonly found: true; readonly realPath: string; readonly bytes: Uint8Array } | NotRead {
  return withHostFile(path, shown, (realPath, sizeBytes) => {
    const bytes = readAtMost(realPath, sizeBytes);
    return bytes === null
      ? notRead("unreadable", shown, `it has more than ${MOST_BYTES} bytes`)
      : { found: true, realPath, bytes };
  });
}

/** Where a file of any size really is, to be read piece by piece. */
export function findHostFile(
  path: string,
  shown: string = path,
): { readonly found: true; readonly realPath: string; readonly sizeBytes: number } | NotRead {
  return withHostFile(path, shown, (realPath, sizeBytes) => {
    host.openSync(realPath).close();
    return { found: true, realPath, sizeBytes };
  });
}

function notRead(reason: NotRead["reason"], shown: string, problem: string): NotRead {
  return { found: false, reason, problem: `Cannot read "${printable(shown)}": ${problem}` };
}

/** What is done with a file that is one, or why it cannot be read. */
function withHostFile<Result>(
  path: string,
  shown: string,
  read: (realPath: string, sizeBytes: number) => Result | NotRead,
): Result | NotRead {
  try {
    const realPath = host.realPathSync(path);
    const info = host.statSync(realPath);
    if (info.isDirectory) return notRead("unreadable", shown, "it is a folder");
    // Opened, a pipe would wait for a writer, and a device has no end.
    if (!info.isFile) {
      return notRead("unreadable", shown, "it is no file but a pipe, a socket or a device");
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

/** What a file has, however much it grows meanwhile; null when it is more than is read. */
function readAtMost(path: string, sizeBytes: number): Uint8Array | null {
  if (sizeBytes > MOST_BYTES) return null;
  const file = host.openSync(path);
  try {
    return readToEnd((chunk) => file.readSync(chunk), sizeBytes + 1);
  } finally {
    file.close();
  }
}

/** What comes up to the end; null when it is more than is read. @param sizeBytes About how much. */
function readToEnd(
  read: (chunk: Uint8Array) => number | null,
  sizeBytes: number,
): Uint8Array | null {
  let bytes = new Uint8Array(sizeBytes);
  for (let length = 0;;) {
    const count = read(bytes.subarray(length));
    if (count === null) return bytes.subarray(0, length);
    length += count;
    if (length > MOST_BYTES) return null;
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
  const bytes = readToEnd((chunk) => host.stdin.readSync(chunk), INPUT_CHUNK_BYTES);
  return bytes === null
    ? { found: false, problem: `The standard input has more than ${MOST_BYTES} bytes` }
    : { found: true, bytes };
}

const INPUT_CHUNK_BYTES = 2 ** 16;

function why(error: unknown, path: string): string {
  if (error instanceof host.errors.IsADirectory || isFolder(path)) return "it is a folder";
  if (error instanceof host.errors.NotCapable) {
    return "Deno was not permitted to; start it with -R=DIR for the file's folder";
  }
  return hostReason(error);
}

/** Writes a file; false, after saying why not. */
export function writeHostFile(path: string, text: string, screen: Pick<Screen, "err">): boolean {
  return putText(path, text, false, screen);
}

/** Writes at the end of a file; false, after saying why not. */
export function appendHostFile(path: string, text: string, screen: Pick<Screen, "err">): boolean {
  return putText(path, text, true, screen);
}

function putText(
  path: string,
  text: string,
  append: boolean,
  screen: Pick<Screen, "err">,
): boolean {
  try {
    host.writeTextFileSync(path, text, { append });
    return true;
  } catch (error) {
    // That has an exit code of its own, whatever was to be written.
    if (isFullDisk(error)) throw error;
    screen.err(`error: Cannot write "${printable(path)}": ${whyNotWritten(error, path)}\n`);
    return false;
  }
}

function whyNotWritten(error: unknown, path: string): string {
  if (path === "") return "a file has a name";
  if (isFolder(path)) return "it is a folder";
  if (error instanceof host.errors.NotFound || error instanceof host.errors.NotADirectory) {
    return `there is no folder "${folderOf(path)}"`;
  }
  return error instanceof host.errors.NotCapable
    ? "Deno was not permitted to; start it with -W=DIR for the file's folder"
    : hostReason(error);
}

/** Whether a path is a folder that can be looked at. */
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
