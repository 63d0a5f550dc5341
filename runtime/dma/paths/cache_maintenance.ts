/**
 * Cache maintenance for non-coherent devices.
 *
 * Handing a buffer to the device cleans the caches, whatever the mapping's direction. Handing it to
 * the CPU invalidates the lines that the device may have written.
 *
 * @see rules/dma.md 2.1, 2.2
 */
import type { Bytes, PhysAddr } from "../../address.ts";
import { eventId } from "../../event_vocabulary.ts";
import type { DmaMachine } from "../dma_machine.ts";
import { CACHE_LINE_BYTES } from "../../memory/cached_page.ts";
import { DMA_TO_DEVICE, type DmaDirection } from "../attributes.ts";
import type { DmaDevice } from "../device/device.ts";

const CACHE_CLEAN = eventId("cache.clean");
const CACHE_INVALIDATE = eventId("cache.invalidate");

/** Writes the CPU's view of a buffer back, so that the device reads it. */
export function cleanCaches(machine: DmaMachine, phys: PhysAddr, sizeBytes: Bytes): void {
  const { events } = machine;
  machine.useCaches().clean(phys, sizeBytes);
  if (events.tick(CACHE_CLEAN)) events.emit(CACHE_CLEAN, { phys, size_bytes: sizeBytes });
}

/**
 * Drops the buffer's data from the CPU's caches, so that the CPU reads the device's data. For a
 * DMA_TO_DEVICE buffer nothing is dropped: the CPU's writes since the mapping stay.
 */
export function invalidateCaches(
  machine: DmaMachine,
  phys: PhysAddr,
  sizeBytes: Bytes,
  dir: DmaDirection,
): void {
  if (dir === DMA_TO_DEVICE) {
    machine.useCaches().handBack(phys, sizeBytes);
    return;
  }
  const { events } = machine;
  machine.useCaches().invalidate(phys, sizeBytes);
  if (events.tick(CACHE_INVALIDATE)) events.emit(CACHE_INVALIDATE, { phys, size_bytes: sizeBytes });
}

/** The owner of a buffer after a hand-over. */
export type MemoryOwner = "cpu" | "device";

/**
 * Hands the memory of a mapping to its new owner: copies the bounce buffer, and maintains the CPU's
 * caches.
 */
export function handOver(
  machine: DmaMachine,
  dev: DmaDevice,
  phys: PhysAddr,
  sizeBytes: Bytes,
  dir: DmaDirection,
  owner: MemoryOwner,
): void {
  if (owner === "cpu") {
    if (!dev.coherent) invalidateCaches(machine, phys, sizeBytes, dir);
    machine.swiotlb.syncForCpu(phys, sizeBytes, dir);
  } else {
    machine.swiotlb.syncForDevice(phys, sizeBytes, dir);
    if (!dev.coherent) cleanCaches(machine, phys, sizeBytes);
  }
}

/**
 * True when a small buffer that the device writes may share a cache line with its neighbours. Such
 * a buffer must be bounced.
 *
 * The rule needs a kernel built for machines without coherent DMA; in this model a non-coherent
 * device implies such a kernel.
 * @see rules/dma.md 2.1 (kmalloc rule)
 */
export function sharesCacheLine(dev: DmaDevice, sizeBytes: Bytes, dir: DmaDirection): boolean {
  if (dev.coherent || dir === DMA_TO_DEVICE) return false;
  return slabBytes(sizeBytes) % CACHE_LINE_BYTES !== 0;
}

/** Size of the slab object that holds a small allocation: a power of two from 8 on, or 96 or 192. */
export function slabBytes(sizeBytes: Bytes): Bytes {
  if (sizeBytes > 64 && sizeBytes <= 96) return 96;
  if (sizeBytes > 128 && sizeBytes <= 192) return 192;
  let slab = 8;
  while (slab < sizeBytes) slab *= 2;
  return slab;
}
