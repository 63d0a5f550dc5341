/**
 * Compares the results of drawn runs, by kinds of events and by rules, with tests/sums/drawn.txt.
 * Like tests/snapshots_test.ts, this test does not check whether the results are correct: after an
 * intended change, `deno task snapshots --update` writes the text.
 */
import { changedLines } from "@dmalab/cli/testing";
import { assertEquals } from "@std/assert";
import { DRAWN_RUNS, readSums, sumLines } from "./sums/drawn_runs.ts";

const kept = readSums();

for (const [name, run] of DRAWN_RUNS) {
  Deno.test(`${name} comes to what it came to before`, () => {
    const changed = changedLines(kept.get(name) ?? [], sumLines(run)).join("\n");
    if (changed === "") return;
    throw new Error(`\n${changed}\nif that was meant: deno task snapshots --update`);
  });
}

Deno.test("tests/sums/drawn.txt keeps no run that is gone", () => {
  assertEquals([...kept.keys()], [...DRAWN_RUNS.keys()]);
});
