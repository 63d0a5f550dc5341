import { assertEquals, assertThrows } from "@std/assert";
import { LimitError } from "../values/script_error.ts";
import { RunWatch } from "./run_watch.ts";

Deno.test("a run is held to the host's own account, once what nothing references is released", () => {
  let nowMs = 0;
  let takenBytes = 0;
  let heldBytes = 0;
  let collections = 0;
  const host = {
    nowMs: () => nowMs += 10,
    interrupted: () => false,
    memory: {
      takenBytes: () => takenBytes,
      collect: () => {
        collections++;
        return takenBytes = heldBytes;
      },
    },
  };
  const watch = new RunWatch(host, { timeMs: 10_000, memoryBytes: 1600 });
  const take = (bytes: number) => {
    takenBytes += bytes;
    watch.check();
    return collections;
  };
  // Garbage is collected and does not count.
  assertEquals([take(1500), take(1), take(1500), take(1)], [0, 1, 1, 2]);
  // Near the limit, a sixteenth of the limit may be taken between two collections.
  heldBytes = 1400;
  assertEquals([take(1501), take(100), take(1), take(99)], [3, 3, 4, 4]);
  heldBytes = 1401;
  const error = assertThrows(() => take(10), LimitError, "more than 1_600 bytes of host memory");
  assertEquals([error.code, error.hint], [
    "E0802",
    "`--limit memory-bytes=3_200` allows twice as much",
  ]);
});

/**
 * Checks the limits at each of the moments; a moment is a wall-clock time and a processor time.
 * @returns The index of the failing check and its error.
 */
function endOf(
  moments: readonly (readonly [nowMs: number, processorMs: number])[],
): readonly [index: number, message: string] | null {
  let now: readonly [number, number] = [5000, 70_000];
  const host = {
    nowMs: () => now[0],
    processorMs: () => now[1],
    interrupted: () => false,
  };
  const watch = new RunWatch(host, { timeMs: 60_000, memoryBytes: 1 });
  for (const [index, [nowMs, processorMs]] of moments.entries()) {
    now = [5000 + nowMs, 70_000 + processorMs];
    try {
      watch.check();
    } catch (error) {
      return [index, (error as LimitError).message];
    }
  }
  return null;
}

/**
 * The wall-clock time and the processor time at each second of a run, in milliseconds. The run gets
 * the share `part` of a processor.
 */
const secondsOf = (count: number, part: number) =>
  Array.from({ length: count }, (_, second) => [1000 * second, 1000 * part * second] as const);

Deno.test("a run whose first look comes late is not charged for what its host did meanwhile", () => {
  assertEquals(endOf([[0, 0], [100_000, 3000], [101_000, 4000]]), null);
  // From the first check on, the run's processor time counts.
  assertEquals(endOf([[100_000, 3000], [200_000, 61_000], [300_000, 63_000]])?.[0], 2);
});

Deno.test("many threads of one process are not ended before the clock says so", () => {
  assertEquals(endOf(secondsOf(1000, 4)), [61, "The run took longer than 60s of CPU time"]);
});
