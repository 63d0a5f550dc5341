import { assert, assertEquals } from "@std/assert";
import type { PhysAddr } from "../address.ts";
import { VirtualClock } from "../clock.ts";
import { EventStream } from "../events.ts";
import { KERNELS } from "../kernels/kernels.ts";
import { Bio, type BlockOp } from "./bio.ts";
import { blockRules } from "./block_rules.ts";
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
  readonly merger: RequestMerger;

  constructor(nomerges: NoMerges = 0) {
    const { gap } = blockRules({ ...KERNELS["7.2"], quirks: new Set() });
    this.merger = new RequestMerger(limits, gap, new EventStream(this.clock), nomerges);
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

Deno.test("reads go up from where the last batch ended, then the oldest begins one: the captured order (block.md 1.5)", () => {
  const queue = new Queue();
  queue.insert(335_760);
  assertEquals(queue.drain(), [335_760]);
  for (const sector of [317_720, 135_824, 404_576, 131_776]) queue.insert(sector);
  assertEquals(queue.drain(), [404_576, 317_720, 135_824, 131_776]);
});

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

Deno.test("nomerges 1 looks at the request joined last alone, nomerges 2 at none (block.md 1.5)", () => {
  const some = new Queue(1);
  some.insert(0);
  assertEquals(some.join(8), null);
  const none = new Queue(2);
  none.insert(0);
  assertEquals(none.join(8), null);
  assertEquals(none.scheduler.joinNeighbour(none.merger, none.insert(8)), null);
});
