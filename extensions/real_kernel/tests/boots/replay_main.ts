/**
 * Compares the recorded boots with the model, and prints the first difference as
 * `BOOT TEST: DIFFERENCE`; `same` if there is none.
 */
import { recordedBoots, replayBoot } from "./recorded_boots.ts";

let difference: string | null = null;
for (const boot of recordedBoots()) {
  const first = (await replayBoot(boot)).find((test) => test.difference !== null);
  if (first === undefined) continue;
  difference = `${first.name}: ${first.difference}`;
  break;
}
console.log(difference ?? "same");
