/**
 * A driver's queries about mapping for its device before it maps anything.
 *
 * @see rules/dma.md 1.2, 1.7
 */
import { type Bytes, DMA_MAPPING_ERROR, lastAddressOfBits } from "../../address.ts";
import type { Why } from "../../events.ts";
import type { DmaMachine } from "../dma_machine.ts";
import { ramEndPhys } from "../../memory/layout.ts";
import type { DmaDevice } from "../device/device.ts";
import { directAddress } from "../paths/map_branch.ts";

/** "No limit" for a size: the largest exact integer. The kernel uses all ones. */
export const UNLIMITED_BYTES: Bytes = Number.MAX_SAFE_INTEGER;

/** Number of pages of the largest range that the IOVA caches keep. */
const CACHED_RANGE_PAGES = 32;
/**
 * The default last address of the zone for DMA memory. Without translation, a device's mask has to
 * reach this address, or the end of RAM if RAM ends earlier.
 */
const DMA_ZONE_LAST_ADDRESS = 2 ** 24 - 1;
const LAST_32BIT_ADDRESS = 2 ** 32 - 1;

/**
 * The mask with which the device reaches all memory: all ones up to the highest bit that is set in
 * the bus address of the last byte of RAM.
 */
export function requiredMask(machine: DmaMachine, dev: DmaDevice): number {
  if (dev.domain !== null) return LAST_32BIT_ADDRESS;
  const { ranges } = machine.memory;
  const top = ramEndPhys(ranges) - 1;
  const last = dev.rangeMap?.dmaOf(top) ?? top;
  // The error value has all 64 bits set, so the mask has them, too. A run of the kernel's own code
  // returned the same mask.
  if (last === DMA_MAPPING_ERROR) return lastAddressOfBits(64);
  let mask = 1;
  while (mask <= last) mask *= 2;
  return mask - 1;
}

/** True when the device cannot reach all memory without bouncing or translation. */
export function addressingLimited(machine: DmaMachine, dev: DmaDevice): boolean {
  if (dev.lastAddress < requiredMask(machine, dev)) return true;
  return dev.domain === null && dev.rangeMap?.coversRam(machine.memory.ranges) === false;
}

export function maxMappingSize(machine: DmaMachine, dev: DmaDevice): Bytes {
  const { swiotlb } = machine;
  const bounces = dev.domain !== null
    ? dev.untrusted
    : !dev.ownOps && swiotlb.active && (machine.forcesBounce || addressingLimited(machine, dev));
  return bounces ? swiotlb.maxMappingSizeBytes(dev.minAlignMask) : UNLIMITED_BYTES;
}

/** Largest mapping that costs no extra time: the largest size in the IOVA caches. */
export function optMappingSize(machine: DmaMachine, dev: DmaDevice): Bytes {
  const max = maxMappingSize(machine, dev);
  if (dev.domain === null) return max;
  return Math.min(max, CACHED_RANGE_PAGES * machine.config.pageSizeBytes);
}

/**
 * The inputs that determine the largest and the optimal mapping size, for the explanation of a
 * limit.
 */
export function mappingSizeInputs(machine: DmaMachine, dev: DmaDevice): Why["inputs"] {
  const max = maxMappingSize(machine, dev);
  return {
    translated: dev.domain !== null,
    largest_mapping_bytes: max,
    bounced: max !== UNLIMITED_BYTES,
    cached_pages: CACHED_RANGE_PAGES,
    page_bytes: machine.config.pageSizeBytes,
    min_align_mask: dev.minAlignMask,
  };
}

/**
 * True when a mask can work. Behind an IOMMU any mask can work; without an IOMMU the mask must reach
 * the zone from which memory for DMA is allocated.
 * @see rules/dma.md 1.2 (mask support)
 */
export function supportsMask(machine: DmaMachine, dev: DmaDevice, bits: number): boolean {
  if (dev.domain !== null || bits >= 32) return true;
  const lastNeeded = Math.min(ramEndPhys(machine.memory.ranges) - 1, DMA_ZONE_LAST_ADDRESS);
  const address = directAddress(dev, lastNeeded);
  return address !== DMA_MAPPING_ERROR && 2 ** bits - 1 >= address;
}
