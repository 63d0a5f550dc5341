/**
 * A descriptor pool of a replay.
 *
 * The order of a pool's blocks depends on when other requests complete. If the captured history
 * contains these completions, the address of each block is compared, and only the memory address of
 * each page that is added to the pool is an input. Without these completions, the pool returns the
 * captured addresses. In both cases the replay compares whether the pool grows, and with which
 * calls it grows.
 */
import {
  alignDown,
  type Bytes,
  DMA_MAPPING_ERROR,
  type DmaAddr,
  eventId,
  INJECTION,
  type Machine,
  PAGE_SIZE_BYTES,
  type PhysAddr,
} from "@dmalab/runtime";
import {
  type CoherentMemory,
  type DescriptorPool,
  type DmaDevice,
  lastOfNewestPage,
  type PoolBlock,
} from "@dmalab/runtime/dma";
import type { CaptureCall } from "./kernel_data.ts";

const CALL_ALLOC = eventId("call.dma_pool_alloc");
const RET_ALLOC = eventId("ret.dma_pool_alloc");
const CALL_FREE = eventId("call.dma_pool_free");
const RET_FREE = eventId("ret.dma_pool_free");

/**
 * Address of a page by which the pool grows, if the capture has no line for the growth. The replay
 * of a case with such a growth differs from the capture.
 */
const UNTOLD_PAGE = 0x10_0000 as PhysAddr;

export interface GivenBlock {
  readonly pool: string;
  readonly dma: number;
  /** Address of the page by which the pool grew; null if no page was recorded. */
  readonly pagePhys: number | null;
}

/** The pool allocations in a request's captured calls. */
export function givenBlocks(calls: readonly CaptureCall[]): GivenBlock[] {
  return calls.filter(({ call }) => call === "dma_pool_alloc").map(({ pool, dma, inner = [] }) => {
    const page = inner.find(({ op }) => op === "iommu_map")?.phys ??
      inner.find(({ op }) => op === "dma_alloc")?.dma;
    return {
      pool: pool as string,
      dma: dma as number,
      pagePhys: typeof page === "number" ? page : null,
    };
  });
}

export class RecordedPool implements DescriptorPool {
  /** The remaining recorded allocations of the current request, oldest first. */
  #coming: GivenBlock[] = [];
  readonly #pages = new Map<number, CoherentMemory>();
  /** Freed blocks, by the address with which they were freed. */
  readonly #free = new Map<DmaAddr, PoolBlock[]>();
  #used = 0;
  #overlaps = false;
  /** Free blocks, the next one last; null if their order is not known. */
  #order: PoolBlock[] | null = null;
  #catchUp: (isReached: () => boolean) => void = () => {};

  constructor(
    readonly machine: Machine,
    readonly dev: DmaDevice,
    readonly name: "small" | "large",
    readonly blockSizeBytes: Bytes,
  ) {}

  /** Sets the recorded allocations of the next request. */
  expect(blocks: readonly GivenBlock[]): void {
    this.#coming = blocks.filter(({ pool }) => pool === this.name);
  }

  /**
   * Called if there may be requests that the replay does not know, and that owned blocks at the
   * same time as the replayed requests. It is unknown how many such requests there were, so the
   * pool may have grown. It must have grown if a block lies outside of its pages.
   */
  allowOverlap(): void {
    this.#overlaps = true;
  }

  /**
   * Called if the order in which requests begin and end is known. The order of the blocks is then
   * known, too, because the block that was freed last is allocated first.
   * @param catchUp Replays completions before an allocation, until the next free block is the
   *   recorded one.
   */
  followOrder(catchUp: (isReached: () => boolean) => void): void {
    this.#order = [];
    this.#catchUp = catchUp;
  }

  alloc(): PoolBlock | null {
    const { events, faults } = this.machine;
    if (events.tick(CALL_ALLOC)) {
      events.emit(CALL_ALLOC, { pool: this.name, size_bytes: this.blockSizeBytes });
    }
    const refused = faults !== null && faults.errnoAt(INJECTION.dma_pool_alloc) !== 0;
    const block = refused ? null : this.#take(this.#coming.shift() ?? null);
    const result = block?.dma ?? DMA_MAPPING_ERROR;
    if (events.tick(RET_ALLOC)) events.emit(RET_ALLOC, { result, error: null });
    return block;
  }

  free(block: PoolBlock, dma: DmaAddr): void {
    const { events } = this.machine;
    if (events.tick(CALL_FREE)) {
      events.emit(CALL_FREE, { pool: this.name, size_bytes: this.blockSizeBytes, dma });
    }
    if (this.#order !== null) this.#order.push({ phys: block.phys, dma });
    else this.#free.set(dma, [...this.#free.get(dma) ?? [], { phys: block.phys, dma }]);
    this.#used--;
    if (events.tick(RET_FREE)) events.emit(RET_FREE, { result: null, error: null });
  }

  get #blocks(): number {
    return this.#pages.size * Math.floor(PAGE_SIZE_BYTES / this.blockSizeBytes);
  }

  #mustGrow(given: GivenBlock | null): boolean {
    if (this.#used >= this.#blocks) return true;
    return this.#overlaps && given !== null && !this.#pages.has(pageOf(given.dma));
  }

  #take(given: GivenBlock | null): PoolBlock | null {
    if (this.#order !== null) return this.#takeNext(this.#order, given);
    let page: CoherentMemory | null = null;
    if (this.#mustGrow(given)) {
      page = this.#grow(given?.pagePhys ?? UNTOLD_PAGE);
      if (page === null) return null;
    }
    this.#used++;
    // An allocation without a record gets an address in the pool's newest page. A recorded address is
    // aligned down, because it may be inside a block.
    const dma = alignDown(
      given?.dma ?? page?.dma ?? [...this.#pages.values()].at(-1)!.dma,
      this.blockSizeBytes,
    ) as DmaAddr;
    // A block that was freed with this address, or one that was never used.
    return this.#free.get(dma)?.pop() ?? { dma, phys: this.#physOf(dma) };
  }

  #takeNext(order: PoolBlock[], given: GivenBlock | null): PoolBlock | null {
    this.#catchUp(() => given === null || order[this.#nextOf(order)]?.dma === given.dma);
    if (order.length === 0) {
      const page = this.#grow(given?.pagePhys ?? UNTOLD_PAGE);
      if (page === null) return null;
      for (let at = PAGE_SIZE_BYTES - this.blockSizeBytes; at >= 0; at -= this.blockSizeBytes) {
        order.push({ phys: page.physOf(at), dma: page.dma + at as DmaAddr });
      }
    }
    this.#used++;
    return order.splice(this.#nextOf(order), 1)[0]!;
  }

  /** Index of the block that is allocated next; -1 if none is free. */
  #nextOf(order: readonly PoolBlock[]): number {
    if (!this.machine.kernel.pool_newest_page_first) return order.length - 1;
    const pages = [...this.#pages.keys()];
    return lastOfNewestPage(order, ({ dma }) => pages.indexOf(pageOf(dma)));
  }

  #grow(phys: number): CoherentMemory | null {
    const memory = this.machine.dma.dmaAllocCoherent(this.dev, PAGE_SIZE_BYTES, {
      pages: [phys as PhysAddr],
    });
    if (memory !== null) this.#pages.set(pageOf(memory.dma), memory);
    return memory;
  }

  /**
   * The CPU address of a block: its address in a page of the pool. If the block lies outside of the
   * pool's pages, its device address is used.
   */
  #physOf(dma: DmaAddr): PhysAddr {
    const page = this.#pages.get(pageOf(dma));
    return page === undefined ? (dma as number as PhysAddr) : page.physOf(dma - page.dma);
  }
}

function pageOf(address: number): number {
  return Math.floor(address / PAGE_SIZE_BYTES);
}
