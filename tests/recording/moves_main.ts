/**
 * `deno task record-moves [EXAMPLE…]`: every run of every example against itself, event by event and
 * row by row to its end, there and back; and ten thousand random moves, a fresh run after each.
 */
import { scenariosBelow } from "../examples.ts";
import { type Compared, compareRuns, moveAtRandom, recordingsOf } from "./same_run.ts";

const ALL = { compared: Infinity, moves: 100_000, looks: 10 };
const RANDOM_MOVES = 10_000;

const meant = Deno.args;
const paths = scenariosBelow("examples")
  .filter((path) => meant.length === 0 || meant.some((part) => path.includes(part)));
const sum: Compared = { runs: 0, events: 0, moves: 0, looks: 0 };
for (const path of paths) {
  const done = compareRuns(path, ALL);
  for (const key of Object.keys(sum) as (keyof Compared)[]) sum[key] += done[key];
  console.log(`${path}: ${done.runs} runs, ${done.events} events`);
}
const { events, looks, moves, runs } = sum;
console.log(
  `${runs} runs of ${paths.length} examples: ${events} events twice, ${moves} moves there and back, ` +
    `${looks} looks against fresh runs; nothing differs`,
);
for (const path of paths.filter((path) => path.startsWith("examples/nvme/04-"))) {
  const [longest] = [...recordingsOf(path)].toSorted((a, b) => b.log.count - a.log.count);
  const places = moveAtRandom(longest!, RANDOM_MOVES, 1);
  console.log(`${RANDOM_MOVES} random moves in ${path} to ${places} places, each as a fresh run`);
}
