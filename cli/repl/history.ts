/** What was typed in earlier sessions of the REPL, in the current folder. */
import { HISTORY, readOwnLines, writeOwnLines } from "../own_folder.ts";

const KEPT_LINES = 1000;

/** Lines of earlier sessions, oldest first. */
export function readHistory(): readonly string[] {
  return readOwnLines(HISTORY) ?? [];
}

/** Keeps the last lines, where that is permitted. */
export function writeHistory(lines: readonly string[]): void {
  writeOwnLines(HISTORY, lines.filter((line) => line.trim() !== "").slice(-KEPT_LINES));
}
