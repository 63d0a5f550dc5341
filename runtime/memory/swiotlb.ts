/**
 * The bounce-buffer pool (swiotlb): memory every device can reach, lent out in slots of 2 KiB when
 * a device cannot, or must not, reach the real buffer.
 *
 * The pool is cut into areas, and an area into sets of 128 slots. For each slot the pool keeps how
 * many slots are free from it to the end of its set, so that looking whether a buffer fits is one
 * load. The tables appear with the first mapping: most machines never bounce.
 *
 * @see behaviour/dma.md ch. 6, tests/golden/swiotlb/README.md
 */
import {
  alignUp,
  type Bytes,
  DMA_MAPPING_ERROR,
  type Nanoseconds,
  type PhysAddr,
} from "../address.ts";
import type { VirtualClock } from "../clock.ts";
import {
  attributeWords,
  directionWord,
  DMA_ATTR,
  DMA_BIDIRECTIONAL,
  DMA_TO_DEVICE,
  type DmaDirection,
} from "../dma/attributes.ts";
import { eventId } from "../event_vocabulary.ts";
import type { EventStream } from "../events.ts";
import { FAULT, type FaultInjector } from "../faults.ts";
import type { Charges } from "../prices.ts";
import type { KernelWarnings } from "../warnings.ts";
import { FILL_ALWAYS, type SwiotlbCopyRules } from "./swiotlb_copy_rules.ts";
import { SET_BYTES, SET_SLOTS, SLOT_BYTES, type SwiotlbGeometry } from "./swiotlb_geometry.ts";

const SWIOTLB_MAP = eventId("swiotlb.map");
const SWIOTLB_UNMAP = eventId("swiotlb.unmap");
const SWIOTLB_COPY = eventId("swiotlb.copy");
const SWIOTLB_FULL = eventId("swiotlb.full");

/** A mapping this old, with the pool full, is more likely forgotten than in flight. */
const LEAK_AGE_NS: Nanoseconds = 1_000_000_000;
/** … and so is one that saw this many others end. */
const LEAK_RELEASES = 1024;

/** No original: the slot is free, or padding. */
const NOTHING = -1;

/** What the pool must know of a device. */
export interface BouncingDevice {
  readonly name: string;
  /** Address bits of the original that the copy must have too; 0 or a power of two minus one. */
  readonly minAlignMask: number;
  /** No buffer may cross a multiple of this plus one. */
  readonly segmentBoundaryMask: number;
  /** Cleared by the device's first bounce. @see behaviour/dma.md 1.7 */
  skipSync: boolean;
}

/** What the pool does to memory. */
interface CopyingMemory {
  copy(from: PhysAddr, to: PhysAddr, sizeBytes: Bytes): void;
}

/** What the pool needs around it. */
export interface SwiotlbSurroundings {
  readonly memory: CopyingMemory;
  /** The CPU's caches, where they matter: the CPU is who copies. */
  readonly caches?: CopyingMemory | null;
  readonly events: EventStream;
  readonly clock: VirtualClock;
  readonly charges: Charges;
  readonly warnings: KernelWarnings;
  /** What is told to fail; nothing when left out. */
  readonly faults?: FaultInjector | null;
}

/** One buffer in the pool, as `forEachBuffer` tells of it. */
export interface BouncedBuffer {
  /** The first slot, padding included. */
  readonly slot: number;
  /** Slots taken, padding included. */
  readonly slots: number;
  /** Slots before the data, taken so that the address keeps its low bits. */
  readonly padSlots: number;
  readonly origPhys: PhysAddr;
  /** Where the data begins. */
  readonly tlbPhys: PhysAddr;
  readonly sizeBytes: Bytes;
  readonly bornNs: Nanoseconds;
}

/** Why nothing fitted: the `cause` of `swiotlb.full`. */
export type SwiotlbFullCause =
  | "no_pool"
  | "over_segment"
  | "leak_suspected"
  | "full"
  | "fragmented"
  | "alignment";

export class SwiotlbPool {
  readonly basePhys: PhysAddr;
  readonly sizeBytes: Bytes;
  readonly slots: number;
  readonly areas: number;
  /** Slots of an area. */
  readonly areaSlots: number;

  readonly #around: SwiotlbSurroundings;
  readonly #copyRules: SwiotlbCopyRules;
  readonly #end: number;
  /** Where each area's next search starts, relative to the area. */
  readonly #index: Int32Array;
  readonly #areaUsed: Int32Array;
  #usedSlots = 0;
  #highWaterSlots = 0;
  #releases = 0;

  #ready = false;
  /** Free slots from this one to the end of its set; 0 when taken. */
  #freeRun = new Uint8Array(0);
  /** Original address of the data's byte that lies `#phase` bytes into the slot, or `NOTHING`. */
  #origin = new Float64Array(0);
  /** Bytes of the allocation from that byte on; 0 when free. */
  #left = new Int32Array(0);
  /** Where in its first slot the buffer's data starts. */
  #phase = new Uint16Array(0);
  /** Slots of padding before a buffer's first data slot; 0 elsewhere. */
  #padSlots = new Uint16Array(0);
  /** Bytes asked for by the buffer that starts with this data slot. */
  #askedBytes = new Int32Array(0);
  /** When, and after how many releases, the buffer that starts with this data slot was mapped. */
  #bornNs = new Float64Array(0);
  #bornReleases = new Float64Array(0);

  /**
   * @param geometry Null for a machine without a pool.
   * @param copyRules When the buffer is copied in; those of today when left out.
   */
  constructor(
    around: SwiotlbSurroundings,
    geometry: SwiotlbGeometry | null,
    copyRules: SwiotlbCopyRules = FILL_ALWAYS,
  ) {
    this.#around = around;
    this.#copyRules = copyRules;
    this.basePhys = geometry?.basePhys ?? 0 as PhysAddr;
    this.slots = geometry?.slots ?? 0;
    this.areas = geometry?.areas ?? 1;
    this.areaSlots = Math.floor(this.slots / this.areas);
    this.sizeBytes = this.slots * SLOT_BYTES;
    this.#end = this.basePhys + this.sizeBytes;
    this.#index = new Int32Array(this.areas);
    this.#areaUsed = new Int32Array(this.areas);
  }

  /** True when the machine has a pool. */
  get active(): boolean {
    return this.slots > 0;
  }

  get usedSlots(): number {
    return Math.max(0, this.#usedSlots);
  }

  /** Most slots ever in use at once. */
  get highWaterSlots(): number {
    return this.#highWaterSlots;
  }

  /** The longest run of free slots a buffer could get, alignment aside. */
  get largestFreeSlots(): number {
    if (!this.#ready) return Math.min(this.slots, SET_SLOTS);
    let largest = 0;
    for (const run of this.#freeRun) if (run > largest) largest = run;
    return largest;
  }

  /** Slots in use in an area. */
  areaUsedSlots(area: number): number {
    return this.#areaUsed[area]!;
  }

  /** Where an area's next search starts, relative to the area. */
  areaIndex(area: number): number {
    return this.#index[area]!;
  }

  /** True when a slot belongs to somebody, as data or padding. */
  slotUsed(slot: number): boolean {
    return this.#ready && this.#freeRun[slot] === 0;
  }

  /** Calls back with every buffer in the pool, the lowest first. */
  forEachBuffer(visit: (buffer: BouncedBuffer) => void): void {
    if (!this.#ready) return;
    for (let slot = 0; slot < this.slots; slot++) {
      const bytes = this.#left[slot]!;
      // Every data slot knows what is left of its buffer; only the first knows its birth.
      if (bytes === 0 || this.#bornNs[slot] === NOTHING) continue;
      const padSlots = this.#padSlots[slot]!;
      const phase = this.#phase[slot]!;
      visit({
        slot: slot - padSlots,
        slots: padSlots + Math.ceil((bytes + phase) / SLOT_BYTES),
        padSlots,
        origPhys: this.#origin[slot]! as PhysAddr,
        tlbPhys: this.basePhys + slot * SLOT_BYTES + phase as PhysAddr,
        sizeBytes: this.#askedBytes[slot]!,
        bornNs: this.#bornNs[slot]!,
      });
    }
  }

  /** True for an address inside the pool; so a direct mapping at it is a bounced one. */
  contains(address: number): boolean {
    return address >= this.basePhys && address < this.#end;
  }

  /**
   * Largest mapping the pool promises a device; somewhat larger ones can still succeed.
   * @see behaviour/dma.md 1.7
   */
  maxMappingSizeBytes(minAlignMask: number): Bytes {
    return SET_BYTES - alignUp(minAlignMask, SLOT_BYTES);
  }

  /**
   * Takes slots for a buffer and copies it in, for every direction unless a switch says otherwise:
   * what the device does not write must keep its bytes.
   *
   * @param orig Address of the real buffer.
   * @param allocAlignMask 0, or the granule minus one when the result goes through an IOMMU.
   * @returns The address the device is given, or `DMA_MAPPING_ERROR` after `swiotlb.full`.
   * @see behaviour/dma.md 6.2
   */
  map(
    dev: BouncingDevice,
    orig: PhysAddr,
    sizeBytes: Bytes,
    allocAlignMask: number,
    dir: DmaDirection,
    attrs: number,
  ): PhysAddr | typeof DMA_MAPPING_ERROR {
    const { events, faults } = this.#around;
    // A slot that is told not to be there says nothing of the pool, so nothing is said of it either.
    if (faults && faults.errnoAt(FAULT["swiotlb.alloc"]) !== 0) return DMA_MAPPING_ERROR;
    const keep = dev.minAlignMask;
    const pad = lowBits(orig, keep, Math.max(allocAlignMask, SLOT_BYTES - 1));
    const totalBytes = alignUp(sizeBytes + pad, allocAlignMask + 1);
    const slots = Math.ceil(totalBytes / SLOT_BYTES);
    const first = this.#search(dev, orig, totalBytes, slots, allocAlignMask);
    if (first < 0) {
      this.#reportFull(dev, sizeBytes, slots, allocAlignMask, attrs);
      return DMA_MAPPING_ERROR;
    }
    dev.skipSync = false;

    const padSlots = Math.floor(pad / SLOT_BYTES);
    const phase = pad % SLOT_BYTES;
    const dataSlot = first + padSlots;
    this.#take(first, slots);
    for (let slot = first; slot < dataSlot; slot++) this.#origin[slot] = NOTHING;
    for (let slot = dataSlot; slot < first + slots; slot++) {
      const before = (slot - dataSlot) * SLOT_BYTES;
      this.#origin[slot] = orig + before;
      this.#left[slot] = totalBytes - pad - before;
      this.#phase[slot] = phase;
      this.#padSlots[slot] = 0;
      this.#bornNs[slot] = NOTHING;
    }
    this.#padSlots[dataSlot] = padSlots;
    this.#askedBytes[dataSlot] = sizeBytes;
    this.#bornNs[dataSlot] = this.#around.clock.nowNs;
    this.#bornReleases[dataSlot] = this.#releases;

    const tlb = this.basePhys + dataSlot * SLOT_BYTES + phase as PhysAddr;
    if (events.tick(SWIOTLB_MAP)) {
      events.emit(SWIOTLB_MAP, {
        slot: first,
        slots,
        orig_phys: orig,
        tlb_phys: tlb,
        size_bytes: sizeBytes,
        align_mask: allocAlignMask,
        dir: directionWord(dir),
      });
    }
    if (this.#copyRules.fillsAtMap(dir, attrs)) this.#copy(tlb, sizeBytes, "in");
    return tlb;
  }

  /**
   * Copies a buffer out, where the direction and the attributes ask for it, and gives its slots
   * back. An address outside the pool does nothing.
   *
   * @param tlb What `map` returned.
   */
  unmap(
    dev: BouncingDevice,
    tlb: PhysAddr,
    sizeBytes: Bytes,
    dir: DmaDirection,
    attrs: number,
  ): void {
    if (!this.contains(tlb)) return;
    if ((attrs & DMA_ATTR.SKIP_CPU_SYNC) === 0 && dir !== DMA_TO_DEVICE) {
      this.#copy(tlb, sizeBytes, "out");
    }
    this.#release(dev, tlb, dir, attrs);
  }

  /**
   * Gives a buffer's slots back without copying.
   *
   * A second release of the same buffer goes unnoticed, as in the kernel: its recorded size is 0 by
   * then, so nothing happens unless the data began inside a slot, or the slots have a new owner.
   * @see behaviour/dma.md 6.3
   */
  release(
    dev: BouncingDevice,
    tlb: PhysAddr,
    dir: DmaDirection = DMA_BIDIRECTIONAL,
    attrs = 0,
  ): void {
    this.#release(dev, tlb, dir, attrs | DMA_ATTR.SKIP_CPU_SYNC);
  }

  #release(dev: BouncingDevice, tlb: PhysAddr, dir: DmaDirection, attrs: number): void {
    if (!this.contains(tlb) || !this.#ready) return;
    const { events } = this.#around;
    const dataSlot = Math.floor((tlb - this.basePhys) / SLOT_BYTES);
    const phase = lowBits(tlb, dev.minAlignMask, SLOT_BYTES - 1);
    const padSlots = this.#padSlots[dataSlot]!;
    const leftBytes = this.#left[dataSlot]!;
    const slots = padSlots + Math.ceil((leftBytes + phase) / SLOT_BYTES);
    if (slots <= 0) return;
    const askedBytes = leftBytes === 0 ? 0 : this.#askedBytes[dataSlot]!;
    const first = dataSlot - padSlots;
    const origin = this.#origin[dataSlot]!;
    this.#give(first, Math.min(slots, this.slots - first));
    this.#releases++;
    if (events.tick(SWIOTLB_UNMAP)) {
      events.emit(SWIOTLB_UNMAP, {
        slot: first,
        slots,
        orig_phys: origin === NOTHING ? null : origin,
        tlb_phys: tlb,
        size_bytes: askedBytes,
        dir: directionWord(dir),
        attrs: attributeWords(attrs),
      });
    }
  }

  /**
   * Hands a buffer, or a part of one, to the CPU: copies out unless the device only reads.
   * @returns False when the copy was longer than the buffer and was cut.
   */
  syncForCpu(tlb: PhysAddr, sizeBytes: Bytes, dir: DmaDirection): boolean {
    return dir === DMA_TO_DEVICE || this.#copy(tlb, sizeBytes, "out");
  }

  /**
   * Hands a buffer, or a part of one, to the device: copies in unless the device only writes, by
   * today's rules.
   * @returns False when the copy was longer than the buffer and was cut.
   */
  syncForDevice(tlb: PhysAddr, sizeBytes: Bytes, dir: DmaDirection): boolean {
    return !this.#copyRules.fillsForDevice(dir) || this.#copy(tlb, sizeBytes, "in");
  }

  /** Starts the high-water mark again from what is in use. */
  resetHighWater(): void {
    this.#highWaterSlots = this.usedSlots;
  }

  /** Finds the first slot for a buffer in any area, beginning with the CPU's. */
  #search(
    dev: BouncingDevice,
    orig: number,
    totalBytes: Bytes,
    slots: number,
    allocAlignMask: number,
  ): number {
    if (!this.active || slots > SET_SLOTS) return -1;
    if (!this.#ready) this.#prepare();
    // For an area count that is no power of two, the mask leaves some areas out as starting points.
    let area = this.#around.events.cpu & (this.areas - 1);
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
    const areaBase = area * this.areaSlots;
    const lowBase = (this.basePhys + areaBase * SLOT_BYTES) % 2 ** 31;
    const boundaryBytes = dev.segmentBoundaryMask + 1;

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

  #take(first: number, slots: number): void {
    this.#freeRun.fill(0, first, first + slots);
    let run = 0;
    for (let slot = first - 1; slot >= first - first % SET_SLOTS; slot--) {
      if (this.#freeRun[slot] === 0) break;
      this.#freeRun[slot] = ++run;
    }
    this.#count(first, slots);
    if (this.#usedSlots > this.#highWaterSlots) this.#highWaterSlots = this.#usedSlots;
  }

  #give(first: number, slots: number): void {
    const next = first + slots;
    let run = next % SET_SLOTS !== 0 && next < this.slots ? this.#freeRun[next]! : 0;
    for (let slot = next - 1; slot >= first; slot--) {
      if ((slot + 1) % SET_SLOTS === 0) run = 0;
      this.#freeRun[slot] = ++run;
      this.#origin[slot] = NOTHING;
      this.#left[slot] = 0;
      this.#padSlots[slot] = 0;
    }
    for (let slot = first - 1; slot >= first - first % SET_SLOTS; slot--) {
      if (this.#freeRun[slot] === 0) break;
      this.#freeRun[slot] = ++run;
    }
    this.#count(first, -slots);
  }

  #count(first: number, slots: number): void {
    this.#usedSlots += slots;
    const area = Math.min(Math.floor(first / this.areaSlots), this.areas - 1);
    this.#areaUsed[area]! += slots;
  }

  /** Copies between a buffer and its original, from any address inside it. */
  #copy(tlb: PhysAddr, sizeBytes: Bytes, direction: "in" | "out"): boolean {
    if (!this.contains(tlb) || !this.#ready) return true;
    const { events, charges, warnings } = this.#around;
    const memory = this.#around.caches ?? this.#around.memory;
    const slot = Math.floor((tlb - this.basePhys) / SLOT_BYTES);
    const origin = this.#origin[slot]!;
    if (origin === NOTHING) return true;
    const within = tlb % SLOT_BYTES - this.#phase[slot]!;
    const left = this.#left[slot]! - within;
    let count = sizeBytes;
    if (count > left) {
      warnings.warnOnce("swiotlb_bounce", `A copy of ${sizeBytes} bytes is cut to ${left}`);
      count = left;
    }
    const orig = origin + within as PhysAddr;
    if (count > 0) {
      if (direction === "in") memory.copy(orig, tlb, count);
      else memory.copy(tlb, orig, count);
      charges.copied(count);
      if (events.tick(SWIOTLB_COPY)) {
        events.emit(SWIOTLB_COPY, { direction, orig_phys: orig, tlb_phys: tlb, size_bytes: count });
      }
    }
    return count === sizeBytes;
  }

  #reportFull(
    dev: BouncingDevice,
    sizeBytes: Bytes,
    slots: number,
    allocAlignMask: number,
    attrs: number,
  ): void {
    const { events, warnings } = this.#around;
    const cause = this.#fullCause(slots);
    if (events.tick(SWIOTLB_FULL)) {
      events.emit(SWIOTLB_FULL, { wanted_bytes: sizeBytes, cause }, {
        rule: "dma.6.2",
        inputs: {
          slots_wanted: slots,
          slots_of_a_set: SET_SLOTS,
          slots_in_use: this.usedSlots,
          slots_of_the_pool: this.slots,
          largest_free_run: this.largestFreeSlots,
          slots_in_use_for_long: this.#oldSlots(),
          align_mask: allocAlignMask,
          min_align_mask: dev.minAlignMask,
        },
      });
    }
    if (cause === "no_pool" || (attrs & DMA_ATTR.NO_WARN) === 0) {
      warnings.warnRatelimited(
        "swiotlb_full",
        cause === "no_pool"
          ? `Cannot bounce ${sizeBytes} bytes: the machine has no bounce-buffer pool`
          : `Bounce buffers are full: ${sizeBytes} bytes asked, ` +
            `${this.usedSlots} of ${this.slots} slots in use`,
      );
    }
  }

  /** What made a search fail; the kernel's one message hides which of these it was. */
  #fullCause(slots: number): SwiotlbFullCause {
    if (!this.active) return "no_pool";
    if (slots > SET_SLOTS) return "over_segment";
    if (this.slots - this.usedSlots < slots) {
      return this.#oldSlots() * 2 > this.usedSlots ? "leak_suspected" : "full";
    }
    return this.largestFreeSlots < slots ? "fragmented" : "alignment";
  }

  /** Slots of buffers that have been mapped for suspiciously long. */
  #oldSlots(): number {
    let old = 0;
    for (let slot = 0; slot < this.slots; slot++) {
      const bytes = this.#left[slot]!;
      // A buffer is judged at its first data slot; the others repeat it with less left.
      if (bytes === 0 || this.#bornNs[slot] === NOTHING) continue;
      const ageNs = this.#around.clock.nowNs - this.#bornNs[slot]!;
      const outlived = this.#releases - this.#bornReleases[slot]!;
      if (ageNs >= LEAK_AGE_NS || outlived >= LEAK_RELEASES) {
        old += this.#padSlots[slot]! + Math.ceil((bytes + this.#phase[slot]!) / SLOT_BYTES);
      }
    }
    return old;
  }

  #prepare(): void {
    this.#freeRun = new Uint8Array(this.slots);
    for (let slot = 0; slot < this.slots; slot++) {
      this.#freeRun[slot] = Math.min(SET_SLOTS - slot % SET_SLOTS, this.slots - slot);
    }
    this.#origin = new Float64Array(this.slots).fill(NOTHING);
    this.#left = new Int32Array(this.slots);
    this.#phase = new Uint16Array(this.slots);
    this.#padSlots = new Uint16Array(this.slots);
    this.#askedBytes = new Int32Array(this.slots);
    this.#bornNs = new Float64Array(this.slots).fill(NOTHING);
    this.#bornReleases = new Float64Array(this.slots);
    this.#ready = true;
  }
}

/** The bits of an address that both masks, powers of two minus one, select. */
function lowBits(address: number, mask: number, otherMask: number): number {
  return address % (Math.min(mask, otherMask) + 1);
}
