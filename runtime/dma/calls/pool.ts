/**
 * Pools of small blocks of coherent memory. Drivers use them for descriptor lists.
 *
 * A pool grows by one page, which is cut into blocks in ascending order; if its blocks are larger than a page, by
 * the pages of one block. The block freed last is allocated first.
 *
 * @see tests/golden/kernel/README.md (a pool's own order)
 */
import type { PoolName } from "../../vocabulary/shared_words.ts";
import {
  alignUp,
  type Bytes,
  DMA_MAPPING_ERROR,
  type DmaAddr,
  PAGE_SIZE_BYTES,
  type PhysAddr,
} from "../../address.ts";
import { invariant } from "../../errno.ts";
import { eventId } from "../../event_vocabulary.ts";
import type { Machine } from "../../machine.ts";
import { CallEvents, callOf } from "./call_events.ts";
import type { DmaDevice } from "../device/device.ts";
import type { CoherentMemory } from "../coherent_memory.ts";

const ALLOC = callOf("dma_pool_alloc");
const FREE = callOf("dma_pool_free");
const MEM_ALLOC = eventId("mem.alloc");
const MEM_FREE = eventId("mem.free");

/** A block of coherent memory. */
export interface PoolBlock {
  /** Physical address of the block. */
  readonly phys: PhysAddr;
  /** The block's DMA address, as last passed to the pool. */
  readonly dma: DmaAddr;
}

/** The pool from which a driver allocates its descriptor lists. */
export interface DescriptorPool {
  readonly blockSizeBytes: Bytes;
  /** Allocates a block; null when there is no memory. */
  alloc(): PoolBlock | null;
  /**
   * Frees a block.
   * @param dma The block's device address. The pool does not check it, and returns it with the
   *   block at the next allocation.
   * @see rules/nvme.md 7, case 9
   */
  free(block: PoolBlock, dma: DmaAddr): void;
}

interface OwnBlock extends PoolBlock {
  dma: DmaAddr;
  used: boolean;
  readonly endBytes: Bytes;
  readonly memory: CoherentMemory;
  /** Number of the block's page, in the order in which the pool allocated pages. */
  readonly page: number;
  freedSite: number | null | undefined;
}

/**
 * Finds the block that was freed last on the newest page that has a free block. Returns the block's
 * index in `free`, or -1 when `free` is empty.
 */
export function lastOfNewestPage<T>(free: readonly T[], pageOf: (block: T) => number): number {
  let found = -1;
  for (let index = free.length - 1; index >= 0; index--) {
    if (found < 0 || pageOf(free[index]!) > pageOf(free[found]!)) found = index;
  }
  return found;
}

export class DmaPool implements DescriptorPool {
  readonly blockSizeBytes: Bytes;
  /** The name that the driver gave the pool, for reports of the checker. */
  driverName: string;
  readonly #machine: Machine;
  readonly #device: DmaDevice;
  readonly #boundaryBytes: Bytes;
  /** Bytes of the memory by which the pool grows. */
  readonly #grownBytes: Bytes;
  readonly #calls: CallEvents;
  readonly #pages: CoherentMemory[] = [];
  readonly #blocks = new Set<PoolBlock>();
  /** Free blocks; without `pool_newest_page_first`, the last block in the list is allocated next. */
  readonly #free: OwnBlock[] = [];
  /** Number of blocks that are handed out. */
  #used = 0;

  /**
   * @param name The name in events.
   * @param blockSizeBytes Size of a block.
   * @param alignBytes Alignment of a block, a power of two; the size is rounded up to a multiple of
   *   it.
   * @param boundaryBytes A power of two, not below the size of a block. No block crosses a multiple
   *   of it.
   * @see rules/c-api.md 5
   */
  constructor(
    machine: Machine,
    dev: DmaDevice,
    readonly name: PoolName,
    blockSizeBytes: Bytes,
    alignBytes: Bytes,
    boundaryBytes: Bytes = Infinity,
  ) {
    this.#machine = machine;
    this.driverName = name;
    this.#device = dev;
    this.#calls = new CallEvents(machine);
    this.blockSizeBytes = alignUp(blockSizeBytes, alignBytes);
    this.#grownBytes = alignUp(Math.max(this.blockSizeBytes, PAGE_SIZE_BYTES), PAGE_SIZE_BYTES);
    this.#boundaryBytes = Math.min(boundaryBytes, this.#grownBytes);
    invariant(
      this.blockSizeBytes <= this.#boundaryBytes,
      `A block of ${blockSizeBytes} bytes lies across a boundary of ${boundaryBytes}`,
    );
    invariant(
      this.blockSizeBytes > 0,
      `Cannot make a pool of ${blockSizeBytes} byte blocks aligned to ${alignBytes}`,
    );
  }

  get usedBlocks(): number {
    return this.#used;
  }

  /** Bytes of the pages the pool holds. */
  get sizeBytes(): Bytes {
    return this.#pages.length * this.#grownBytes;
  }

  alloc(): PoolBlock | null {
    const outer = this.#calls.enter(this.#device);
    if (this.#machine.events.tick(ALLOC.call)) this.#calls.tell(ALLOC, this);
    const refused = this.#calls.injected(ALLOC) !== 0;
    if (!refused && this.#free.length === 0) this.#grow();
    const block = refused ? null : this.#takeFree();
    if (block !== null) {
      invariant(!block.used, "A pool's block was allocated twice");
      block.used = true;
      this.#used++;
    }
    this.#calls.leaveWithAddress(ALLOC, block?.dma ?? DMA_MAPPING_ERROR, outer);
    return block;
  }

  #takeFree(): OwnBlock | null {
    const free = this.#free;
    if (!this.#machine.kernel.pool_newest_page_first) return free.pop() ?? null;
    return free.splice(lastOfNewestPage(free, ({ page }) => page), 1)[0] ?? null;
  }

  free(block: PoolBlock, dma: DmaAddr): void {
    const { events } = this.#machine;
    const outer = this.#calls.enter(this.#device);
    if (events.tick(FREE.call)) this.#calls.tell(FREE, this, dma);
    invariant(this.#blocks.has(block), `Pool "${this.name}" has no block at ${block.phys}`);
    const own = block as OwnBlock;
    invariant(own.used, "A pool's block was freed twice");
    own.used = false;
    own.freedSite = events.context.site;
    own.dma = dma;
    this.#free.push(own);
    this.#used--;
    this.#calls.leave(FREE, outer);
  }

  /** The memory of which a block is a part. */
  memoryOf(block: PoolBlock): CoherentMemory {
    invariant(this.#blocks.has(block), `Pool "${this.name}" has no block at ${block.phys}`);
    return (block as OwnBlock).memory;
  }

  /** Checks that each block is either handed out or free. @throws {InvariantError} */
  audit(): void {
    const free = new Set(this.#free);
    invariant(free.size === this.#free.length, "A block is free twice");
    invariant(free.size + this.#used === this.#blocks.size, "A block of a pool is lost");
  }

  /** Frees all pages when the driver is unbound. Blocks still handed out are lost. */
  destroy(): void {
    if (this.#used > 0) {
      const count = this.#used === 1 ? "1 block" : `${this.#used} blocks`;
      this.#machine.checker?.warned(
        "pool_in_use",
        `Pool "${this.name}" of device "${this.#device.name}" is destroyed with ${count} in use`,
      );
    }
    for (const page of this.#pages) {
      this.#machine.checker?.accesses.unpooled(this.#device, page.dma);
      this.#machine.dma.dmaFreeCoherent(this.#device, page);
      if (this.#machine.events.tick(MEM_FREE)) {
        this.#machine.events.emit(MEM_FREE, {
          what: "pool_page",
          size_bytes: page.sizeBytes,
          from: this.name,
        });
      }
    }
    this.#pages.length = 0;
    this.#blocks.clear();
    this.#free.length = 0;
    this.#used = 0;
  }

  #grow(): void {
    const { events, dma } = this.#machine;
    // Memory that a pool takes to grow belongs to no request (docs/language/statements.md).
    const request = events.context.enterRequest(null);
    const page = dma.dmaAllocCoherent(this.#device, this.#grownBytes);
    if (page !== null) {
      this.#pages.push(page);
      if (events.tick(MEM_ALLOC)) {
        events.emit(MEM_ALLOC, {
          what: "pool_page",
          size_bytes: page.sizeBytes,
          from: this.name,
        });
      }
      const perBoundary = Math.floor(this.#boundaryBytes / this.blockSizeBytes);
      const blocks = perBoundary * Math.floor(this.#grownBytes / this.#boundaryBytes);
      const owns = new Array<OwnBlock>(blocks);
      for (let block = blocks - 1; block >= 0; block--) {
        const offset = Math.floor(block / perBoundary) * this.#boundaryBytes +
          block % perBoundary * this.blockSizeBytes;
        const own: OwnBlock = {
          phys: page.physOf(offset),
          dma: page.dma + offset as DmaAddr,
          used: false,
          endBytes: offset + this.blockSizeBytes,
          memory: page,
          page: this.#pages.length - 1,
          freedSite: undefined,
        };
        owns[block] = own;
        this.#blocks.add(own);
        this.#free.push(own);
      }
      this.#machine.checker?.accesses.pooled(this.#device, page.dma, {
        pool: this.driverName,
        blockAt: (offset) => {
          const index = Math.floor(offset % this.#boundaryBytes / this.blockSizeBytes);
          if (index >= perBoundary) return null;
          return owns[Math.floor(offset / this.#boundaryBytes) * perBoundary + index] ?? null;
        },
      });
    }
    events.context.leaveRequest(request);
  }
}
