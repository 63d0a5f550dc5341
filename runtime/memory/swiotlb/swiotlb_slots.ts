/**
 * The free slots of the bounce-buffer pool, and the search for slots where a buffer fits.
 *
 * The pool is divided into areas, and an area into sets of 128 slots. For each slot, a table stores
 * how many slots are free from that slot to the end of its set. Therefore checking whether a buffer
 * fits is one load. The table is created at the first search, because most machines never bounce,
 * for example those of `race.orders`.
 *
 * @see rules/dma.md 6.1 and 6.2
 */
import { alignDown, alignUp, type Bytes, type PhysAddr } from "../../address.ts";
import { invariant } from "../../errno.ts";
import { SET_SLOTS, SLOT_BYTES, type SwiotlbGeometry } from "./swiotlb_geometry.ts";

/** The properties of a device that the pool needs. */
export interface BouncingDevice {
  readonly name: string;
  /** Address bits of the original that the copy must keep; 0 or a power of two minus one. */
  readonly minAlignMask: number;
  /** No buffer may cross a multiple of `segmentBoundaryMask + 1`. */
  readonly segmentBoundaryMask: number;
  /**
   * The last address that the device reaches; a pool that is made only for this device lies below
   * that address.
   */
  readonly lastAddress?: number;
  /** Cleared by the device's first bounce. @see rules/dma.md 1.7 */
  skipSync: boolean;
}

/** The slots of a pool, without their contents. */
export class SwiotlbSlots {
  readonly basePhys: PhysAddr;
  readonly sizeBytes: Bytes;
  readonly slots: number;
  readonly areas: number;
  readonly areaSlots: number;
  /** Number of the first slot in events: the slots of all pools are numbered consecutively. */
  protected readonly firstSlot: number;

  /** Slot where each area's next search starts, relative to the area. */
  readonly #index: Int32Array;
  readonly #areaUsed: Int32Array;
  #highWaterSlots = 0;
  /**
   * For each slot, the number of free slots from it to the end of its set; 0 for an allocated slot.
   * Empty before the first search.
   */
  #freeRun = new Uint8Array(0);
  /**
   * All slots that were allocated or freed since the last audit lie from `#touchedFirst` to before
   * `#touchedEnd`.
   */
  #touchedFirst = 0;
  #touchedEnd = 0;

  /** @param geometry Null for a machine without a pool. */
  constructor(geometry: SwiotlbGeometry | null) {
    this.basePhys = geometry?.basePhys ?? 0 as PhysAddr;
    this.slots = geometry?.slots ?? 0;
    this.areas = geometry?.areas ?? 1;
    this.sizeBytes = this.slots * SLOT_BYTES;
    this.areaSlots = Math.floor(this.slots / this.areas);
    this.firstSlot = geometry?.firstSlot ?? 0;
    this.#index = new Int32Array(this.areas);
    this.#areaUsed = new Int32Array(this.areas);
  }

  /** True when the machine has a pool. */
  get active(): boolean {
    return this.slots > 0;
  }

  /** Number of slots in use in this pool, not counting pools that were added to it. */
  get ownUsedSlots(): number {
    return Math.max(0, this.#areaUsed.reduce((sum, used) => sum + used, 0));
  }

  /** Number of slots in use; if the pool has grown, in all its pools. @see rules/dma.md 6.4 */
  get usedSlots(): number {
    return this.ownUsedSlots;
  }

  /** Number of slots, including those of permanent pools that were added. */
  get totalSlots(): number {
    return this.slots;
  }

  /** Largest number of slots ever in use at once. */
  get highWaterSlots(): number {
    return this.#highWaterSlots;
  }

  /** Length of the longest run of free slots in a set, ignoring alignment. */
  get largestFreeSlots(): number {
    if (this.#freeRun.length === 0) return Math.min(this.slots, SET_SLOTS);
    let largest = 0;
    for (const run of this.#freeRun) if (run > largest) largest = run;
    return largest;
  }

  areaUsedSlots(area: number): number {
    return this.#areaUsed[area]!;
  }

  /** Slot where an area's next search starts, relative to the area. */
  areaIndex(area: number): number {
    return this.#index[area]!;
  }

  /** True when a slot is in use, as data or padding. */
  slotUsed(slot: number): boolean {
    return this.#freeRun.length > 0 && this.#freeRun[slot] === 0;
  }

  /** Starts the high-water mark again from the current use. */
  resetHighWater(): void {
    this.#highWaterSlots = this.usedSlots;
  }

  /**
   * Finds the first slot where a buffer fits, in any area, beginning with the area of the CPU.
   * @returns A slot, or -1 when the buffer fits nowhere.
   */
  protected search(
    cpu: number,
    dev: BouncingDevice,
    orig: number,
    totalBytes: Bytes,
    slots: number,
    allocAlignMask: number,
  ): number {
    if (!this.active || slots > SET_SLOTS) return -1;
    if (this.#freeRun.length === 0) this.#freeRun = allFree(this.slots);
    // If the area count is not a power of two, the mask never selects some areas as starting points.
    let area = cpu & (this.areas - 1);
    for (let tried = 0; tried < this.areas; tried++) {
      const first = this.#searchArea(dev, orig, totalBytes, slots, allocAlignMask, area);
      if (first >= 0) return first;
      area = (area + 1) % this.areas;
    }
    return -1;
  }

  #searchArea(
    dev: BouncingDevice,
    orig: number,
    totalBytes: Bytes,
    slots: number,
    allocAlignMask: number,
    area: number,
  ): number {
    if (this.#areaUsed[area]! + slots > this.areaSlots) return -1;
    const wholePages = allocAlignMask === 0 && dev.minAlignMask === 0 && totalBytes >= 4096;
    const alignMask = Math.max(wholePages ? 4095 : allocAlignMask, SLOT_BYTES - 1);
    const keepMask = dev.minAlignMask > alignMask ? dev.minAlignMask - alignMask : 0;
    const stride = Math.floor(Math.max(alignMask, keepMask) / SLOT_BYTES) + 1;
    // Masks are below 2^31, so the low 31 bits decide and 32-bit operators are safe.
    const keptBits = (orig % 2 ** 31) & keepMask;
    invariant(stride > 0, "A search for bounce slots makes no progress");
    const areaBase = area * this.areaSlots;
    const boundaryBytes = dev.segmentBoundaryMask + 1;
    // Slots are aligned by their distance from the pool's start. For the alignment, only the bits of
    // the pool's start address below the segment boundary matter (6.2).
    const lowBase = (this.basePhys % boundaryBytes + areaBase * SLOT_BYTES) % 2 ** 31;

    let index = this.#index[area]!;
    for (let step = 0; step < this.areaSlots;) {
      const low = (lowBase + index * SLOT_BYTES) & 0x7fff_ffff;
      if ((low & alignMask) !== 0 || (orig !== 0 && (low & keepMask) !== keptBits)) {
        index = this.#wrap(index + 1);
        step++;
        continue;
      }
      const first = areaBase + index;
      if (this.#freeRun[first]! >= slots && !this.#crosses(first, slots, boundaryBytes)) {
        invariant(first + slots <= this.slots, "Bounce slots lie beyond the pool");
        this.#index[area] = this.#wrap(index + slots);
        return first;
      }
      index = this.#wrap(index + stride);
      step += stride;
    }
    return -1;
  }

  #wrap(index: number): number {
    return index >= this.areaSlots ? 0 : index;
  }

  /** True when a block would reach across one of the device's boundaries. */
  #crosses(first: number, slots: number, boundaryBytes: Bytes): boolean {
    const start = (this.basePhys + first * SLOT_BYTES) % boundaryBytes;
    return start + slots * SLOT_BYTES > boundaryBytes;
  }

  protected take(first: number, slots: number): void {
    this.#freeRun.fill(0, first, first + slots);
    let run = 0;
    for (let slot = first - 1; slot >= first - first % SET_SLOTS; slot--) {
      if (this.#freeRun[slot] === 0) break;
      this.#freeRun[slot] = ++run;
    }
    this.#count(first, slots);
    this.noteHighWater();
  }

  /** Updates the high-water mark after slots were allocated, here or in a pool that was added. */
  protected noteHighWater(): void {
    const used = this.usedSlots;
    if (used > this.#highWaterSlots) this.#highWaterSlots = used;
  }

  /** Frees slots, which may be free already, as after a second release. */
  protected give(first: number, slots: number): void {
    const next = first + slots;
    invariant(first >= 0 && next <= this.slots, "Bounce slots outside of the pool were freed");
    let run = next % SET_SLOTS !== 0 && next < this.slots ? this.#freeRun[next]! : 0;
    for (let slot = next - 1; slot >= first; slot--) {
      if ((slot + 1) % SET_SLOTS === 0) run = 0;
      this.#freeRun[slot] = ++run;
    }
    for (let slot = first - 1; slot >= first - first % SET_SLOTS; slot--) {
      if (this.#freeRun[slot] === 0) break;
      this.#freeRun[slot] = ++run;
    }
    this.#count(first, -slots);
  }

  /**
   * Checks the table of free runs against the free slots. Checks only sets with slots that were
   * allocated or freed since the last audit.
   * @throws {InvariantError}
   */
  audit(): void {
    const runs = this.#freeRun;
    const last = Math.min(alignUp(this.#touchedEnd, SET_SLOTS), runs.length) - 1;
    const first = alignDown(this.#touchedFirst, SET_SLOTS);
    for (let slot = last, run = 0; slot >= first; slot--) {
      if ((slot + 1) % SET_SLOTS === 0) run = 0;
      run = runs[slot] === 0 ? 0 : run + 1;
      invariant(runs[slot] === run, "A run of free bounce slots has another length than is kept");
    }
    this.#touchedFirst = runs.length;
    this.#touchedEnd = 0;
  }

  #count(first: number, slots: number): void {
    this.#touchedFirst = Math.min(this.#touchedFirst, first);
    this.#touchedEnd = Math.max(this.#touchedEnd, first + slots);
    const area = Math.min(Math.floor(first / this.areaSlots), this.areas - 1);
    this.#areaUsed[area]! += slots;
  }
}

function allFree(slots: number): Uint8Array<ArrayBuffer> {
  const runs = new Uint8Array(slots);
  for (let slot = 0; slot < slots; slot++) {
    runs[slot] = Math.min(SET_SLOTS - slot % SET_SLOTS, slots - slot);
  }
  return runs;
}
