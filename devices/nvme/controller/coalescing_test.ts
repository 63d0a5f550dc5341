import { assertEquals } from "@std/assert";
import { VirtualClock } from "../../../runtime/time/clock.ts";
import { InterruptCoalescing } from "./coalescing.ts";
import type { CompletionQueue } from "./queues.ts";

/** Time, and the vectors that interrupted, each with when. */
function bench() {
  const clock = new VirtualClock();
  const raised: [vector: number, atNs: number][] = [];
  const coalescing = new InterruptCoalescing(clock, (vector) => raised.push([vector, clock.nowNs]));
  const queue = (vector: number) => ({ vector }) as CompletionQueue;
  return {
    clock,
    coalescing,
    /** Posts so many entries, and tells who has interrupted since. */
    post: (count: number, vector = 1) => {
      for (let left = count; left > 0; left--) coalescing.posted(queue(vector));
      return raised.splice(0);
    },
    take: (vector = 1) => coalescing.taken(queue(vector)),
    wait: (ns: number) => {
      clock.advance(ns);
      return raised.splice(0);
    },
  };
}

/** Feature 08h: a threshold, zero-based, and a time in units of 100 us. */
const feature = (entries: number, units: number) => (entries - 1) + units * 256;

Deno.test("without a time or with a threshold of one each entry interrupts (NVMe 5.21.1.8)", () => {
  for (const value of [null, feature(1, 1), feature(5, 0), feature(256, 0)]) {
    const { coalescing, post, wait } = bench();
    if (value !== null) coalescing.set(value);
    assertEquals(post(3), [[1, 0], [1, 0], [1, 0]], `${value}`);
    assertEquals(wait(1e9), []);
  }
});

Deno.test("as many entries as the threshold are one interrupt, again and again (NVMe 5.21.1.8)", () => {
  for (const entries of [2, 3, 256]) {
    const { coalescing, post, wait } = bench();
    coalescing.set(feature(entries, 1));
    for (let round = 0; round < 3; round++) {
      assertEquals(post(entries - 1), []);
      assertEquals(post(1), [[1, 0]]);
    }
    // No interrupt is held back: no timer runs.
    assertEquals(wait(1e9), []);
  }
});

Deno.test("fewer entries interrupt when the time of the first of them is over (NVMe 5.21.1.8)", () => {
  const { coalescing, post, wait } = bench();
  coalescing.set(feature(4, 3));
  post(1);
  wait(200_000);
  post(2);
  assertEquals(wait(99_999), []);
  assertEquals(wait(1), [[1, 300_000]]);
  assertEquals(wait(1e9), []);
  // It begins anew, with all of the threshold and all of the time.
  assertEquals(post(3), []);
  assertEquals(wait(300_000), [[1, 1_000_000_000 + 600_000]]);
  assertEquals(bench().post(1), [[1, 0]]);
});

Deno.test("the longest time is 255 units, and each vector counts for itself", () => {
  const { coalescing, post, wait } = bench();
  coalescing.set(feature(2, 255));
  post(1, 1);
  post(1, 2);
  assertEquals(post(1, 2), [[2, 0]]);
  assertEquals(wait(25_499_999), []);
  assertEquals(wait(1), [[1, 25_500_000]]);
});

Deno.test("what the host has taken by itself is nothing to tell of", () => {
  const { coalescing, post, take, wait } = bench();
  coalescing.set(feature(3, 1));
  take();
  post(2);
  take();
  assertEquals(wait(1e6), []);
  assertEquals(post(2), []);
  assertEquals(post(1), [[1, 1_000_000]]);
});

Deno.test("switching it off, and excepting a vector, interrupts for what was held back (NVMe 5.21.1.9)", () => {
  const { coalescing, post, wait } = bench();
  coalescing.set(feature(4, 10));
  post(1, 1);
  post(2, 2);
  coalescing.set(0);
  assertEquals(post(0), [[1, 0], [2, 0]]);
  coalescing.set(0);
  assertEquals(post(0), []);
  coalescing.set(feature(4, 10));
  post(1, 1);
  post(1, 2);
  const [excepted, ordinary] = [0x1_0002, 0x0_0002];
  coalescing.setVector(excepted);
  assertEquals(post(0), [[2, 0]]);
  coalescing.setVector(excepted);
  assertEquals(post(1, 2), [[2, 0]]);
  assertEquals(post(2, 1), []);
  coalescing.setVector(ordinary);
  assertEquals(post(1, 2), []);
  assertEquals(wait(1_000_000), [[1, 1_000_000], [2, 1_000_000]]);
});

Deno.test("a reset forgets settings, exceptions and what was held back", () => {
  const { coalescing, post, wait } = bench();
  coalescing.set(feature(4, 1));
  coalescing.setVector(0x1_0002);
  post(2, 1);
  coalescing.reset();
  assertEquals(wait(1e6), []);
  assertEquals(post(1, 1), [[1, 1_000_000]]);
  coalescing.set(feature(2, 1));
  assertEquals([post(1, 2), post(1, 1)], [[], []]);
  assertEquals(post(1, 1), [[1, 1_000_000]]);
});
