/** Command lines, done one after the other by one process. */
import { assert } from "@std/assert";
import { join } from "node:path";
import { ROOT } from "../source_text.ts";
import type { Done, Todo } from "./places.ts";

/** Longer than all of them take, and shorter than anyone waits for a writer of a pipe. */
const PATIENCE_MS = 300_000;

/** @param folder Where the list of them may be kept. */
export async function doAll(todo: readonly Todo[], folder: string): Promise<readonly Done[]> {
  const list = join(folder, "todo.json");
  Deno.writeTextFileSync(list, JSON.stringify(todo));
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", "tests/hostile/places_main.ts", list],
    cwd: ROOT,
    stdin: "null",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const killer = setTimeout(() => child.kill("SIGKILL"), PATIENCE_MS);
  const { stdout, success } = await child.output();
  clearTimeout(killer);
  assert(success, "one of them waits for ever, or ends the process");
  return JSON.parse(new TextDecoder().decode(stdout)) as readonly Done[];
}
