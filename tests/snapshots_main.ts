/**
 * `deno task snapshots --update [PATH…]`: after an intended change, writes the present output of the named
 * scenarios. Without a path, writes the output of all scenarios with a snapshot, and the sums of the drawn
 * runs. Check the changes with git afterwards.
 */
import "@dmalab/bin/provide";
import { KEPT_SCENARIOS, printedBy, snapshotFile } from "./snapshots.ts";
import { writeSums } from "./sums/drawn_runs.ts";

const [option, ...named] = Deno.args;
const unknown = named.find((path) => !KEPT_SCENARIOS.includes(path));
if (option !== "--update" || unknown !== undefined) {
  console.error(`error: say --update [PATH…]; the scenarios are\n${KEPT_SCENARIOS.join("\n")}`);
  Deno.exit(2);
}
for (const path of named.length > 0 ? named : KEPT_SCENARIOS) {
  Deno.writeTextFileSync(snapshotFile(path), (await printedBy(path)).join("\n"));
}
if (named.length === 0) writeSums();
