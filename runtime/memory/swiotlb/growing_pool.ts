/**
 * A pool of bounce buffers that grows. A buffer that does not fit gets a separate transient pool,
 * which is freed when the buffer is unmapped. In addition, a worker adds a permanent pool.
 *
 * @see rules/dma.md 6.4
 */
import { type Bytes, DMA_MAPPING_ERROR, lastAddressOfBits, type PhysAddr } from "../../address.ts";
import type { TimerHandler } from "../../time/clock.ts";
import type { DmaDirection } from "../../dma/attributes.ts";
import { eventId } from "../../event_vocabulary.ts";
import type { MemoryEncryption } from "../memory_encryption.ts";
import type { PageAllocator } from "../page_allocator.ts";
import {
  type BouncedBuffer,
  SwiotlbPool,
  type SwiotlbSurroundings,
  type UnfitBuffer,
} from "./swiotlb.ts";
import {
  areasForSlots,
  MINIMUM_BYTES,
  SET_SLOTS,
  SLOT_BYTES,
  type SwiotlbGeometry,
} from "./swiotlb_geometry.ts";
import type { Kernel } from "../../kernels/kernels.ts";
import type { BouncingDevice } from "./swiotlb_slots.ts";

const SWIOTLB_GROW = eventId("swiotlb.grow");

/** Permanent pools lie below this address, so that devices with a mask of 32 bits reach them. */
const LAST_PHYS = lastAddressOfBits(32);

interface GrowingSurroundings extends SwiotlbSurroundings {
  readonly pages: PageAllocator;
  readonly encryption: MemoryEncryption | null;
}

/** A pool that was added to another one. */
class GrownPool extends SwiotlbPool {
  /** @param pages Freed with the last buffer; null for a permanent pool. */
  constructor(
    around: SwiotlbSurroundings,
    geometry: SwiotlbGeometry,
    kernel: Partial<Kernel>,
    readonly pages: readonly PhysAddr[] | null,
  ) {
    super(around, geometry, kernel);
  }

  override get transient(): boolean {
    return this.pages !== null;
  }

  /** A buffer that does not fit into this pool may fit into the next pool, so nothing is reported. */
  protected override mapElsewhere(): typeof DMA_MAPPING_ERROR {
    return DMA_MAPPING_ERROR;
  }
}

export class GrowingPool extends SwiotlbPool implements TimerHandler {
  #grown: readonly GrownPool[] = [];
  #nextSlot: number;

  constructor(
    private readonly around: GrowingSurroundings,
    geometry: SwiotlbGeometry | null,
    private readonly kernel: Partial<Kernel>,
  ) {
    super(around, geometry, kernel);
    this.#nextSlot = this.slots;
  }

  override get pools(): readonly SwiotlbPool[] {
    return [this, ...this.#grown];
  }

  override get usedSlots(): number {
    return this.#grown.reduce((sum, pool) => sum + pool.usedSlots, this.ownUsedSlots);
  }

  override get totalSlots(): number {
    return this.#grown.reduce((sum, pool) => sum + (pool.transient ? 0 : pool.slots), this.slots);
  }

  override get largestFreeSlots(): number {
    const staying = this.#grown.filter(({ transient }) => !transient);
    return Math.max(super.largestFreeSlots, ...staying.map((pool) => pool.largestFreeSlots));
  }

  override contains(address: number): boolean {
    return super.contains(address) || this.#holding(address) !== undefined;
  }

  override originOf(tlb: number): PhysAddr | null {
    const pool = this.#holding(tlb);
    return pool === undefined ? super.originOf(tlb) : pool.originOf(tlb);
  }

  override forEachBuffer(visit: (buffer: BouncedBuffer) => void): void {
    super.forEachBuffer(visit);
    for (const pool of this.#grown) pool.forEachBuffer(visit);
  }

  override audit(): void {
    super.audit();
    for (const pool of this.#grown) pool.audit();
  }

  override unmap(
    dev: BouncingDevice,
    tlb: PhysAddr,
    sizeBytes: Bytes,
    dir: DmaDirection,
    attrs: number,
  ): void {
    const pool = this.#holding(tlb);
    if (pool === undefined) return super.unmap(dev, tlb, sizeBytes, dir, attrs);
    pool.unmap(dev, tlb, sizeBytes, dir, attrs);
    this.#freeTransient(pool);
  }

  override release(dev: BouncingDevice, tlb: PhysAddr, dir?: DmaDirection, attrs?: number): void {
    const pool = this.#holding(tlb);
    if (pool === undefined) return super.release(dev, tlb, dir, attrs);
    pool.release(dev, tlb, dir, attrs);
    this.#freeTransient(pool);
  }

  override syncForCpu(tlb: PhysAddr, sizeBytes: Bytes, dir: DmaDirection): void {
    const pool = this.#holding(tlb);
    if (pool === undefined) super.syncForCpu(tlb, sizeBytes, dir);
    else pool.syncForCpu(tlb, sizeBytes, dir);
  }

  override syncForDevice(tlb: PhysAddr, sizeBytes: Bytes, dir: DmaDirection): void {
    const pool = this.#holding(tlb);
    if (pool === undefined) super.syncForDevice(tlb, sizeBytes, dir);
    else pool.syncForDevice(tlb, sizeBytes, dir);
  }

  /**
   * The worker. It adds a pool as large as the first pool. If there is no memory for it, the worker
   * tries half the size, and so on down to the minimum.
   */
  timerExpired(): void {
    for (let bytes = this.sizeBytes; bytes >= MINIMUM_BYTES; bytes /= 2) {
      if (this.#grow(bytes, LAST_PHYS, false) !== null) return;
    }
  }

  /**
   * Uses a pool that was added before, or a new transient pool; null if there is no memory for a
   * transient pool.
   */
  protected override mapElsewhere(unfit: UnfitBuffer): PhysAddr | null {
    const { allocAlignMask, attrs, dev, dir, orig, sizeBytes, slots } = unfit;
    if (!this.active || slots > SET_SLOTS) return null;
    const tryIn = (pool: GrownPool) => {
      const tlb = pool.map(dev, orig, sizeBytes, allocAlignMask, dir, attrs);
      this.noteHighWater();
      return tlb;
    };
    for (const pool of this.#grown) {
      const tlb = pool.transient ? DMA_MAPPING_ERROR : tryIn(pool);
      if (tlb !== DMA_MAPPING_ERROR) return tlb as PhysAddr;
    }
    const { clock } = this.around;
    clock.disarm(this);
    clock.arm(this, 0);
    const pool = this.#grow(slots * SLOT_BYTES, dev.lastAddress ?? LAST_PHYS, true);
    if (pool === null) return null;
    const tlb = tryIn(pool);
    if (tlb !== DMA_MAPPING_ERROR) return tlb as PhysAddr;
    this.#freeTransient(pool);
    return null;
  }

  #grow(sizeBytes: Bytes, lastPhys: number, transient: boolean): GrownPool | null {
    const { encryption, events, pages } = this.around;
    const count = Math.ceil(sizeBytes / pages.pageSizeBytes);
    const taken = pages.alloc(count, { contiguous: true, lastPhys, owner: "driver" });
    if (taken === null) return null;
    const basePhys = taken[0]!;
    const slots = count * pages.pageSizeBytes / SLOT_BYTES;
    encryption?.share(basePhys, slots * SLOT_BYTES);
    const areas = transient ? 1 : areasForSlots(slots, this.areas);
    const geometry = { basePhys, slots, areas, firstSlot: this.#nextSlot };
    const pool = new GrownPool(this.around, geometry, this.kernel, transient ? taken : null);
    this.#nextSlot += slots;
    this.#grown = [...this.#grown, pool];
    if (events.tick(SWIOTLB_GROW)) events.emit(SWIOTLB_GROW, { phys: basePhys, slots, transient });
    return pool;
  }

  #holding(address: number): GrownPool | undefined {
    return this.#grown.find((pool) => pool.contains(address));
  }

  #freeTransient(pool: GrownPool): void {
    if (pool.pages === null || pool.usedSlots > 0) return;
    this.#grown = this.#grown.filter((each) => each !== pool);
    this.around.encryption?.unshare(pool.basePhys, pool.sizeBytes);
    this.around.pages.free(pool.pages);
  }
}
