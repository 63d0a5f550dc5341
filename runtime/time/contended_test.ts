import { assert, assertEquals } from "@std/assert";
import { Contended } from "./contended.ts";
import { Random } from "../random.ts";

Deno.test("a lock is held by one at a time, as early as it is free for so long, in any order of asking", () => {
  const random = new Random(7);
  const lock = new Contended("depot", 0);
  const busy = new Set<number>();
  for (let round = 0; round < 400; round++) {
    const nowNs = random.below(1000);
    const holdNs = 1 + random.below(8);
    let expected = nowNs;
    const isFree = (from: number) =>
      Array.from({ length: holdNs }, (_, ns) => from + ns).every((ns) => !busy.has(ns));
    while (!isFree(expected)) expected++;
    assertEquals(lock.hold(nowNs, holdNs), expected);
    for (let ns = 0; ns < holdNs; ns++) busy.add(expected + ns);
  }
  assert(busy.size > 1000, "so much that some had to wait for long");
});

Deno.test("of more holds than are kept the gaps between the oldest count as held", () => {
  const lock = new Contended("depot", 0);
  for (let hold = 0; hold < 5000; hold++) assertEquals(lock.hold(10 * hold, 5), 10 * hold);
  // Before the first it is still free, in the newest gaps too, and nowhere in between.
  const waited = lock.hold(15, 5);
  assert(waited > 30_000 && waited % 10 === 5, `${waited}`);
  assertEquals(lock.hold(49_905, 5), 49_905);
});

Deno.test("holds that follow each other without a gap are kept as one", () => {
  const lock = new Contended("depot", 0);
  lock.hold(0, 5);
  for (let hold = 10; hold < 5000; hold++) assertEquals(lock.hold(hold, 1), hold);
  assertEquals(lock.hold(7, 2), 7, "the gap before them is still free");
});
