/**
 * Pools of small blocks of coherent memory, as drivers keep them for descriptor lists.
 *
 * A pool grows by one page, which is cut into blocks in ascending order; the block freed last is
 * handed out first.
 *
 * @see tests/golden/kernel/README.md (a pool's own order)
 */
import {
  alignUp,
  type Bytes,
  DMA_MAPPING_ERROR,
  type DmaAddr,
  PAGE_SIZE_BYTES,
  type PhysAddr,
} from "../address.ts";
import { invariant } from "../errno.ts";
import { eventId } from "../event_vocabulary.ts";
import { FAULT } from "../faults.ts";
import type { Machine } from "../machine.ts";
import { CallEvents, callOf } from "./call_events.ts";
import type { DmaDevice } from "./device.ts";
import type { CoherentMemory } from "./mapping.ts";

const ALLOC = callOf("dma_pool_alloc", "dma.1.2");
const FREE = callOf("dma_pool_free", "dma.1.2");
const MEM_ALLOC = eventId("mem.alloc");
const MEM_FREE = eventId("mem.free");

/** Where a driver gets its descriptor lists from. */
export interface DescriptorPool {
  readonly blockSizeBytes: Bytes;
  /** Returns the block's device address, or `DMA_MAPPING_ERROR` when there is no memory. */
  alloc(): DmaAddr;
  free(dma: DmaAddr): void;
  /** Where the CPU finds a block that was handed out. */
  physOf(dma: DmaAddr): PhysAddr;
}

export class DmaPool implements DescriptorPool {
  readonly blockSizeBytes: Bytes;
  readonly #machine: Machine;
  readonly #device: DmaDevice;
  readonly #calls: CallEvents;
  /** The pages, by their device address divided by the page size. */
  readonly #pages = new Map<number, CoherentMemory>();
  /** Free blocks, the next one last. */
  readonly #free: DmaAddr[] = [];
  /** Blocks that are handed out. */
  #used = 0;

  /**
   * @param name As the driver calls it; events show it.
   * @param blockSizeBytes Size of a block, at most a page.
   * @param alignBytes Alignment of a block, a power of two; the size is rounded up to it.
   */
  constructor(
    machine: Machine,
    dev: DmaDevice,
    readonly name: string,
    blockSizeBytes: Bytes,
    alignBytes: Bytes,
  ) {
    this.#machine = machine;
    this.#device = dev;
    this.#calls = new CallEvents(machine.events);
    this.blockSizeBytes = alignUp(blockSizeBytes, alignBytes);
    invariant(
      this.blockSizeBytes > 0 && this.blockSizeBytes <= PAGE_SIZE_BYTES,
      `Cannot make a pool of ${blockSizeBytes} byte blocks aligned to ${alignBytes}`,
    );
  }

  /** Blocks that are handed out. */
  get usedBlocks(): number {
    return this.#used;
  }

  /** Bytes of the pages the pool holds. */
  get sizeBytes(): Bytes {
    return this.#pages.size * PAGE_SIZE_BYTES;
  }

  alloc(): DmaAddr {
    const { events, faults } = this.#machine;
    const outer = this.#calls.enter(this.#device);
    if (events.tick(ALLOC.call)) {
      events.emit(ALLOC.call, { pool: this.name, size_bytes: this.blockSizeBytes });
    }
    const refused = faults !== null && faults.errnoAt(FAULT.dma_pool_alloc) !== 0;
    if (!refused && this.#free.length === 0) this.#grow();
    const dma = refused ? DMA_MAPPING_ERROR : this.#free.pop() ?? DMA_MAPPING_ERROR;
    if (dma !== DMA_MAPPING_ERROR) this.#used++;
    this.#calls.leaveWithAddress(ALLOC, dma, outer);
    return dma;
  }

  free(dma: DmaAddr): void {
    const { events } = this.#machine;
    const outer = this.#calls.enter(this.#device);
    if (events.tick(FREE.call)) {
      events.emit(FREE.call, { pool: this.name, size_bytes: this.blockSizeBytes, dma });
    }
    invariant(this.#pageOf(dma) !== null, `Pool "${this.name}" has no block at ${dma}`);
    this.#free.push(dma);
    this.#used--;
    this.#calls.leave(FREE, outer);
  }

  physOf(dma: DmaAddr): PhysAddr {
    const page = this.#pageOf(dma);
    invariant(page !== null, `Pool "${this.name}" has no block at ${dma}`);
    return page.physOf(dma - page.dma);
  }

  /** Gives all pages back: the driver leaves. Blocks still handed out are lost. */
  destroy(): void {
    for (const page of this.#pages.values()) {
      this.#machine.dma.dmaFreeCoherent(this.#device, page);
      if (this.#machine.events.tick(MEM_FREE)) {
        this.#machine.events.emit(MEM_FREE, {
          what: "pool_page",
          size_bytes: page.sizeBytes,
          from: this.name,
        });
      }
    }
    this.#pages.clear();
    this.#free.length = 0;
    this.#used = 0;
  }

  #grow(): void {
    const { events, dma } = this.#machine;
    // What a pool takes to grow belongs to no request (language.md, Event patterns).
    const request = events.request;
    events.request = null;
    const page = dma.dmaAllocCoherent(this.#device, PAGE_SIZE_BYTES);
    if (page !== null) {
      this.#pages.set(page.dma / PAGE_SIZE_BYTES, page);
      if (events.tick(MEM_ALLOC)) {
        events.emit(MEM_ALLOC, {
          what: "pool_page",
          size_bytes: page.sizeBytes,
          from: this.name,
        });
      }
      const blocks = Math.floor(PAGE_SIZE_BYTES / this.blockSizeBytes);
      for (let block = blocks - 1; block >= 0; block--) {
        this.#free.push(page.dma + block * this.blockSizeBytes as DmaAddr);
      }
    }
    events.request = request;
  }

  #pageOf(dma: DmaAddr): CoherentMemory | null {
    return this.#pages.get(Math.floor(dma / PAGE_SIZE_BYTES)) ?? null;
  }
}
