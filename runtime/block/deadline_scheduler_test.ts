import { assert, assertEquals } from "@std/assert";
import type { PhysAddr } from "../address.ts";
import { VirtualClock } from "../time/clock.ts";
import { EventStream } from "../events.ts";
import { resolveKernel } from "../kernels/kernels.ts";
import { Bio, type BlockOp } from "./bio.ts";
import { DeadlineScheduler } from "./deadline_scheduler.ts";
import { type NoMerges, RequestMerger } from "./merge.ts";
import { deriveLimits } from "./queue_limits.ts";
import { BlockRequest } from "./request.ts";

const LIMITS = deriveLimits({ maxHwSectors: 1024, dmaAlignmentMask: 3 }, 8192);
assert(typeof LIMITS !== "number");
const limits = LIMITS;

function bio(sector: number, op: BlockOp = "read"): Bio {
  return new Bio(op, sector, [{ phys: 0x100_0000 as PhysAddr, sizeBytes: 4096 }], 4096);
}

class Queue {
  readonly clock = new VirtualClock();
  readonly scheduler = new DeadlineScheduler<BlockRequest>(this.clock);
  merger: RequestMerger;

  constructor(nomerges: NoMerges = 0) {
    this.merger = this.mergerOf(nomerges);
  }

  mergerOf(nomerges: NoMerges): RequestMerger {
    const kernel = resolveKernel({ kernel: "7.2.12", quirks: new Set() });
    return new RequestMerger(limits, kernel, new EventStream(this.clock), nomerges);
  }

  insert(sector: number, op: BlockOp = "read"): BlockRequest {
    const request = new BlockRequest("disk", op, [bio(sector, op)], limits);
    request.nrPhysSegments = 1;
    this.scheduler.insert(request);
    return request;
  }

  join(sector: number): BlockRequest | null {
    return this.scheduler.join(this.merger, bio(sector), 1);
  }

  drain(): number[] {
    const sectors: number[] = [];
    for (let next = this.scheduler.next(); next !== null; next = this.scheduler.next()) {
      sectors.push(next.sector);
    }
    return sectors;
  }
}

Deno.test("reads pass writes over twice, a batch of 16 at a time (block.md 1.5)", () => {
  const queue = new Queue();
  queue.insert(9999, "write");
  for (let index = 0; index < 40; index++) queue.insert(index * 100);
  const order = queue.drain();
  assertEquals([order.length, order.indexOf(9999)], [41, 32]);
});

Deno.test("a request that has waited too long begins the next batch (block.md 1.5)", () => {
  const queue = new Queue();
  queue.insert(800);
  queue.clock.advance(500e6);
  queue.insert(900);
  queue.insert(700);
  assertEquals(queue.drain(), [800, 900, 700]);
});

Deno.test("of two reads at one sector the older goes first, and both directions are counted", () => {
  const queue = new Queue();
  queue.insert(5, "write");
  queue.insert(9, "write");
  const reads = [queue.insert(8), queue.insert(8)];
  queue.insert(16);
  assertEquals(queue.scheduler.size, 5);
  for (const read of reads) assert(queue.scheduler.next() === read);
  assertEquals(queue.scheduler.size, 3);
});

Deno.test("a batch of writes goes on when reads come, and reads pass the next one over twice again (block.md 1.5)", () => {
  const queue = new Queue();
  queue.insert(10, "write");
  queue.insert(20, "write");
  assertEquals(queue.scheduler.next()?.sector, 10);
  queue.insert(5);
  assertEquals(queue.drain(), [20, 5]);
  const next = new Queue();
  next.insert(9999, "write");
  for (let index = 0; index < 100; index++) next.insert(index * 100);
  const order: number[] = [];
  while (order.at(-1) !== 9999) order.push(next.scheduler.next()!.sector);
  // The new request lies after the last write, so it starts a separate batch.
  next.insert(5, "write");
  assertEquals([order.length, next.drain().indexOf(5)], [33, 32]);
});

Deno.test("a bio goes behind a request before it goes in front of one (block.md 1.5)", () => {
  const queue = new Queue();
  queue.insert(16);
  const before = queue.insert(0);
  assertEquals(queue.join(8), before);
});

Deno.test("what was joined last is asked first, follows its request into another and leaves with it (block.md 1.5)", () => {
  const queue = new Queue();
  const first = queue.insert(0);
  const last = queue.insert(24);
  queue.insert(100);
  assertEquals([queue.join(16), queue.join(8)], [last, last], "and not behind the first");
  assertEquals(queue.scheduler.joinNeighbour(queue.merger, last), { kept: first, gone: last });
  queue.merger = queue.mergerOf(1);
  assertEquals([queue.join(108), queue.join(32)], [null, first]);
  // Sending another request does not change which one was joined last.
  const other = new Queue();
  const kept = other.insert(50);
  other.insert(8);
  other.join(58);
  assertEquals(other.scheduler.next()?.sector, 8);
  other.merger = other.mergerOf(1);
  assertEquals(other.join(66), kept);
  assertEquals(other.scheduler.next(), kept);
  assertEquals(other.join(74), null);
});

Deno.test("a bio joins whichever request it touches, and what touches then is one (block.md 1.5)", () => {
  const queue = new Queue();
  const first = queue.insert(0);
  const third = queue.insert(16);
  queue.insert(100);
  assertEquals(queue.join(8), first);
  assertEquals(queue.scheduler.joinNeighbour(queue.merger, first), { kept: first, gone: third });
  assertEquals([first.bios.length, first.bytes, first.nrPhysSegments], [3, 12_288, 3]);
  assertEquals(queue.join(96), null);
  assertEquals([queue.join(92)?.sector, queue.drain()], [92, [0, 92]]);
});
