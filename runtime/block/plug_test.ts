import { assert, assertEquals } from "@std/assert";
import type { PhysAddr } from "../address.ts";
import { VirtualClock } from "../time/clock.ts";
import { EventStream } from "../events.ts";
import { resolveKernel } from "../kernels/kernels.ts";
import { Bio } from "./bio.ts";
import { RequestMerger } from "./merge.ts";
import { Plug, type PlugTarget } from "./plug.ts";
import { deriveLimits } from "./queue_limits.ts";
import { BlockRequest } from "./request.ts";

const LIMITS = deriveLimits({ maxHwSectors: 16384, dmaAlignmentMask: 3 }, 8192);
assert(typeof LIMITS !== "number");
const limits = LIMITS;

/** A queue that records the requests sent to it. */
class Target implements PlugTarget<BlockRequest> {
  readonly merger = new RequestMerger(
    limits,
    resolveKernel({ kernel: "7.2.12", quirks: new Set() }),
    new EventStream(new VirtualClock()),
    0,
  );
  readonly batches: number[][] = [];

  constructor(readonly name: string, readonly log: string[] = []) {}

  sendBatch(requests: readonly BlockRequest[]): void {
    this.batches.push(requests.map(({ sector }) => sector));
    this.log.push(`${this.name} ${requests.length}`);
  }
}

function read(sector: number): Bio {
  return new Bio("read", sector, [{ phys: 0x100_0000 as PhysAddr, sizeBytes: 4096 }], 4096);
}

function hold(plug: Plug, target: Target, sector: number): BlockRequest {
  const request = new BlockRequest(target.name, "read", [read(sector)], limits);
  request.nrPhysSegments = 1;
  plug.hold(target, request);
  return request;
}

Deno.test("a plug joins a bio to the last request it holds, and to no earlier one (block.md 1.5)", () => {
  const plug = new Plug();
  const disk = new Target("disk");
  hold(plug, disk, 0);
  const last = hold(plug, disk, 100);
  assertEquals(plug.join(disk, read(108), 1), last);
  assertEquals(plug.join(disk, read(8), 1), null);
  assertEquals(plug.count, 2);
});

Deno.test("with several queues a plug looks at the last request of the bio's queue (block.md 1.5)", () => {
  const plug = new Plug();
  const [first, second] = [new Target("a"), new Target("b")];
  const request = hold(plug, first, 0);
  hold(plug, second, 8);
  assertEquals(plug.join(first, read(8), 1), request);
  assertEquals(plug.join(new Target("c"), read(16), 1), null);
});

Deno.test("a plug sends neighbours of one queue as one batch, in their order, and is empty then", () => {
  const log: string[] = [];
  const [first, second] = [new Target("a", log), new Target("b", log)];
  const plug = new Plug();
  [first, second, second, first].forEach((target, index) => hold(plug, target, 100 * index));
  plug.flush();
  plug.flush();
  assertEquals([log, first.batches, second.batches, plug.count], [
    ["a 1", "b 2", "a 1"],
    [[0], [300]],
    [[100, 200]],
    0,
  ]);
});
