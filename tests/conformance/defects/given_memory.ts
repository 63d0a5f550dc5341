/** Makes the model's allocators return the recorded IOVAs, bounce buffers, pool blocks and tags. */
import {
  alignDown,
  type Bytes,
  type IommuDomain,
  KIB,
  type Machine,
  MIB,
  type PhysAddr,
} from "@dmalab/runtime";
import { DMA_FROM_DEVICE, DmaDevice } from "@dmalab/runtime/dma";
import type { CallLine, DefectStep } from "./defect_data.ts";
import { type Iod, NvmeRequest, type QueuePair } from "@dmalab/devices";
import type { CaptureCall } from "../kernel/kernel_data.ts";
import { givenBlocks } from "../kernel/recorded_pool.ts";
import type { DefectHost } from "./defect_machine.ts";

/** First page frame of ranges that are not in the record: far below all recorded ones. */
const SPARE_FROM_PFN = 0x1000;

const PAGE_BYTES = 4 * KIB;
/** Memory of earlier mappings; its address does not matter. */
const ELSEWHERE = MIB as PhysAddr;

/**
 * Replaces a domain's IOVA allocator by the recorded IOVAs.
 *
 * The content of the allocator's caches depends on everything that ran since the driver was loaded,
 * which is not in the data. Therefore addresses are inputs of the model
 * (tests/golden/defects/README.md, "What a replay must bring along"). The number of requested
 * ranges, and their sizes, are compared.
 */
export class GivenIovas {
  #coming: number[] = [];
  #sparePfn = SPARE_FROM_PFN;
  /**
   * Freed ranges, by length. Without a recorded order, the range that was freed last is reused
   * first.
   */
  readonly #free = new Map<number, number[]>();

  /** Replaces the domain's allocator; earlier allocations stay. */
  constructor(domain: IommuDomain) {
    const { iova, granuleBytes } = domain;
    iova.allocFast = (_cpu, pfns, _limitPfn) => {
      iova.lastSource = "tree";
      const given = this.#coming.shift();
      const free = this.#free.get(pfns) ?? [];
      if (given !== undefined) {
        const taken = free.lastIndexOf(given / granuleBytes);
        if (taken >= 0) free.splice(taken, 1);
        return given / granuleBytes;
      }
      const last = free.pop();
      if (last !== undefined) return last;
      const pfn = Math.ceil(this.#sparePfn / pfns) * pfns;
      this.#sparePfn = pfn + pfns;
      return pfn;
    };
    iova.freeFast = (_cpu, pfn, pfns) => {
      this.#free.getOrInsertComputed(pfns, () => []).push(pfn);
    };
  }

  /** Sets the IOVAs for the next step, from the calls of its commands. */
  expect(lines: readonly CallLine[]): void {
    this.#coming = lines.filter(([name]) => name === "iova.reserve")
      .map((line) => line[2] as number);
  }
}

/**
 * Moves the search for bounce buffers to the recorded position.
 *
 * The search for slots continues after the last allocation, and the record does not show what ran
 * before a step. Therefore the address of a step's first buffer is an input. The addresses of the
 * later buffers are compared.
 */
export class GivenSlots {
  // A separate device is used, because a device that has bounced once needs unmaps from then on.
  readonly #earlier = new DmaDevice("earlier", { minAlignMask: PAGE_BYTES - 1 });
  /** Page of the last allocated slot. */
  #lastPage = -1;

  constructor(private readonly machine: Machine, private readonly poolBytes: Bytes) {
    machine.events.listen(({ fields }) => {
      const { tlb_phys, size_bytes } = fields as { tlb_phys: number; size_bytes: number };
      this.#lastPage = alignDown(tlb_phys + size_bytes - 1, PAGE_BYTES);
    }, ["swiotlb.map"]);
  }

  /**
   * Allocates and frees slots, as earlier mappings did, until the next search starts at this
   * address.
   */
  reach(tlb: number): void {
    const { swiotlb } = this.machine;
    const before = alignDown(tlb, PAGE_BYTES) - PAGE_BYTES;
    for (let tries = this.poolBytes / PAGE_BYTES; tries > 0; tries--) {
      if (this.#lastPage === before) return;
      const slot = swiotlb.map(this.#earlier, ELSEWHERE, PAGE_BYTES, 0, DMA_FROM_DEVICE, 0);
      swiotlb.unmap(this.#earlier, slot as PhysAddr, PAGE_BYTES, DMA_FROM_DEVICE, 0);
    }
  }
}

/** Sets the IOVAs, pool blocks and tags of a step. */
export function givePlaces(host: DefectHost, step: DefectStep): void {
  const lines = step.commands.flatMap(({ calls }) => calls);
  host.iovas?.expect(lines);
  const blocks = givenBlocks(poolCalls(lines));
  host.pools.small.expect(blocks);
  host.pools.large.expect(blocks);
  orderTags(host, [...new Set(step.commands.map(({ tag }) => tag))]);
}

/**
 * The allocations of pool blocks. If the pool grew before an allocation, the entry has the page by
 * which it grew.
 */
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
    // If a call other than a pool allocation follows a page-table entry, the entry was not made for
    // a pool.
    if (name !== "pagetable.map") page = null;
  }
  return calls;
}

/** Makes the I/O queue hand out these tags next, in this order. */
export function orderTags({ driver, disk }: DefectHost, tags: readonly number[]): void {
  const queue = driver.queues.io[0]!;
  const taken = new Map<number, Iod>();
  for (let iod = takeTag(queue, disk.limits); iod !== null; iod = takeTag(queue, disk.limits)) {
    taken.set(iod.tag, iod);
  }
  const first = tags.map((tag) => taken.get(tag)).filter((iod) => iod !== undefined);
  for (const iod of taken.values()) if (!first.includes(iod)) queue.releaseTag(iod);
  // The queue hands out the tag that was freed last.
  for (const iod of first.toReversed()) queue.releaseTag(iod);
}

function takeTag(queue: QueuePair, limits: NvmeRequest["limits"]): Iod | null {
  return queue.takeTag(new NvmeRequest("nvme", "flush", [], limits));
}
