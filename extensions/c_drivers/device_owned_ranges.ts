/**
 * Memory that a driver in C has mapped and not synced back for the CPU. Each access from C to this
 * memory is reported.
 *
 * The CPU may read memory that a device only reads. While the CPU owns memory that may be bounced,
 * the CPU's writes are reported to the checker, which then knows the bytes that a bounce buffer
 * overwrites.
 *
 * These records are separate from the records of other parts. They contain the memory of mapping
 * calls from C, one record for each entry of a scatterlist, with the current owner of each part.
 * The rows of the recording (`mappings`) could not be used: each row is about one output of a
 * mapping, and an output may consist of several entries. The checker's records could not be used
 * either: they verify the mapping layer's work, and no other part may depend on them.
 */
import {
  DMA_ATTR,
  DMA_TO_DEVICE,
  type DmaDevice,
  type DmaDirection,
  type LentMemory,
} from "@dmalab/runtime/dma";
import type { Machine, PhysAddr } from "@dmalab/runtime";
import { type CMemory, NOWHERE } from "./c_memory.ts";

interface Mapped {
  readonly device: DmaDevice;
  /** The DMA address, or a substitute for it that identifies a list's entry. */
  readonly dma: number;
  /** The address at which the device sees the memory. */
  readonly seenAt: number;
  readonly phys: PhysAddr;
  readonly sizeBytes: number;
  readonly dir: DmaDirection;
  readonly site: number | null;
  /**
   * Whether the memory was mapped without a CPU sync, so that only the driver knows the current
   * owner.
   */
  readonly ownSyncs: boolean;
  /** The parts that the device owns. */
  lent: LentMemory[];
  /** The parts that the CPU owns and that a device's bounce buffer may overwrite. */
  copied: LentMemory[];
  /** The parts that a sync has handed to the CPU, with that sync. */
  synced: LentMemory[];
}

/**
 * Addresses of a list's entry. An output may cover several entries, so `dma` has a separate number
 * for each entry instead of the DMA address.
 */
interface ListEntryAddress {
  readonly dma: number;
  /** The address at which the device sees the entry. */
  readonly seenAt: number;
}

/** Largest number of ranges that are followed. */
const MOST_FOLLOWED = 256;

/** A range of physical memory. */
interface Span {
  readonly phys: number;
  readonly sizeBytes: number;
}

export class DeviceOwnedRanges {
  /** Mappings by their DMA address; two devices may have the same address. */
  readonly #mapped = new Map<number, Mapped[]>();

  /** Ranges that devices may write, also after their mapping's end, the latest last; null if none is followed. */
  #followed: (Span & { readonly dma: number })[] | null = null;

  constructor(private readonly machine: Machine, private readonly memory: CMemory) {}

  /** From now on reads by C of memory that a device could write are watched, and have a DMA address. */
  follow(): void {
    this.#followed = [];
  }

  /** The address at which a device could write a byte of followed memory; null for other memory. */
  followedDma(phys: number): number | null {
    const found = this.#followed?.findLast((each) => overlaps(each, phys, 1));
    return found === undefined ? null : found.dma + phys - found.phys;
  }

  /**
   * Records a mapping.
   * @param at The DMA address.
   * @param attrs The attributes of the mapping. With the attribute for MMIO nothing is recorded, because the memory is not the CPU's.
   */
  add(
    device: DmaDevice,
    at: number | ListEntryAddress,
    phys: PhysAddr,
    sizeBytes: number,
    dir: DmaDirection,
    attrs = 0,
  ): void {
    if ((attrs & DMA_ATTR.MMIO) !== 0) return;
    const { dma, seenAt } = typeof at === "number" ? { dma: at, seenAt: at } : at;
    const { site } = this.machine.events.context;
    const ownSyncs = (attrs & DMA_ATTR.SKIP_CPU_SYNC) !== 0;
    const mapped: Mapped = {
      device,
      dma,
      seenAt,
      phys,
      sizeBytes,
      dir,
      site,
      ownSyncs,
      lent: [],
      copied: [],
      synced: [],
    };
    const whole = this.#lentOf(mapped, phys, sizeBytes);
    if (!ownSyncs) mapped.lent = [whole];
    else if (this.#mayLose(dir)) mapped.copied = [whole];
    this.#mapped.getOrInsertComputed(dma, () => []).push(mapped);
    for (const part of partsOf(mapped)) this.#watch(part);
    if (this.#followed === null || dir === DMA_TO_DEVICE) return;
    const range = { phys, sizeBytes, dma: seenAt };
    this.#watch(range);
    this.#followed.push(range);
    if (this.#followed.length > MOST_FOLLOWED) this.#followed.shift();
  }

  /** Ends a mapping, whatever length the call gives. */
  end(device: DmaDevice, dma: number): void {
    const there = this.#mapped.get(dma);
    const index = there?.findIndex((mapped) => mapped.device === device) ?? -1;
    if (there === undefined || index < 0) return;
    const [mapped] = there.splice(index, 1);
    if (there.length === 0) this.#mapped.delete(dma);
    for (const part of partsOf(mapped!)) this.#unwatch(part);
  }

  /** Ends every mapping that begins in a range of a device's DMA addresses. */
  endWithin(device: DmaDevice, dma: number, sizeBytes: number): void {
    const inside = [...this.#mapped.keys()].filter((at) => at >= dma && at < dma + sizeBytes);
    for (const at of inside) this.end(device, at);
  }

  /** Ends the device's mappings that contain any of the `sizeBytes` bytes from `phys` on. */
  endMemory(device: DmaDevice, phys: number, sizeBytes: number): void {
    const touching = [...this.#mapped].filter(([, there]) =>
      there.some((mapped) => mapped.device === device && overlaps(mapped, phys, sizeBytes))
    );
    for (const [dma] of touching) this.end(device, dma);
  }

  /**
   * Passes ownership of bytes to the CPU or to the device. The bytes are a part of one mapping, or several
   * mappings with adjacent DMA addresses.
   * @param dma The DMA address, or the number that replaces it for a list's entry.
   */
  hand(device: DmaDevice, dma: number, sizeBytes: number, toCpu: boolean): void {
    const exact = this.#mapped.get(dma)?.find((mapped) => mapped.device === device);
    if (exact !== undefined && sizeBytes <= exact.sizeBytes) {
      return this.#hand(exact, exact.phys, sizeBytes, toCpu);
    }
    for (const there of this.#mapped.values()) {
      for (const mapped of there) {
        const from = Math.max(dma, mapped.seenAt);
        const end = Math.min(dma + sizeBytes, mapped.seenAt + mapped.sizeBytes);
        if (mapped.device !== device || from >= end) continue;
        this.#hand(mapped, mapped.phys + (from - mapped.seenAt), end - from, toCpu);
      }
    }
  }

  #hand(mapped: Mapped, phys: number, sizeBytes: number, toCpu: boolean): void {
    const before = partsOf(mapped);
    const part = this.#lentOf(mapped, phys as PhysAddr, sizeBytes);
    mapped.lent = mapped.lent.flatMap((lent) => without(lent, phys, sizeBytes));
    mapped.copied = mapped.copied.flatMap((copied) => without(copied, phys, sizeBytes));
    mapped.synced = mapped.synced.flatMap((synced) => without(synced, phys, sizeBytes));
    if (toCpu && !mapped.ownSyncs) {
      mapped.synced.push({ ...part, dma: mapped.seenAt + (phys - mapped.phys) });
    }
    if (!toCpu && !mapped.ownSyncs) mapped.lent.push(part);
    if ((toCpu || mapped.ownSyncs) && this.#mayLose(mapped.dir)) mapped.copied.push(part);
    for (const each of before) this.#unwatch(each);
    for (const each of partsOf(mapped)) this.#watch(each);
  }

  /** Whether a bounce buffer may overwrite bytes that the CPU owns. */
  isCopied(phys: PhysAddr, sizeBytes: number): boolean {
    return [...this.#mapped.values()].some((there) =>
      there.some(({ copied }) => copied.some((part) => overlaps(part, phys, sizeBytes)))
    );
  }

  /** Whether a bounce buffer may later be copied over the CPU's writes. */
  #mayLose(dir: DmaDirection): boolean {
    return dir !== DMA_TO_DEVICE && this.machine.swiotlb.usedSlots > 0;
  }

  /** The range that the CPU owns by a sync and that a device's write to DMA addresses touches; null without one. */
  syncedAt(device: DmaDevice, dma: number, sizeBytes: number): LentMemory | null {
    for (const there of this.#mapped.values()) {
      for (const mapped of there) {
        if (mapped.device !== device || mapped.synced.length === 0) continue;
        const part = mapped.synced.find((each) =>
          dma < each.dma + each.sizeBytes && each.dma < dma + sizeBytes
        );
        if (part !== undefined) return part;
      }
    }
    return null;
  }

  /** The device-owned range that forbids an access to some bytes; null if the access is allowed. */
  find(phys: number, sizeBytes: number, writes: boolean): LentMemory | null {
    for (const there of this.#mapped.values()) {
      for (const mapped of there) {
        if (!writes && mapped.dir === DMA_TO_DEVICE) continue;
        const part = mapped.lent.find((each) => overlaps(each, phys, sizeBytes));
        if (part === undefined) continue;
        const { phys: start, seenAt, synced } = mapped;
        return { ...part, mapping: { phys: start, dma: seenAt }, synced };
      }
    }
    return null;
  }

  /**
   * A mapping of some bytes, whatever its present owner; null if no mapping contains any of the
   * bytes.
   */
  mappingOf(phys: number, sizeBytes: number): LentMemory | null {
    for (const there of this.#mapped.values()) {
      for (const mapped of there) {
        if (overlaps(mapped, phys, sizeBytes)) return { ...mapped, device: mapped.device.name };
      }
    }
    return null;
  }

  #lentOf(
    { device, dir, dma, phys: first }: Mapped,
    phys: PhysAddr,
    sizeBytes: number,
  ): LentMemory {
    const { site } = this.machine.events.context;
    return { device: device.name, phys, dma: dma + (phys - first), sizeBytes, dir, site };
  }

  #watch({ phys, sizeBytes }: Span): void {
    const at = this.memory.pointerTo(phys);
    if (at !== NOWHERE) this.memory.watch(at, sizeBytes);
  }

  #unwatch({ phys, sizeBytes }: Span): void {
    const at = this.memory.pointerTo(phys);
    if (at === NOWHERE) return;
    this.memory.unwatch(at, sizeBytes);
    for (const range of this.#followed ?? []) {
      if (overlaps(range, phys - 8, sizeBytes + 16)) this.#watch(range);
    }
    // Another mapping may have bytes in the same granule of eight bytes.
    for (const there of this.#mapped.values()) {
      for (const mapped of there) {
        for (const part of partsOf(mapped)) {
          if (overlaps(part, phys - 8, sizeBytes + 16)) this.#watch(part);
        }
      }
    }
  }
}

function overlaps(range: Span, phys: number, sizeBytes: number): boolean {
  return phys < range.phys + range.sizeBytes && range.phys < phys + sizeBytes;
}

/** Every part of a mapping; C's accesses to each of these parts are watched. */
function partsOf({ copied, lent }: Mapped): readonly LentMemory[] {
  return [...lent, ...copied];
}

/** The pieces of a part that are left after some bytes are removed from it. */
function without(lent: LentMemory, phys: number, sizeBytes: number): LentMemory[] {
  const end = lent.phys + lent.sizeBytes;
  const parts: LentMemory[] = [];
  if (phys > lent.phys) {
    parts.push({ ...lent, sizeBytes: Math.min(end, phys) - lent.phys });
  }
  if (phys + sizeBytes < end) {
    const from = Math.max(lent.phys, phys + sizeBytes);
    parts.push({
      ...lent,
      phys: from as PhysAddr,
      dma: lent.dma + (from - lent.phys),
      sizeBytes: end - from,
    });
  }
  return parts.filter((part) => part.sizeBytes > 0);
}
