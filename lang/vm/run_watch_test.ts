import { assertEquals, assertThrows } from "@std/assert";
import { LimitError } from "../values/script_error.ts";
import { RunWatch } from "./run_watch.ts";

Deno.test("a run is held to the host's own account, once what nothing leads to is given back", () => {
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
  // Near the limit, a sixteenth of it may be taken between two collections.
  heldBytes = 1400;
  assertEquals([take(1501), take(100), take(1), take(99)], [3, 3, 4, 4]);
  heldBytes = 1401;
  const error = assertThrows(() => take(10), LimitError, "more than 1_600 bytes of the host");
  assertEquals([error.code, error.hint], [
    "E0802",
    "`--max-memory 3_200` allows twice as much",
  ]);
});

Deno.test("memory is looked at some hundred times a second, the clock at each look", () => {
  let nowMs = 0;
  let looks = 0;
  const host = {
    nowMs: () => nowMs++,
    interrupted: () => false,
    memory: {
      takenBytes: () => {
        looks++;
        return 0;
      },
      collect: () => 0,
    },
  };
  const watch = new RunWatch(host, { timeMs: 101, memoryBytes: 1 });
  const error = assertThrows(() => {
    for (;;) watch.check();
  }, LimitError);
  assertEquals([error.code, nowMs, looks], ["E0806", 102, 21]);
});
