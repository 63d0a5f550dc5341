/**
 * The physical memory layout: RAM fills memory from 0 around the windows, and the rest goes above 4
 * GiB (docs/language/declarations.md).
 *
 * Without windows, 4 GiB of RAM fill 0 … 4 GiB. A PC's hole below 4 GiB is a window of its host
 * bridge, and is passed in like any other window.
 */
import { alignDown, alignUp, type Bytes, PAGE_SIZE_BYTES, type PhysAddr } from "../address.ts";
import type { MachineConfig, MemoryWindow } from "../machine_config.ts";

/** The kind of memory at an address. */
export type MemoryKind = "ram" | "mmio" | "none";

/** One span of physical memory of one kind. */
export interface MemoryRange {
  /** `ram`, or the window's name. */
  readonly name: string;
  /** Its first byte. */
  readonly basePhys: PhysAddr;
  /** Its size. */
  readonly sizeBytes: Bytes;
  /** RAM, or a window of devices. */
  readonly type: "ram" | "mmio";
}

/**
 * Lays RAM out around all windows and MMIO regions.
 *
 * @returns RAM and windows in ascending order. No two overlap, and no page contains both RAM and a
 *   part of a window.
 * @throws {RangeError} When two windows overlap.
 */
export function layOutMemory(
  config: Pick<MachineConfig, "ramSizeBytes" | "windows" | "regions">,
): readonly MemoryRange[] {
  const windows: MemoryWindow[] = [
    ...config.windows,
    ...config.regions.filter((region) => region.type === "mmio"),
  ].filter((window) => window.sizeBytes > 0).sort((a, b) => a.basePhys - b.basePhys);

  const ranges: MemoryRange[] = [];
  let restBytes = alignDown(config.ramSizeBytes, PAGE_SIZE_BYTES);
  let at = 0;
  const addRam = (endPhys: number): void => {
    const sizeBytes = Math.min(restBytes, endPhys - at);
    if (sizeBytes <= 0) return;
    ranges.push({ name: "ram", basePhys: at as PhysAddr, sizeBytes, type: "ram" });
    restBytes -= sizeBytes;
  };
  let previousEnd = 0;
  let previousName = "";
  for (const { name, basePhys, sizeBytes } of windows) {
    if (basePhys < previousEnd) {
      throw new RangeError(`Cannot lay out memory: window "${name}" overlaps "${previousName}"`);
    }
    addRam(alignDown(basePhys, PAGE_SIZE_BYTES));
    ranges.push({ name, basePhys, sizeBytes, type: "mmio" });
    previousEnd = basePhys + sizeBytes;
    previousName = name;
    at = Math.max(at, alignUp(previousEnd, PAGE_SIZE_BYTES));
  }
  addRam(Number.MAX_SAFE_INTEGER);
  return ranges;
}

/** First address above all RAM. @see rules/dma.md 1.7 (required mask) */
export function ramEndPhys(ranges: readonly MemoryRange[]): PhysAddr {
  let end = 0;
  for (const range of ranges) {
    if (range.type === "ram") end = Math.max(end, range.basePhys + range.sizeBytes);
  }
  return end as PhysAddr;
}
