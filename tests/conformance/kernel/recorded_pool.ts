/**
 * A descriptor pool of a replay.
 *
 * A pool's own order depends on when other requests' completions came. Where a history has them, the
 * address of each block must come out, and only where in memory a page lies that the pool grew by is
 * given. Else it hands out the addresses that were captured. Whether it grows, and by what calls, must
 * come out in both.
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

/** Where a page is taken from that the capture has no line for: a case that differs for its growth. */
const UNTOLD_PAGE = 0x10_0000 as PhysAddr;

export interface GivenBlock {
  readonly pool: string;
  readonly dma: number;
  /** Where the page lies that the pool grew by; null where no page is reported. */
  readonly pagePhys: number | null;
}

/** The data of a request's captured calls about its allocations from pools. */
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
  /** The given allocations of the request under way, oldest first. */
  #coming: GivenBlock[] = [];
  readonly #pages = new Map<number, CoherentMemory>();
  /** Blocks that were freed, by the address they were freed with. */
  readonly #free = new Map<DmaAddr, PoolBlock[]>();
  #used = 0;
  #overlaps = false;
  /** Free blocks, the next one last; null where their order is not known. */
  #order: PoolBlock[] | null = null;
  #catchUp: (isReached: () => boolean) => void = () => {};

  constructor(
    readonly machine: Machine,
    readonly dev: DmaDevice,
    readonly name: "small" | "large",
    readonly blockSizeBytes: Bytes,
  ) {}

  /** Sets what is given of the next request's allocations. */
  expect(blocks: readonly GivenBlock[]): void {
    this.#coming = blocks.filter(({ pool }) => pool === this.name);
  }

  /**
   * Tells that more requests may have held blocks at a time than the replay has. How many is not
   * known; but a block in none of the pool's pages is one that the pool grew for.
   */
  allowOverlap(): void {
    this.#overlaps = true;
  }

  /**
   * The order in which requests begin and end is known, and so is that of the blocks: the one freed
   * last is taken first.
   * @param catchUp Follows completions before an allocation, until it is where the record is.
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
    // An allocation too many is somewhere in the page. Which block it is may be given, no address inside.
    const dma = alignDown(
      given?.dma ?? page?.dma ?? [...this.#pages.values()].at(-1)!.dma,
      this.blockSizeBytes,
    ) as DmaAddr;
    // One that was freed under this address, or one that was never used.
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

  /** The index of the block that is taken next; -1 where none is free. */
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

  /** Where the CPU finds a block: in a page of the pool, or at the address itself. */
  #physOf(dma: DmaAddr): PhysAddr {
    const page = this.#pages.get(pageOf(dma));
    return page === undefined ? (dma as number as PhysAddr) : page.physOf(dma - page.dma);
  }
}

function pageOf(address: number): number {
  return Math.floor(address / PAGE_SIZE_BYTES);
}
