/**
 * What drawn runs come to, by kinds of events and by rules, against tests/sums/drawn.txt. As
 * tests/snapshots_test.ts this says nothing about right or wrong: after a change that was meant,
 * `deno task snapshots --update` writes the text.
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
