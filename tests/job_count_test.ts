import { assertEquals } from "@std/assert";
import { type HostTimes, jobsWithin, WorkerStart } from "@dmalab/cli/extend";

const GIB = 2 ** 30;

Deno.test("there are as many jobs as processors, if half of the memory suffices for their limits", () => {
  // V8's heap may grow to a quarter of the memory, and to at most 4 GiB.
  assertEquals(jobsWithin(16, 4 * GIB, GIB), 16);
  assertEquals(jobsWithin(16, 2 * GIB, GIB), 4);
  assertEquals(jobsWithin(2, 2 * GIB, GIB), 2);
  assertEquals(jobsWithin(16, GIB / 8, GIB), 1);
  assertEquals(jobsWithin(16, GIB / 8, GIB / 8), 2);
});

/** A host of some processors, of which other programs keep a part busy. */
class BusyHost implements HostTimes {
  #nowMs = 0;

  constructor(readonly processors: number, readonly others: number, readonly isReadable = true) {}

  pass(ms: number): void {
    this.#nowMs += ms;
  }

  nowMs = () => this.#nowMs;
  /** This process uses one processor and a half. */
  ownMs = () => 1.5 * this.#nowMs;
  idleMs = () =>
    this.isReadable ? Math.max(0, this.processors - 1.5 - this.others) * this.#nowMs : null;
}

/** Workers after 0.4, 0.6, 0.7 and 0.9 seconds, with so much work left. */
function workersAt(host: BusyHost, leftMs: number, isGiven = false, warm = 0): number[] {
  const start = new WorkerStart({ most: host.processors, isGiven }, warm, host);
  return [400, 200, 100, 200].map((ms) => {
    host.pass(ms);
    return start.workers(() => leftMs);
  });
}

Deno.test("workers start when the rest takes longer than their start, on processors that are free", () => {
  assertEquals(workersAt(new BusyHost(2, 0), 10_000), [0, 0, 0, 1]);
  assertEquals(workersAt(new BusyHost(16, 3.8), 10_000), [0, 0, 0, 11]);
  // Less to do than a worker needs for its start.
  assertEquals(workersAt(new BusyHost(16, 0), 3_000), [0, 0, 0, 0]);
  // Another program has the second processor.
  assertEquals(workersAt(new BusyHost(2, 0.5), 10_000), [0, 0, 0, 0]);
  // Workers that have worked before need no start.
  assertEquals(workersAt(new BusyHost(2, 1), 3_000, false, 1), [0, 1, 1, 1]);
});

Deno.test("as many workers as --jobs asks for start after half a second, however busy the processors are", () => {
  assertEquals(workersAt(new BusyHost(2, 2), 600, true), [0, 1, 1, 1]);
  assertEquals(workersAt(new BusyHost(2, 2), 400, true), [0, 0, 0, 0]);
});

Deno.test("where the load may not be read, all processors count as free", () => {
  assertEquals(workersAt(new BusyHost(4, 4, false), 10_000), [0, 3, 3, 3]);
});
