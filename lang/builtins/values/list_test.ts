import { assertEquals } from "@std/assert";
import { runScript } from "../../testing/run_script.ts";

Deno.test("show of records with the same keys is a table, numbers to the right", () => {
  const { output, problems } = runScript(`
show [
  { mode: strict, syncs: 100, time: 35us },
  { mode: lazy, syncs: 1, time: 700ns },
]`);
  assertEquals(problems, []);
  assertEquals(output, [
    "mode    syncs   time",
    "──────  ─────  ─────",
    "strict    100   35us",
    "lazy        1  700ns",
  ]);
});
