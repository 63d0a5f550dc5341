/** Compares the flush queue with a model of its rule that uses lists instead of rings. */
import { assertEquals } from "@std/assert";
import { VirtualClock } from "../time/clock.ts";
import { Random } from "../random.ts";
import { FlushQueue, type FlushReason } from "./flush_queue.ts";

const TICK_NS = 1_000_000;
const TIMEOUT_NS = 10_000_000;

interface Parked {
  readonly pfn: number;
  readonly pfns: number;
  readonly stamp: number;
  readonly addedNs: number;
}

/** The calls to the queue's owner, as text. */
type Calls = string[];

/** @see rules/dma.md 5.3 */
class ListedQueue {
  readonly rings: Parked[][];
  readonly calls: Calls = [];
  flushes = 0;
  timerAtNs: number | null = null;

  constructor(rings: number, readonly usable: number) {
    this.rings = Array.from({ length: rings }, () => []);
  }

  add(cpu: number, pfn: number, pfns: number, nowNs: number): void {
    const ring = this.rings[cpu % this.rings.length]!;
    this.#release(ring);
    if (ring.length === this.usable) {
      this.#flush("full", [ring]);
      this.#release(ring);
    }
    ring.push({ pfn, pfns, stamp: this.flushes, addedNs: nowNs });
    this.timerAtNs ??= Math.ceil((nowNs + TIMEOUT_NS) / TICK_NS) * TICK_NS;
  }

  expire(): void {
    this.timerAtNs = null;
    this.calls.push("begin");
    this.#flush("timer", this.rings);
    for (const ring of this.rings) this.#release(ring);
    this.calls.push("end");
  }

  drain(): void {
    this.timerAtNs = null;
    if (this.pending > 0) this.expire();
  }

  get pending(): number {
    return this.rings.flat().length;
  }

  #flush(reason: FlushReason, rings: readonly (readonly Parked[])[]): void {
    this.calls.push("flush all");
    this.flushes++;
    const covered = rings.flat().filter(({ stamp }) => stamp < this.flushes).length;
    this.calls.push(`${covered} by ${reason}`);
  }

  #release(ring: Parked[]): void {
    while (ring.length > 0 && ring[0]!.stamp < this.flushes) {
      const { pfn, pfns } = ring.shift()!;
      this.calls.push(`release ${pfn} ${pfns}`);
    }
  }
}

function queueOf(rings: number, entries: number) {
  const clock = new VirtualClock();
  const calls: Calls = [];
  const queue = new FlushQueue(
    {
      flushAll: () => calls.push("flush all"),
      flushed: (count, reason) => calls.push(`${count} by ${reason}`),
      releaseRange: (pfn, pfns) => calls.push(`release ${pfn} ${pfns}`),
      onTimer: (work) => {
        calls.push("begin");
        work();
        calls.push("end");
      },
    },
    clock,
    { rings, entries, timeoutNs: TIMEOUT_NS },
  );
  return { clock, queue, calls };
}

function assertSame(queue: FlushQueue, listed: ListedQueue): void {
  assertEquals([queue.started, queue.finished, queue.pending, queue.timerOn], [
    listed.flushes,
    listed.flushes,
    listed.pending,
    listed.timerAtNs !== null,
  ]);
  if (listed.timerAtNs !== null) {
    assertEquals(Math.ceil(queue.timerAtNs / TICK_NS) * TICK_NS, listed.timerAtNs);
  }
  const found: (readonly number[])[] = [];
  queue.forEach((pfn, pfns, ring, addedNs) => found.push([pfn, pfns, ring, addedNs]));
  const wanted = listed.rings.flatMap((parked, ring) =>
    parked.map(({ addedNs, pfn, pfns }) => [pfn, pfns, ring, addedNs])
  );
  assertEquals(found, wanted);
  for (const [ring, parked] of listed.rings.entries()) {
    assertEquals(queue.pendingIn(ring), parked.length);
    const [head, tail] = queue.ends(ring);
    assertEquals((tail - head + queue.entries) % queue.entries, parked.length);
  }
}

Deno.test("ranges wait, are flushed and go back as the rule says (dma.md 5.3)", () => {
  const random = new Random(53);
  for (const [rings, entries] of [[1, 2], [1, 5], [3, 4], [4, 8]] as const) {
    const { clock, queue, calls } = queueOf(rings, entries);
    const listed = new ListedQueue(rings, entries - 1);
    const advance = (ns: number) => {
      const end = clock.nowNs + ns;
      clock.advance(ns);
      if (listed.timerAtNs !== null && listed.timerAtNs <= end) listed.expire();
    };
    for (let step = 0; step < 300; step++) {
      const kind = random.below(30);
      if (kind < 24) {
        const [cpu, pfn, pfns] = [random.below(rings), 1 + random.below(40), random.between(1, 5)];
        queue.add(cpu, pfn, pfns);
        listed.add(cpu, pfn, pfns, clock.nowNs);
      } else if (kind < 29) advance(random.below(4_000_000));
      else {
        queue.drain();
        listed.drain();
      }
      assertEquals(calls.splice(0), listed.calls.splice(0));
      assertSame(queue, listed);
      for (let pfn = 0; pfn < 50; pfn += 1 + random.below(4)) {
        const parked = listed.rings.flat().filter((each) =>
          each.pfn <= pfn && pfn < each.pfn + each.pfns
        );
        const newest = Math.max(-1, ...parked.map(({ addedNs }) => addedNs));
        assertEquals(queue.parkedAtNs(pfn), newest);
      }
    }
    advance(TIMEOUT_NS + TICK_NS);
    assertEquals([queue.pending, queue.timerOn, clock.pendingTimers], [0, false, 0]);
  }
});
