/**
 * Reading text from the host, with a sentence for whatever can go wrong. `Deno` alone is used here:
 * this file lies on the way of `deno run scenario.dma`, where every module loaded costs start-up.
 */
import { host } from "./host.ts";
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
      problem: `Cannot read "${shown}": it is not UTF-8 text`,
    };
  }
}

/** The same for text of any encoding. */
export function readHostBytes(
  path: string,
  shown: string = path,
): { readonly found: true; readonly realPath: string; readonly bytes: Uint8Array } | NotRead {
  try {
    const realPath = host.realPathSync(path);
    return { found: true, realPath, bytes: host.readFileSync(realPath) };
  } catch (error) {
    const missing = error instanceof host.errors.NotFound ||
      error instanceof host.errors.NotADirectory;
    return {
      found: false,
      reason: missing ? "not_found" : "unreadable",
      problem: `Cannot read "${shown}": ${missing ? "there is no such file" : why(error, path)}`,
    };
  }
}

function why(error: unknown, path: string): string {
  if (error instanceof host.errors.IsADirectory || isFolder(path)) return "it is a folder";
  if (error instanceof host.errors.PermissionDenied) return "the system does not permit it";
  if (error instanceof host.errors.NotCapable) {
    return "Deno was not permitted to; start it with -R=DIR for the file's folder";
  }
  return error instanceof Error ? error.message : String(error);
}

/** Writes a file; false, after saying why not. */
export function writeHostFile(path: string, text: string, screen: Screen): boolean {
  return putText(path, text, false, screen);
}

/** Writes at the end of a file; false, after saying why not. */
export function appendHostFile(path: string, text: string, screen: Screen): boolean {
  return putText(path, text, true, screen);
}

function putText(path: string, text: string, append: boolean, screen: Screen): boolean {
  try {
    host.writeTextFileSync(path, text, { append });
    return true;
  } catch (error) {
    const why = error instanceof host.errors.NotCapable
      ? "Deno was not permitted to; start it with -W=DIR for the file's folder"
      : error instanceof host.errors.PermissionDenied
      ? "the system does not permit it"
      : (error as Error).message;
    screen.err(`error: Cannot write "${path}": ${why}\n`);
    return false;
  }
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
