/**
 * Size and address of the bounce-buffer pool.
 *
 * @see rules/dma.md 6.1
 */
import {
  alignDown,
  type Bytes,
  GIB,
  hexAddress,
  MIB,
  type PhysAddr,
  roundUpPowerOfTwo,
} from "../../address.ts";
import type { MemoryRange } from "../layout.ts";

/** The size of a slot, in bytes. */
export const SLOT_BYTES = 2048;
/** Number of slots of a set: no buffer is larger than a set or crosses a set's end. */
export const SET_SLOTS = 128;
/** The largest buffer, 256 KiB. */
export const SET_BYTES = SET_SLOTS * SLOT_BYTES;
/** A pool that does not fit is not shrunk below this size. */
export const MINIMUM_BYTES = MIB;
/** The pool ends at or below this address, so that every device with a 32-bit mask reaches it. */
const CEILING_PHYS = 2 * GIB;

/** The requested addresses of the pool are not all RAM. */
export class PoolPlaceError extends RangeError {
  override readonly name = "PoolPlaceError";

  constructor(readonly basePhys: PhysAddr, readonly sizeBytes: Bytes) {
    super(
      `Cannot place ${sizeBytes} bytes of bounce buffers at ${hexAddress(basePhys)}: ` +
        "that is not all RAM",
    );
  }
}

export interface SwiotlbGeometry {
  readonly basePhys: PhysAddr;
  readonly slots: number;
  /** Number of equal parts of the pool, each with its own search position. */
  readonly areas: number;
  /** The number of the pool's first slot, if earlier pools use lower numbers; default 0. */
  readonly firstSlot?: number;
}

/**
 * Slots and areas of a pool. There are as many areas as CPUs, rounded up to a power of two. There
 * are as many slots as requested, rounded up to a power of two, but at least one set for each area.
 *
 * @param slots Requested slots.
 * @param areas Requested areas, normally the number of CPUs; 0 counts as 1.
 */
export function sizePool(slots: number, areas: number): { slots: number; areas: number } {
  const parts = roundUpPowerOfTwo(areas);
  return { slots: Math.max(roundUpPowerOfTwo(slots), parts * SET_SLOTS), areas: parts };
}

/**
 * Number of areas for a pool of a given size: fewer than requested if an area would be smaller than a
 * set.
 */
export function areasForSlots(slots: number, areasAsked: number): number {
  return Math.min(areasAsked, Math.max(1, Math.floor(slots / SET_SLOTS)));
}

/**
 * Chooses the pool's address: as high as the pool fits in one piece of RAM below 2 GiB, at a
 * multiple of its size or of 2 MiB, whichever is smaller.
 *
 * With 4 GiB of RAM and the default size, the address is 0x7C00_0000. A kernel places the pool
 * where boot memory happens to be free (0x7BE1_2000 in the captures), so no choice is more faithful
 * than another. While the pool would take more than half of that RAM, its size is halved. If even 1
 * MiB does not fit, there is no pool.
 *
 * @param wantedPhys The address to use instead, whatever lies there.
 * @returns Null when the machine has no pool.
 */
export function placePool(
  ranges: readonly MemoryRange[],
  sizeBytes: Bytes,
  areasAsked: number,
  wantedPhys?: PhysAddr,
): SwiotlbGeometry | null {
  if (sizeBytes === 0) return null;
  const sized = sizePool(Math.ceil(sizeBytes / SLOT_BYTES), areasAsked);
  for (let slots = sized.slots;; slots /= 2) {
    const basePhys = wantedPhys ?? highestPlace(ranges, slots * SLOT_BYTES);
    if (basePhys !== null) return { basePhys, slots, areas: areasForSlots(slots, sized.areas) };
    if (slots * SLOT_BYTES <= MINIMUM_BYTES) return null;
  }
}

function highestPlace(ranges: readonly MemoryRange[], sizeBytes: Bytes): PhysAddr | null {
  const unit = Math.min(sizeBytes, 2 * MIB);
  let place: PhysAddr | null = null;
  for (const { basePhys, sizeBytes: rangeBytes, type } of ranges) {
    const end = Math.min(basePhys + rangeBytes, CEILING_PHYS);
    if (type !== "ram" || (end - basePhys) / 2 < sizeBytes) continue;
    place = alignDown(end - sizeBytes, unit) as PhysAddr;
  }
  return place;
}
