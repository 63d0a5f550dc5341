/**
 * The bounce-buffer pool (swiotlb): memory that every device can reach, allocated in slots of 2 KiB
 * when a device cannot, or must not, reach the real buffer.
 *
 * This class stores the owner of each slot; the class that it extends stores the free slots. The
 * tables of both classes are created at the first mapping, because most machines never bounce, for
 * example those of `race.orders`.
 *
 * @see rules/dma.md ch. 6, tests/golden/swiotlb/README.md
 */
import { invariant } from "../../errno.ts";
import {
  alignUp,
  type Bytes,
  DMA_MAPPING_ERROR,
  type Nanoseconds,
  type PhysAddr,
} from "../../address.ts";
import type { VirtualClock } from "../../time/clock.ts";
import {
  attributeWords,
  directionWord,
  DMA_ATTR,
  DMA_BIDIRECTIONAL,
  DMA_TO_DEVICE,
  type DmaDirection,
} from "../../dma/attributes.ts";
import { type EventFields, eventId } from "../../event_vocabulary.ts";
import type { EventStream } from "../../events.ts";
import { type FailureInjector, INJECTION } from "../../injection.ts";
import type { Kernel } from "../../kernels/kernels.ts";
import type { Charges } from "../../time/latencies.ts";
import type { KernelWarnings } from "../../warnings.ts";
import { BOUNCE_COPY, type HostMemory, type PhysicalMemory } from "../physical_memory.ts";
import { SET_BYTES, SET_SLOTS, SLOT_BYTES, type SwiotlbGeometry } from "./swiotlb_geometry.ts";
import { type BouncingDevice, SwiotlbSlots } from "./swiotlb_slots.ts";

const SWIOTLB_MAP = eventId("swiotlb.map");
const SWIOTLB_UNMAP = eventId("swiotlb.unmap");
const SWIOTLB_COPY = eventId("swiotlb.copy");
const SWIOTLB_FULL = eventId("swiotlb.full");

/** If a mapping is older than this when the pool is full, it is more likely leaked than in flight. */
const LEAK_AGE_NS: Nanoseconds = 1_000_000_000;
/** A mapping is also more likely leaked if this many others were released while it existed. */
const LEAK_RELEASES = 1024;

/** Value for a slot without original memory: it is free, or padding. */
const NOTHING = -1;

/** Whether the device reads the data, so that it must be copied into the pool. */
function deviceReads(dir: DmaDirection): boolean {
  return dir === DMA_TO_DEVICE || dir === DMA_BIDIRECTIONAL;
}

/** The parts of the machine that the pool needs. */
export interface SwiotlbSurroundings {
  readonly memory: Pick<PhysicalMemory, "copy" | "writer">;
  /**
   * The CPU's caches, where they are simulated. The CPU makes the pool's copies, so they go through
   * its caches.
   */
  readonly caches?: Pick<HostMemory, "copy"> | null;
  readonly events: EventStream;
  readonly clock: VirtualClock;
  readonly charges: Charges;
  readonly warnings: KernelWarnings;
  /** Injects failures; none by default. */
  readonly faults?: FailureInjector | null;
}

/** One buffer in the pool, as `forEachBuffer` passes it. */
export interface BouncedBuffer {
  /** The first slot, padding included. */
  readonly slot: number;
  /** Number of the buffer's slots, padding included. */
  readonly slots: number;
  /** Number of slots of padding before the data, so that the address keeps its low bits. */
  readonly padSlots: number;
  readonly origPhys: PhysAddr;
  /** Physical address of the data in the pool. */
  readonly tlbPhys: PhysAddr;
  readonly sizeBytes: Bytes;
  readonly bornNs: Nanoseconds;
}

/**
 * A buffer for which no slots were found: the arguments of `map`, and the number of slots that the
 * buffer needs.
 */
export interface UnfitBuffer {
  readonly dev: BouncingDevice;
  readonly orig: PhysAddr;
  readonly sizeBytes: Bytes;
  readonly allocAlignMask: number;
  readonly dir: DmaDirection;
  readonly attrs: number;
  readonly slots: number;
}

/** The reason why nothing fitted: the `cause` of `swiotlb.full`. */
export type SwiotlbFullCause = EventFields<"swiotlb.full">["cause"];

export class SwiotlbPool extends SwiotlbSlots {
  readonly #around: SwiotlbSurroundings;
  readonly #kernel: Partial<Kernel>;
  readonly #end: number;
  #releases = 0;

  /**
   * By slot: original address of the byte at offset `#phase` of the slot, or `NOTHING`. `#phase` is
   * the offset of the buffer's data in its first data slot.
   */
  #origin = new Float64Array(0);
  /**
   * Bytes of the allocation from the byte in `#origin` to the end of the allocation; 0 when free.
   * In padding slots, this includes the padding slots that follow.
   */
  #left = new Int32Array(0);
  /** Offset of the buffer's data in its first data slot. */
  #phase = new Uint16Array(0);
  /** Number of slots of padding before a buffer's first data slot; 0 elsewhere. */
  #padSlots = new Uint16Array(0);
  /** Size in bytes requested for the buffer that starts with this data slot. */
  #askedBytes = new Int32Array(0);
  /**
   * The time when the buffer that starts with this data slot was mapped; and, in `#bornReleases`,
   * the number of releases before that time.
   */
  #bornNs = new Float64Array(0);
  #bornReleases = new Float64Array(0);

  /**
   * @param geometry Null for a machine without a pool.
   * @param kernel Decides when data is copied into bounce buffers; default: the intended behaviour.
   */
  constructor(
    around: SwiotlbSurroundings,
    geometry: SwiotlbGeometry | null,
    kernel: Partial<Kernel> = {},
  ) {
    super(geometry);
    this.#around = around;
    this.#kernel = kernel;
    this.#end = this.basePhys + this.sizeBytes;
  }

  /** Calls back with every buffer in the pool, the lowest first. */
  forEachBuffer(visit: (buffer: BouncedBuffer) => void): void {
    for (const slot of this.#firstSlots()) {
      const padSlots = this.#padSlots[slot]!;
      visit({
        slot: this.firstSlot + slot - padSlots,
        slots: this.#bufferSlots(slot),
        padSlots,
        origPhys: this.#origin[slot]! as PhysAddr,
        tlbPhys: this.basePhys + slot * SLOT_BYTES + this.#phase[slot]! as PhysAddr,
        sizeBytes: this.#askedBytes[slot]!,
        bornNs: this.#bornNs[slot]!,
      });
    }
  }

  /**
   * The first data slot of each buffer. Only a first data slot stores the time at which its buffer
   * was mapped; it is recognised by that.
   */
  #firstSlots(): readonly number[] {
    const first: number[] = [];
    for (let slot = 0; slot < this.#left.length; slot++) {
      if (this.#left[slot] !== 0 && this.#bornNs[slot] !== NOTHING) first.push(slot);
    }
    return first;
  }

  /** Number of slots of the buffer with this first data slot, padding included. */
  #bufferSlots(slot: number): number {
    return this.#padSlots[slot]! + Math.ceil((this.#left[slot]! + this.#phase[slot]!) / SLOT_BYTES);
  }

  /** All pools: this one first, then the pools added to it. */
  get pools(): readonly SwiotlbPool[] {
    return [this];
  }

  /** True for a pool that is freed with its last buffer. */
  get transient(): boolean {
    return false;
  }

  /**
   * Maps a buffer that does not fit into this pool. If this pool may grow, another pool takes the
   * buffer.
   * @returns Null if this pool may not grow; it is then reported as full.
   */
  protected mapElsewhere(_unfit: UnfitBuffer): PhysAddr | typeof DMA_MAPPING_ERROR | null {
    return null;
  }

  /**
   * True for an address inside the pool, which means that a direct mapping with this address was
   * bounced.
   */
  contains(address: number): boolean {
    return address >= this.basePhys && address < this.#end;
  }

  /** The address that a byte of a bounce buffer stands for; null if no buffer has the byte. */
  originOf(tlb: number): PhysAddr | null {
    if (!this.contains(tlb) || !this.#isReady) return null;
    const slot = Math.floor((tlb - this.basePhys) / SLOT_BYTES);
    const origin = this.#origin[slot]!;
    const within = tlb % SLOT_BYTES - this.#phase[slot]!;
    return origin === NOTHING || within >= this.#left[slot]! ? null : origin + within as PhysAddr;
  }

  /**
   * Largest mapping the pool promises a device; somewhat larger ones can still succeed.
   * @see rules/dma.md 1.7
   */
  maxMappingSizeBytes(minAlignMask: number): Bytes {
    return SET_BYTES - alignUp(minAlignMask, SLOT_BYTES);
  }

  /**
   * Allocates slots for a buffer, and copies the buffer into them. The copy is made for every
   * direction unless a switch disables it, because bytes that the device does not write must keep
   * their value.
   *
   * @param orig Address of the real buffer.
   * @param allocAlignMask 0, or the granule minus one when the result goes through an IOMMU.
   * @returns The physical address of the copy, or `DMA_MAPPING_ERROR` after `swiotlb.full`.
   * @see rules/dma.md 6.2
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
    // For an injected failure, the pool is not reported as full.
    if (faults && faults.errnoAt(INJECTION["swiotlb.alloc"]) !== 0) return DMA_MAPPING_ERROR;
    const pad = this.padBytes(dev, orig, allocAlignMask);
    const totalBytes = this.#kernel.bounced_iova_keeps_slot_offset === true
      ? alignUp(sizeBytes, allocAlignMask + 1) + pad
      : alignUp(sizeBytes + pad, allocAlignMask + 1);
    const slots = Math.ceil(totalBytes / SLOT_BYTES);
    invariant(slots * SLOT_BYTES >= sizeBytes + pad, "Bounce slots are shorter than the data");
    const first = this.search(events.context.cpu, dev, orig, totalBytes, slots, allocAlignMask);
    if (first < 0) {
      const unfit = { dev, orig, sizeBytes, allocAlignMask, dir, attrs, slots };
      const tlb = this.mapElsewhere(unfit);
      if (tlb !== null) return tlb;
      this.#reportFull(dev, sizeBytes, slots, allocAlignMask, attrs);
      return DMA_MAPPING_ERROR;
    }
    dev.skipSync = false;
    if (!this.#isReady) this.#prepare();

    const padSlots = Math.floor(pad / SLOT_BYTES);
    const phase = pad % SLOT_BYTES;
    const dataSlot = first + padSlots;
    this.take(first, slots);
    for (let slot = first; slot < first + slots; slot++) {
      // Negative in padding slots; a release that starts there frees the data too.
      const before = (slot - dataSlot) * SLOT_BYTES;
      this.#origin[slot] = before < 0 ? NOTHING : orig + before;
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
        slot: this.firstSlot + first,
        slots,
        orig_phys: orig,
        tlb_phys: tlb,
        size_bytes: sizeBytes,
        align_mask: allocAlignMask,
        dir: directionWord(dir),
      });
    }
    if (this.#fillsAtMap(dir, attrs)) this.#copy(tlb, sizeBytes, "in");
    return tlb;
  }

  /**
   * Padding before a buffer's data, in bytes, so that its address keeps the low bits.
   * @internal
   */
  padBytes({ minAlignMask }: BouncingDevice, orig: number, allocAlignMask: number): Bytes {
    const inSlot = this.#kernel.bounced_iova_keeps_slot_offset === true;
    return lowBits(orig, minAlignMask, Math.max(inSlot ? 0 : allocAlignMask, SLOT_BYTES - 1));
  }

  /**
   * Copies a bounce buffer to the real buffer if the direction and the attributes require it, and
   * frees its slots. An address outside the pool is ignored.
   *
   * @param tlb The address that `map` returned.
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
    this.#release(dev, tlb, dir, attrs, sizeBytes);
  }

  /**
   * Frees a buffer's slots without copying.
   *
   * A second release of the same buffer goes unnoticed, as in the kernel. The recorded size of the
   * buffer is 0 after the first release, so the second does nothing. There are two exceptions: the
   * second release frees slots if the data began inside a slot, or if the slots have a new owner.
   * @see rules/dma.md 6.3
   */
  release(
    dev: BouncingDevice,
    tlb: PhysAddr,
    dir: DmaDirection = DMA_BIDIRECTIONAL,
    attrs = 0,
  ): void {
    this.#release(dev, tlb, dir, attrs | DMA_ATTR.SKIP_CPU_SYNC, null);
  }

  /** @param saidBytes The length that the caller passes; it has no effect on the release. */
  #release(
    dev: BouncingDevice,
    tlb: PhysAddr,
    dir: DmaDirection,
    attrs: number,
    saidBytes: Bytes | null,
  ): void {
    if (!this.contains(tlb) || !this.#isReady) return;
    const { events } = this.#around;
    const dataSlot = Math.floor((tlb - this.basePhys) / SLOT_BYTES);
    const phase = lowBits(tlb, dev.minAlignMask, SLOT_BYTES - 1);
    const padSlots = this.#padSlots[dataSlot]!;
    const leftBytes = this.#left[dataSlot]!;
    const slots = padSlots + Math.ceil((leftBytes + phase) / SLOT_BYTES);
    if (slots <= 0) return;
    const isWhole = leftBytes > 0 && this.#bornNs[dataSlot] !== NOTHING;
    const askedBytes = isWhole ? this.#askedBytes[dataSlot]! : 0;
    const first = dataSlot - padSlots;
    const origin = this.#origin[dataSlot]!;
    const given = Math.min(slots, this.slots - first);
    invariant(first >= 0 && given > 0, "A bounce buffer lies outside of the pool");
    this.give(first, given);
    this.#origin.fill(NOTHING, first, first + given);
    this.#left.fill(0, first, first + given);
    this.#padSlots.fill(0, first, first + given);
    this.#releases++;
    if (events.tick(SWIOTLB_UNMAP)) {
      events.emit(SWIOTLB_UNMAP, {
        slot: this.firstSlot + first,
        slots,
        orig_phys: origin === NOTHING ? null : origin as PhysAddr,
        tlb_phys: tlb,
        size_bytes: saidBytes ?? askedBytes,
        dir: directionWord(dir),
        attrs: attributeWords(attrs),
      });
    }
  }

  /**
   * Hands a buffer, or a part of it, to the CPU: copies it to the real buffer unless the device
   * only reads.
   */
  syncForCpu(tlb: PhysAddr, sizeBytes: Bytes, dir: DmaDirection): void {
    if (dir !== DMA_TO_DEVICE) this.#copy(tlb, sizeBytes, "out");
  }

  /**
   * Hands a buffer, or a part of it, to the device: copies the real buffer into it. As in current
   * releases, nothing is copied if the device only writes.
   */
  syncForDevice(tlb: PhysAddr, sizeBytes: Bytes, dir: DmaDirection): void {
    if (this.fillsForDevice(dir)) this.#copy(tlb, sizeBytes, "in");
  }

  /** Whether a sync for the device copies a buffer in. */
  fillsForDevice(dir: DmaDirection): boolean {
    const kernel = this.#kernel;
    if (deviceReads(dir)) return true;
    // The kernel soon reverted this rework, because the copy overwrites data that the device has
    // written since the CPU last read.
    return kernel.swiotlb_2022_sync_rework === true &&
      !kernel.swiotlb_2022_never_copy_in && !kernel.swiotlb_2022_copy_in_at_map;
  }

  /**
   * Whether a map copies the buffer into the bounce buffer. The copy is needed because a device may
   * write only a part, and the rest of the bounce buffer is copied back, too. If several switches
   * are set, that of the oldest release decides.
   * @see rules/dma.md 6.2 step 6; rules/defects.md (further switches)
   */
  #fillsAtMap(dir: DmaDirection, attrs: number): boolean {
    const kernel = this.#kernel;
    const synced = (attrs & DMA_ATTR.SKIP_CPU_SYNC) === 0;
    if (kernel.swiotlb_2022_never_copy_in) return synced && deviceReads(dir);
    return synced || !kernel.swiotlb_2022_copy_in_at_map;
  }

  /** Copies between a buffer and its original, from any address inside the buffer. */
  #copy(tlb: PhysAddr, sizeBytes: Bytes, direction: "in" | "out"): void {
    if (!this.contains(tlb) || !this.#isReady) return;
    const { events, charges, warnings } = this.#around;
    const memory = this.#around.caches ?? this.#around.memory;
    const slot = Math.floor((tlb - this.basePhys) / SLOT_BYTES);
    const origin = this.#origin[slot]!;
    if (origin === NOTHING) return;
    const within = tlb % SLOT_BYTES - this.#phase[slot]!;
    const left = this.#left[slot]! - within;
    let count = sizeBytes;
    if (count > left) {
      warnings.warnOnce("swiotlb_bounce", `A copy of ${sizeBytes} bytes is truncated to ${left}`);
      count = left;
    }
    const orig = origin + within as PhysAddr;
    if (count > 0) {
      this.#around.memory.writer = BOUNCE_COPY;
      if (direction === "in") memory.copy(orig, tlb, count);
      else memory.copy(tlb, orig, count);
      this.#around.memory.writer = null;
      charges.copied(count);
      if (events.tick(SWIOTLB_COPY)) {
        events.emit(SWIOTLB_COPY, { direction, orig_phys: orig, tlb_phys: tlb, size_bytes: count });
      }
    }
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
          slots_of_the_pool: this.totalSlots,
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
          : `swiotlb buffer is full: ${sizeBytes} bytes asked, ` +
            `${this.usedSlots} of ${this.totalSlots} slots in use`,
        cause === "no_pool" ? null : `swiotlb buffer is full (sz: ${sizeBytes} bytes), ` +
          `total ${this.totalSlots} (slots), used ${this.usedSlots} (slots)`,
      );
    }
  }

  /** The cause of a failed search. The kernel prints the same message for all causes. */
  #fullCause(slots: number): SwiotlbFullCause {
    if (!this.active) return "no_pool";
    if (slots > SET_SLOTS) return "over_segment";
    if (this.totalSlots - this.usedSlots < slots) {
      return this.#oldSlots() * 2 > this.usedSlots ? "leak_suspected" : "full";
    }
    return this.largestFreeSlots < slots ? "fragmented" : "alignment";
  }

  /** Number of slots of buffers that have been mapped for suspiciously long. */
  #oldSlots(): number {
    let old = 0;
    for (const slot of this.#firstSlots()) {
      const ageNs = this.#around.clock.nowNs - this.#bornNs[slot]!;
      const outlived = this.#releases - this.#bornReleases[slot]!;
      if (ageNs >= LEAK_AGE_NS || outlived >= LEAK_RELEASES) old += this.#bufferSlots(slot);
    }
    return old;
  }

  get #isReady(): boolean {
    return this.#left.length > 0;
  }

  #prepare(): void {
    this.#origin = new Float64Array(this.slots).fill(NOTHING);
    this.#left = new Int32Array(this.slots);
    this.#phase = new Uint16Array(this.slots);
    this.#padSlots = new Uint16Array(this.slots);
    this.#askedBytes = new Int32Array(this.slots);
    this.#bornNs = new Float64Array(this.slots);
    this.#bornReleases = new Float64Array(this.slots);
  }
}

/** The bits of an address that both masks select. Each mask is a power of two minus one. */
function lowBits(address: number, mask: number, otherMask: number): number {
  return address % (Math.min(mask, otherMask) + 1);
}
