/**
 * The captured data as separate tests: one for each run and one for each file of cases. Only `deno task
 * script mutate` uses them. `conformance_long_test.ts` replays all of the data in one test. Here a
 * group can notice a mutant without waiting for the other groups.
 */
import { assertEquals } from "@std/assert";
import { fileURLToPath } from "node:url";
import { isWitness } from "../conformance/hold_groups.ts";
import { replayGroups } from "../conformance/replay.ts";
import recorded from "../conformance_agreement.json" with { type: "json" };

const GOLDEN = fileURLToPath(new URL("../golden", import.meta.url));

/** All groups of one run of a kernel are replayed together. */
function unitOf(group: string): string {
  return /^(kernel|releases)\//.test(group) ? `run ${group.split("/").at(-1)}` : group;
}

for (const [unit, groups] of Map.groupBy(Object.entries(recorded), ([name]) => unitOf(name))) {
  const size = groups.some(([name]) => isWitness(name)) ? "" : " (long)";
  Deno.test(`${unit} agrees as it did${size}`, async () => {
    const results: [string, number[]][] = [];
    for await (
      const { name, agree, total } of replayGroups(GOLDEN, (each) => unitOf(each) === unit)
    ) {
      results.push([name, [agree, total]]);
    }
    assertEquals(Object.fromEntries(results), Object.fromEntries(groups));
  });
}
