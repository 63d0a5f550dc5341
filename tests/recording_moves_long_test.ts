/**
 * Every run of every example is the same when it is recorded, when it is recorded again, and after any
 * moves in it. This test compares only the beginning of each run; `deno task script record-moves`
 * compares whole runs.
 */
import { assert } from "@std/assert";
import { scenariosBelow } from "./examples.ts";
import { compareRuns, moveAtRandom, recordingsOf } from "./recording/same_run.ts";

const SAMPLE = { compared: 2000, moves: 400, looks: 3 };
/**
 * `RANDOM_MOVES`: number of random moves in one run. `LOOK_EVERY`: number of moves between two
 * comparisons.
 */
const RANDOM_MOVES = 10_000;
const LOOK_EVERY = 100;

for (const path of scenariosBelow("examples")) {
  Deno.test(`runs of ${path} are the same recorded, again and plain, there and back`, () => {
    compareRuns(path, SAMPLE);
  });
}

Deno.test(`${RANDOM_MOVES} random moves end where a fresh run to that place ends`, () => {
  const path = scenariosBelow("examples").find((each) => each.startsWith("examples/nvme/04-"))!;
  const [longest] = [...recordingsOf(path)].toSorted((a, b) => b.log.count - a.log.count);
  const places = moveAtRandom(longest!, RANDOM_MOVES, LOOK_EVERY);
  assert(places > 50, `only ${places} places`);
});
