/**
 * What was typed in earlier sessions, kept in `.dmalab/history` of the current folder.
 *
 * Only where Deno was started with `-W`: a session without it leaves no trace.
 */
import { host } from "../host.ts";
import { HISTORY, OWN_FOLDER } from "../own_folder.ts";

const FILE = `${OWN_FOLDER}/${HISTORY}`;
const KEPT_LINES = 1000;

/** Lines of earlier sessions, oldest first. */
export function readHistory(): readonly string[] {
  if (!permitted("read")) return [];
  try {
    return host.readTextFileSync(FILE).split("\n").filter((line) => line !== "");
  } catch (error) {
    if (error instanceof host.errors.NotFound) return [];
    throw error;
  }
}

/** Keeps the last lines, where that is permitted. */
export function writeHistory(lines: readonly string[]): void {
  if (!permitted("write")) return;
  const kept = lines.filter((line) => line.trim() !== "").slice(-KEPT_LINES);
  host.mkdirSync(OWN_FOLDER, { recursive: true });
  host.writeTextFileSync(FILE, kept.map((line) => `${line}\n`).join(""));
}

function permitted(name: "read" | "write"): boolean {
  return host.permissions.querySync({ name, path: OWN_FOLDER }).state === "granted";
}
