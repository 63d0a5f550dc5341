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

Deno.test("show of a record places a list that is longer than a line below its field", () => {
  assertEquals(
    runScript(`
show { runs: 3, failures: [], outcomes: [{ order: "ABB", orders: 2, outcome: "ends well, as it should" }, { order: "BBA", orders: 1, outcome: "fails" }] }`)
      .output,
    [
      "  runs      3",
      "  failures  []",
      "  outcomes  2 items",
      "    order  orders  outcome",
      "    ─────  ──────  ───────────────────────",
      "    ABB         2  ends well, as it should",
      "    BBA         1  fails",
    ],
  );
});
