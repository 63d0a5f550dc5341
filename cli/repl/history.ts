/**
 * What was typed in earlier sessions, kept in `.dmalab/history` of the current folder.
 *
 * Only where Deno was started with `-W`: a session without it leaves no trace.
 */
const FOLDER = ".dmalab";
const FILE = `${FOLDER}/history`;
const KEPT_LINES = 1000;

/** Lines of earlier sessions, oldest first. */
export function readHistory(): readonly string[] {
  if (!permitted("read")) return [];
  try {
    return Deno.readTextFileSync(FILE).split("\n").filter((line) => line !== "");
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}

/** Keeps the last lines, where that is permitted. */
export function writeHistory(lines: readonly string[]): void {
  if (!permitted("write")) return;
  const kept = lines.filter((line) => line.trim() !== "").slice(-KEPT_LINES);
  Deno.mkdirSync(FOLDER, { recursive: true });
  Deno.writeTextFileSync(FILE, kept.map((line) => `${line}\n`).join(""));
}

function permitted(name: "read" | "write"): boolean {
  return Deno.permissions.querySync({ name, path: FOLDER }).state === "granted";
}
