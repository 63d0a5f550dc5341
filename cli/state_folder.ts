/** The files that dmalab keeps in the current folder, if Deno was started with `-R` and `-W`. */
import { FileError } from "./files/file_error.ts";
import { READ_LIMITS } from "./files/file_limits.ts";
import { host } from "./host.ts";
import { readHostFile } from "./host_file.ts";
import { appendFile, rewriteFile } from "./files/write_file.ts";

/** The folder of these files, next to the package that `dmalab init` installed. */
export const STATE_FOLDER = ".dmalab";

/** The file of the REPL's history. */
export const HISTORY = "history";
/** The file with the tests that failed in the last run. */
export const FAILED_TESTS = "failed";

const HINT = `remove it; dmalab keeps regular files in ${STATE_FOLDER}`;

/**
 * The nonempty lines of a state file; null for a missing or unreadable file.
 *
 * @throws {FileError} When the file belongs to another program.
 */
export function readStateLines(name: string): readonly string[] | null {
  if (!permitted("read")) return null;
  const path = `${STATE_FOLDER}/${name}`;
  if (isLink(STATE_FOLDER)) {
    throw new FileError(
      `Cannot read "${path}": "${STATE_FOLDER}" is a symbolic link`,
      "E1101",
      HINT,
    );
  }
  const file = readHostFile(path, { followsLinks: false, mostBytes: READ_LIMITS.own });
  if (file.found) return file.text.split("\n").filter((line) => line !== "");
  if (file.reason === "not_found") return null;
  throw new FileError(file.problem, file.code, HINT);
}

function isLink(path: string): boolean {
  try {
    return host.lstatSync(path).isSymlink;
  } catch {
    return false;
  }
}

/** Writes lines to a state file, where that is permitted. @throws {FileError} */
export function writeOwnLines(name: string, lines: readonly string[]): void {
  if (permitted("read") && permitted("write")) rewriteFile(stateFile(name), textOf(lines));
}

/** Appends lines to a state file, where that is permitted. @throws {FileError} */
export function appendOwnLines(name: string, lines: readonly string[]): void {
  if (permitted("read") && permitted("write")) appendFile(stateFile(name), textOf(lines));
}

/** The write target of a state file. */
export function stateFile(name: string): { readonly folder: string; readonly name: string } {
  return { folder: ".", name: `${STATE_FOLDER}/${name}` };
}

function textOf(lines: readonly string[]): string {
  return lines.map((line) => `${line}\n`).join("");
}

/** Whether Deno may read, or write, the folder. */
export function permitted(name: "read" | "write"): boolean {
  return host.permissions.querySync({ name, path: STATE_FOLDER }).state === "granted";
}
