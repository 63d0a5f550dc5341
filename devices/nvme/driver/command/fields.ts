/** Little-endian 64-bit fields of commands and their lists, as numbers below 2^53 (`runtime/address.ts`). */
import {
  DMA_MAPPING_ERROR,
  type DmaAddr,
  foldedHigh,
  type PhysAddr,
  realHigh,
} from "@dmalab/runtime";
import type { PhysicalMemory } from "@dmalab/runtime/memory";

/** From here on the upper half makes a number that is not exact any more. */
const WIDE_HALF = 2 ** 21;

/** Writes a number below 2^53 as the 64 bits that it stands for. */
export function setU64(view: DataView, offset: number, value: number): void {
  // A 32-bit field takes the low half of any integer; `%` on such numbers is ten times slower.
  view.setUint32(offset, value, true);
  view.setUint32(offset + 4, realHigh(value / 2 ** 32), true);
}

/** Reads 64 bits as a number; exact below 2^53, which all addresses a driver writes are. */
export function getU64(view: DataView, offset: number): number {
  return foldedHigh(view.getUint32(offset + 4, true)) * 2 ** 32 + view.getUint32(offset, true);
}

/**
 * Reads an address back from a list. A device that went astray may have written anything there: what
 * no number holds is the error value.
 */
export function readListedAddress(memory: PhysicalMemory, phys: PhysAddr): DmaAddr {
  const high = foldedHigh(memory.readU32((phys + 4) as PhysAddr));
  if (high >= WIDE_HALF) return DMA_MAPPING_ERROR;
  return (high * 2 ** 32 + memory.readU32(phys)) as DmaAddr;
}
