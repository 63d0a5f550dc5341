/** What dmalab keeps in the current folder, where Deno was started with `-W`. */
import { host } from "./host.ts";

/** Where: beside the package that `dmalab init` put there. */
export const OWN_FOLDER = ".dmalab";

/** The file of the REPL's history. */
export const HISTORY = "history";
/** The file with the tests that failed in the last run. */
export const FAILED_TESTS = "failed";

/** The lines of a file of ours that are not empty; null when there is none, or it may not be read. */
export function readOwnLines(name: string): readonly string[] | null {
  if (!permitted("read")) return null;
  try {
    return host.readTextFileSync(`${OWN_FOLDER}/${name}`).split("\n").filter((line) => line !== "");
  } catch (error) {
    if (error instanceof host.errors.NotFound) return null;
    throw error;
  }
}

/** Keeps lines, where that is permitted. */
export function writeOwnLines(name: string, lines: readonly string[]): void {
  if (!permitted("write")) return;
  host.mkdirSync(OWN_FOLDER, { recursive: true });
  host.writeTextFileSync(`${OWN_FOLDER}/${name}`, lines.map((line) => `${line}\n`).join(""));
}

/** Keeps lines behind those that are there, where that is permitted. */
export function appendOwnLines(name: string, lines: readonly string[]): void {
  if (!permitted("write")) return;
  host.mkdirSync(OWN_FOLDER, { recursive: true });
  const text = lines.map((line) => `${line}\n`).join("");
  host.writeTextFileSync(`${OWN_FOLDER}/${name}`, text, { append: true });
}

/** Whether the folder may be read, or written. */
export function permitted(name: "read" | "write"): boolean {
  return host.permissions.querySync({ name, path: OWN_FOLDER }).state === "granted";
}
