/**
 * What a driver may ask about mapping for its device before it maps anything.
 *
 * @see rules/dma.md 1.2, 1.7
 */
import { type Bytes, DMA_MAPPING_ERROR, type DmaAddr, lastAddressOfBits } from "../../address.ts";
import { ERRNO } from "../../errno.ts";
import type { Why } from "../../events.ts";
import type { DmaMachine } from "../dma_machine.ts";
import { ramEndPhys } from "../../memory/layout.ts";
import type { DmaDevice } from "../device/device.ts";
import { directAddress } from "../paths/map_branch.ts";

/** "No limit" for a size: the largest number there is. The kernel says all ones. */
export const UNLIMITED_BYTES: Bytes = Number.MAX_SAFE_INTEGER;

/** Pages of the largest range that the IOVA caches keep. */
const CACHED_RANGE_PAGES = 32;
/** Every direct machine can address this much: the default limit of the zone for DMA memory. */
const DMA_ZONE_LAST_ADDRESS = 2 ** 24 - 1;
const LAST_32BIT_ADDRESS = 2 ** 32 - 1;

/** The mask that reaches all memory: all ones up to the top bit of where the bus has the last byte of RAM. */
export function requiredMask(machine: DmaMachine, dev: DmaDevice): number {
  if (dev.domain !== null) return LAST_32BIT_ADDRESS;
  const { ranges } = machine.memory;
  const top = ramEndPhys(ranges) - 1;
  const last = dev.rangeMap?.dmaOf(top) ?? top;
  // Seen on the tree's own code: the error value has all bits.
  if (last === DMA_MAPPING_ERROR) return lastAddressOfBits(64);
  let mask = 1;
  while (mask <= last) mask *= 2;
  return mask - 1;
}

/** True when the device cannot reach all memory by itself. */
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

/** Largest mapping that costs no more than it must: what the IOVA caches hold. */
export function optMappingSize(machine: DmaMachine, dev: DmaDevice): Bytes {
  const max = maxMappingSize(machine, dev);
  if (dev.domain === null) return max;
  return Math.min(max, CACHED_RANGE_PAGES * machine.config.pageSizeBytes);
}

/** What the two sizes come from, for those who tell why a limit is what it is. */
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

/** Mask of the boundary on which buffers can be joined into one range; 0 where they cannot. */
export function mergeBoundary(dev: DmaDevice): number {
  return dev.domain === null ? 0 : dev.domain.granuleBytes - 1;
}

/** True when mappings must be unmapped for anything to happen. Ask after mapping. */
export function needUnmap(machine: DmaMachine, dev: DmaDevice): boolean {
  return dev.domain !== null || !dev.skipSync || machine.config.dmaDebug;
}

/**
 * True when handing a mapping over takes a sync: it is looked up, its caches are cleaned or it is
 * copied. Sync calls do nothing while the device sees the caches and has bounced nothing yet.
 *
 * @see rules/dma.md 1.6 (sync), 1.7 (need-unmap), 2.2
 */
export function needSync(machine: DmaMachine, dev: DmaDevice, dma: DmaAddr): boolean {
  if (dev.skipSync && !machine.config.dmaDebug) return false;
  if (!dev.coherent || dev.domain !== null) return true;
  const phys = dev.rangeMap === null ? dma : dev.rangeMap.physOf(dma);
  return machine.swiotlb.contains(phys);
}

/**
 * True when a mask can work: behind an IOMMU any can, without one it must reach the zone that memory
 * for DMA comes from.
 * @see rules/dma.md 1.2 (mask support)
 */
function supportsMask(machine: DmaMachine, dev: DmaDevice, bits: number): boolean {
  if (dev.domain !== null || bits >= 32) return true;
  const lastNeeded = Math.min(ramEndPhys(machine.memory.ranges) - 1, DMA_ZONE_LAST_ADDRESS);
  const address = directAddress(dev, lastNeeded);
  return address !== DMA_MAPPING_ERROR && 2 ** bits - 1 >= address;
}

/**
 * Sets the streaming mask.
 * @returns 0, or -EIO for a mask that cannot work without translation.
 */
export function setMask(machine: DmaMachine, dev: DmaDevice, bits: number): number {
  if (!supportsMask(machine, dev, bits)) return -ERRNO.EIO;
  dev.maskBits = bits;
  dev.skipSync = dev.syncsNothing;
  return 0;
}

/** Sets the mask for shared memory. @returns 0, or -EIO as `setMask` does. */
export function setCoherentMask(machine: DmaMachine, dev: DmaDevice, bits: number): number {
  if (!supportsMask(machine, dev, bits)) return -ERRNO.EIO;
  dev.coherentMaskBits = bits;
  return 0;
}
