/**
 * Mapping for devices without translation: the physical address itself, or a bounce buffer.
 *
 * `DmaMapping` calls these for a device without a translating domain and emits `dma.map` and
 * `dma.unmap`; a caller tells the two paths apart by `machine.swiotlb.contains(dma)`.
 *
 * @see behaviour/dma.md ch. 2
 */
import {
  type Bytes,
  DMA_MAPPING_ERROR,
  type DmaAddr,
  type PhysAddr,
  physAsDma,
} from "../address.ts";
import type { Machine } from "../machine.ts";
import { DMA_ATTR, type DmaDirection } from "./attributes.ts";
import { cleanCaches, invalidateCaches, sharesCacheLine } from "./cache_maintenance.ts";
import type { DmaDevice } from "./device.ts";

/** Attributes that forbid touching the data, so that nothing is bounced or maintained. */
const UNTOUCHABLE = DMA_ATTR.MMIO | DMA_ATTR.REQUIRE_COHERENT;

/** True when the device can address all of a buffer. @see behaviour/dma.md ch. 2 (`reach`) */
function reaches(dev: DmaDevice, phys: number, sizeBytes: Bytes): boolean {
  return phys + sizeBytes - 1 <= dev.lastAddress;
}

/**
 * Maps a buffer at its physical address, or through a bounce buffer when the device cannot reach
 * it.
 *
 * @param phys First byte; any alignment.
 * @param attrs Bits of `DMA_ATTR`.
 * @returns The address for the device, or `DMA_MAPPING_ERROR`.
 * @see behaviour/dma.md 2.1
 */
export function directMapPhys(
  machine: Machine,
  dev: DmaDevice,
  phys: PhysAddr,
  sizeBytes: Bytes,
  dir: DmaDirection,
  attrs: number,
): DmaAddr {
  const shared = (attrs & DMA_ATTR.CC_SHARED) !== 0;
  if (machine.config.swiotlb.force) {
    if (!shared) {
      if ((attrs & UNTOUCHABLE) !== 0) return DMA_MAPPING_ERROR;
      return bounce(machine, dev, phys, sizeBytes, dir, attrs);
    }
  } else if (shared) return DMA_MAPPING_ERROR;

  if ((attrs & DMA_ATTR.MMIO) !== 0) {
    if (reaches(dev, phys, sizeBytes)) return physAsDma(phys);
    return overflow(machine, dev, phys, sizeBytes);
  }
  // Encrypted memory is not modelled, so the unencrypted address of a shared page is its address.
  const fits = reaches(dev, phys, sizeBytes);
  if (!shared && (!fits || sharesCacheLine(dev, sizeBytes, dir))) {
    if ((attrs & DMA_ATTR.REQUIRE_COHERENT) === 0 && machine.swiotlb.active) {
      return bounce(machine, dev, phys, sizeBytes, dir, attrs);
    }
    return overflow(machine, dev, phys, sizeBytes);
  }
  if (!fits) return overflow(machine, dev, phys, sizeBytes);
  if (!dev.coherent && (attrs & DMA_ATTR.SKIP_CPU_SYNC) === 0) {
    cleanCaches(machine, phys, sizeBytes);
  }
  return physAsDma(phys);
}

/**
 * Ends a direct mapping. What was never bounced on a coherent device leaves nothing to do, so an
 * unbalanced call goes unnoticed.
 *
 * @see behaviour/dma.md 2.2
 */
export function directUnmapPhys(
  machine: Machine,
  dev: DmaDevice,
  dma: DmaAddr,
  sizeBytes: Bytes,
  dir: DmaDirection,
  attrs: number,
): void {
  if ((attrs & UNTOUCHABLE) !== 0) return;
  const phys = dma as number as PhysAddr;
  if ((attrs & DMA_ATTR.SKIP_CPU_SYNC) === 0) directSyncForCpu(machine, dev, dma, sizeBytes, dir);
  machine.swiotlb.release(dev, phys, dir, attrs);
}

/** Hands a mapping, or a part of one, to the CPU. @see behaviour/dma.md 2.2 */
export function directSyncForCpu(
  machine: Machine,
  dev: DmaDevice,
  dma: DmaAddr,
  sizeBytes: Bytes,
  dir: DmaDirection,
): void {
  const phys = dma as number as PhysAddr;
  if (!dev.coherent) invalidateCaches(machine, phys, sizeBytes);
  machine.swiotlb.syncForCpu(phys, sizeBytes, dir);
}

/** Hands a mapping, or a part of one, to the device. @see behaviour/dma.md 2.2 */
export function directSyncForDevice(
  machine: Machine,
  dev: DmaDevice,
  dma: DmaAddr,
  sizeBytes: Bytes,
  dir: DmaDirection,
): void {
  const phys = dma as number as PhysAddr;
  machine.swiotlb.syncForDevice(phys, sizeBytes, dir);
  if (!dev.coherent) cleanCaches(machine, phys, sizeBytes);
}

function bounce(
  machine: Machine,
  dev: DmaDevice,
  phys: PhysAddr,
  sizeBytes: Bytes,
  dir: DmaDirection,
  attrs: number,
): DmaAddr {
  if (!machine.dma.rules.bouncesPeerMemory && isPeerMemory(machine, phys)) {
    return overflow(machine, dev, phys, sizeBytes);
  }
  const tlb = machine.swiotlb.map(dev, phys, sizeBytes, 0, dir, attrs);
  if (tlb === DMA_MAPPING_ERROR) return DMA_MAPPING_ERROR;
  if (reaches(dev, tlb, sizeBytes)) return physAsDma(tlb as PhysAddr);
  machine.swiotlb.release(dev, tlb as PhysAddr, dir, attrs);
  return overflow(machine, dev, tlb, sizeBytes);
}

function isPeerMemory(machine: Machine, phys: PhysAddr): boolean {
  return machine.peers !== null && machine.peers.isPeerMemory(phys);
}

function overflow(machine: Machine, dev: DmaDevice, phys: number, sizeBytes: Bytes): DmaAddr {
  machine.warnings.warnOnce(
    "dma_direct_overflow",
    `Device "${dev.name}" cannot reach 0x${phys.toString(16)} (${sizeBytes} bytes): ` +
      `its last address is 0x${dev.lastAddress.toString(16)}`,
  );
  return DMA_MAPPING_ERROR;
}
