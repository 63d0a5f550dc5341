import { assert, assertEquals } from "@std/assert";
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

Deno.test("show of other items, of records of several kinds, and of wide ones, is a line for each", () => {
  const { output, problems } = runScript(`
show [1, 2]
show [{ a: 1 }, { b: 2 }]
show [{ a: "${"x".repeat(100)}" }]
show []`);
  assertEquals(problems, []);
  assertEquals(output.slice(0, 4), ["   0  1", "   1  2", "   0  { a: 1 }", "   1  { b: 2 }"]);
  assert(output.every((line) => line.length <= 80));
  assertEquals(output.at(-1), "[]");
});
