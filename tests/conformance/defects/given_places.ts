/** Gives the model what a step's record tells of addresses and tags. */
import { type Iod, NvmeRequest, type QueuePair } from "@dmalab/devices/nvme";
import type { CaptureCall } from "../kernel/kernel_data.ts";
import { givenBlocks } from "../kernel/recorded_pool.ts";
import type { CallLine, DefectStep } from "./defect_data.ts";
import type { DefectHost } from "./defect_machine.ts";

/** Sets IOVAs, pool blocks and tags for a step. */
export function givePlaces(host: DefectHost, step: DefectStep): void {
  const lines = step.commands.flatMap(({ calls }) => calls);
  host.iovas?.expect(lines);
  const blocks = givenBlocks(poolCalls(lines));
  host.pools.small.expect(blocks);
  host.pools.large.expect(blocks);
  orderTags(host, [...new Set(step.commands.map(({ tag }) => tag))]);
}

/** Allocations of pool blocks, with the page that the pool grew by before one. */
export function poolCalls(lines: readonly CallLine[]): CaptureCall[] {
  const calls: CaptureCall[] = [];
  let page: CallLine | null = null;
  for (const line of lines) {
    const [name, size, dma] = line;
    if (name === "pagetable.map") page = line;
    else if (name === "pool.alloc") {
      const inner = page === null ? [] : [
        { op: "iommu_map", iova: page[1]!, phys: page[2]!, size: page[3]! },
        { op: "dma_alloc", dma: page[1]!, size: page[3]! },
      ];
      calls.push({
        call: "dma_pool_alloc",
        pool: size === 256 ? "small" : "large",
        dma: dma as number,
        inner,
      });
    }
    // A page-table entry that anything else followed was not the pool's.
    if (name !== "pagetable.map") page = null;
  }
  return calls;
}

/** Has the I/O queue hand out these tags next, in this order. */
export function orderTags({ driver, disk }: DefectHost, tags: readonly number[]): void {
  const queue = driver.queues.io[0]!;
  const taken = new Map<number, Iod>();
  for (let iod = takeTag(queue, disk.limits); iod !== null; iod = takeTag(queue, disk.limits)) {
    taken.set(iod.tag, iod);
  }
  const first = tags.map((tag) => taken.get(tag)).filter((iod) => iod !== undefined);
  for (const iod of taken.values()) if (!first.includes(iod)) queue.releaseTag(iod);
  // The tag freed last is the next to be taken.
  for (const iod of first.toReversed()) queue.releaseTag(iod);
}

function takeTag(queue: QueuePair, limits: NvmeRequest["limits"]): Iod | null {
  return queue.takeTag(new NvmeRequest("nvme", "flush", [], limits));
}
