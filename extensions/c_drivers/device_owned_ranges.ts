/**
 * Memory that a driver in C has mapped and not synchronised back: each access from C is reported.
 *
 * What a device only reads the CPU may read, too. While it is the CPU's turn, writes to memory that
 * may be bounced are handed to the checker, which knows which bytes are lost.
 *
 * The book is separate: the memory that a call of C names counts as lent in it, entry by entry of
 * a list, with the current owner of each part. The recording's rows (`mappings`) are by output, in
 * which entries have become one; the checker's records are a witness for the mapping layer's work,
 * and no other part depends on a witness.
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
  /** The device's address, or a substitute for that of a list's entry. */
  readonly dma: number;
  /** The device's address. */
  readonly seenAt: number;
  readonly phys: PhysAddr;
  readonly sizeBytes: number;
  readonly dir: DmaDirection;
  readonly site: number | null;
  /** It was mapped without a sync: only the driver knows its current owner. */
  readonly ownSyncs: boolean;
  /** The parts of it that are the device's. */
  lent: LentMemory[];
  /** The parts that are the CPU's, and may have a copy that the device writes. */
  copied: LentMemory[];
}

/** An entry of a list: outputs cover several entries, so that its own number replaces the address. */
interface ListEntryAddress {
  readonly dma: number;
  /** The device's address. */
  readonly seenAt: number;
}

/** A range as C sees it. */
interface Span {
  readonly phys: number;
  readonly sizeBytes: number;
}

export class DeviceOwnedRanges {
  /** By the first address for the device; of two devices', both. */
  readonly #mapped = new Map<number, Mapped[]>();

  constructor(private readonly machine: Machine, private readonly memory: CMemory) {}

  /** A buffer is mapped. @param at The device's address. @param attrs Of a bus address nothing is kept: no memory of the CPU's is lent. */
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
    };
    const whole = this.#lentOf(mapped, phys, sizeBytes);
    if (!ownSyncs) mapped.lent = [whole];
    else if (this.#mayLose(dir)) mapped.copied = [whole];
    this.#mapped.getOrInsertComputed(dma, () => []).push(mapped);
    for (const part of partsOf(mapped)) this.#watch(part);
  }

  /** A mapping has ended, whatever was said of its length. */
  end(device: DmaDevice, dma: number): void {
    const there = this.#mapped.get(dma);
    const index = there?.findIndex((mapped) => mapped.device === device) ?? -1;
    if (there === undefined || index < 0) return;
    const [mapped] = there.splice(index, 1);
    if (there.length === 0) this.#mapped.delete(dma);
    for (const part of partsOf(mapped!)) this.#unwatch(part);
  }

  /** Every mapping has ended that begins in a range of a device's addresses. */
  endWithin(device: DmaDevice, dma: number, sizeBytes: number): void {
    const inside = [...this.#mapped.keys()].filter((at) => at >= dma && at < dma + sizeBytes);
    for (const at of inside) this.end(device, at);
  }

  /** Every mapping of a device has ended that has some of these bytes. */
  endMemory(device: DmaDevice, phys: number, sizeBytes: number): void {
    const touching = [...this.#mapped].filter(([, there]) =>
      there.some((mapped) => mapped.device === device && overlaps(mapped, phys, sizeBytes))
    );
    for (const [dma] of touching) this.end(device, dma);
  }

  /**
   * Bytes are the CPU's from now on, or the device's: a part of one mapping, or of several that lie side by side
   * for the device.
   * @param dma The device's address, or a substitute for that of a list's entry.
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
    if (!toCpu && !mapped.ownSyncs) mapped.lent.push(part);
    if ((toCpu || mapped.ownSyncs) && this.#mayLose(mapped.dir)) mapped.copied.push(part);
    for (const each of before) this.#unwatch(each);
    for (const each of partsOf(mapped)) this.#watch(each);
  }

  /**
   * C writes to memory that is not a device's: the checker remembers the bytes that a copy may
   * overwrite.
   */
  written(phys: PhysAddr, sizeBytes: number): void {
    const isCopied = [...this.#mapped.values()].some((there) =>
      there.some(({ copied }) => copied.some((part) => overlaps(part, phys, sizeBytes)))
    );
    if (isCopied) this.machine.checker?.memory.written([{ phys, sizeBytes }]);
  }

  /** Whether a copy may come back over what the CPU writes. */
  #mayLose(dir: DmaDirection): boolean {
    return dir !== DMA_TO_DEVICE && this.machine.swiotlb.usedSlots > 0;
  }

  /** What of some bytes is a device's and may not be touched so; null for nothing. */
  find(phys: number, sizeBytes: number, writes: boolean): LentMemory | null {
    for (const there of this.#mapped.values()) {
      for (const { dir, lent } of there) {
        if (!writes && dir === DMA_TO_DEVICE) continue;
        const part = lent.find((each) => overlaps(each, phys, sizeBytes));
        if (part !== undefined) return part;
      }
    }
    return null;
  }

  /** A mapping of some bytes, whatever its owner; null without one. */
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
    // Bytes of another mapping may lie in the same eight.
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

/** Every part of a mapping with checked accesses. */
function partsOf({ copied, lent }: Mapped): readonly LentMemory[] {
  return [...lent, ...copied];
}

/** The rest of a part when some bytes of it are taken out. */
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
