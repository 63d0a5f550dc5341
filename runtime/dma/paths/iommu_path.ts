/**
 * Mapping for translated devices: an IOVA range, and leaves that map the range to the buffer. For
 * untrusted devices, each granule that the buffer fills only in part is bounced.
 *
 * @see rules/dma.md 1.6
 */
import {
  type Bytes,
  DMA_MAPPING_ERROR,
  type DmaAddr,
  hexAddress,
  type PhysAddr,
} from "../../address.ts";
import type { IommuDomain } from "../../iommu/domain.ts";
import {
  PTE_CACHE,
  PTE_MMIO,
  PTE_PRIVILEGED,
  PTE_READ,
  PTE_WRITE,
} from "../../iommu/page_table.ts";
import type { DmaMachine } from "../dma_machine.ts";
import { DMA_ATTR, DMA_FROM_DEVICE, DMA_TO_DEVICE, type DmaDirection } from "../attributes.ts";
import {
  cleanCaches,
  handOver,
  invalidateCaches,
  type MemoryOwner,
  sharesCacheLine,
} from "./cache_maintenance.ts";
import type { DmaDevice, TranslatedDevice } from "../device/device.ts";
import { MAP_BRANCH, MAP_FAILURE, UNTOUCHABLE } from "./map_branch.ts";
import { refuseMap } from "./refusal.ts";

const ERROR = DMA_MAPPING_ERROR;
const NOT_TO_TOUCH = UNTOUCHABLE;
const { TRANSLATED: THROUGH_TABLE, TRANSLATED_BOUNCE: THROUGH_POOL } = MAP_BRANCH;
const { MMIO, PRIVILEGED } = DMA_ATTR;
const TO_DEVICE = DMA_TO_DEVICE;
const FROM_DEVICE = DMA_FROM_DEVICE;
const READABLE = PTE_READ;
const WRITABLE = PTE_WRITE;
const READ_WRITE = PTE_READ | PTE_WRITE;
const CACHED = PTE_CACHE;

/** Attributes that have their own flags in a leaf. */
const SPECIAL = MMIO | PRIVILEGED;
/** Attributes that disable cache maintenance. */
const NO_MAINTENANCE = DMA_ATTR.SKIP_CPU_SYNC | MMIO;

/** Flags of a leaf for a mapping. @see rules/dma.md 1.6 (protection) */
export function leafFlags(dev: DmaDevice, dir: DmaDirection, attrs: number): number {
  const access = dir === TO_DEVICE ? READABLE : dir === FROM_DEVICE ? WRITABLE : READ_WRITE;
  const flags = dev.coherent ? access | CACHED : access;
  return (attrs & SPECIAL) === 0 ? flags : specialFlags(flags, attrs);
}

/** A separate function, so that its caller stays small enough to be inlined. */
function specialFlags(flags: number, attrs: number): number {
  const kind = (attrs & MMIO) === 0 ? flags : flags & ~PTE_CACHE | PTE_MMIO;
  return (attrs & PRIVILEGED) === 0 ? kind : kind | PTE_PRIVILEGED;
}

/** True when the CPU's caches must be maintained for a mapping. */
export function maintainsCaches(dev: DmaDevice, attrs: number): boolean {
  return !dev.coherent && (attrs & NO_MAINTENANCE) === 0;
}

/**
 * Allocates a bounce buffer of whole granules. For an untrusted device, the bytes of the buffer
 * outside the data are zeroed.
 * @returns The physical address of the data's copy, or `DMA_MAPPING_ERROR`.
 */
export function bounceForIommu(
  machine: DmaMachine,
  dev: TranslatedDevice,
  phys: PhysAddr,
  sizeBytes: Bytes,
  dir: DmaDirection,
  attrs: number,
): PhysAddr | typeof DMA_MAPPING_ERROR {
  const { domain } = dev;
  const tlb = machine.swiotlb.map(dev, phys, sizeBytes, domain.granuleBytes - 1, dir, attrs);
  if (tlb === ERROR || !dev.untrusted) return tlb;
  const before = domain.offsetOf(tlb);
  if (before !== 0) zeroPadding(machine, tlb - before as PhysAddr, before);
  const end = tlb + sizeBytes;
  const after = domain.roundUp(end) - end;
  if (after !== 0) zeroPadding(machine, end as PhysAddr, after);
  return tlb;
}

/**
 * Zeroes bytes of a buffer's granules that are outside the data and that the device can see. Writes
 * the zeros to memory itself, not only to the CPU's caches.
 */
function zeroPadding(machine: DmaMachine, phys: PhysAddr, sizeBytes: Bytes): void {
  if (machine.caches === null) machine.memory.fill(phys, sizeBytes, 0);
  else machine.caches.fillMemory(phys, sizeBytes, 0);
}

/**
 * Maps a buffer at a newly allocated IOVA range.
 *
 * @param phys First byte; any alignment. The offset in the granule is kept.
 * @returns The IOVA of the first byte, or `DMA_MAPPING_ERROR`.
 * @see rules/dma.md 1.6
 */
export function iommuMapPhys(
  machine: DmaMachine,
  dev: TranslatedDevice,
  phys: PhysAddr,
  sizeBytes: Bytes,
  dir: DmaDirection,
  attrs: number,
): DmaAddr {
  let at = phys;
  const mmioAsItIs = (attrs & MMIO) !== 0 && !machine.kernel.unaligned_mmio_refused;
  const bounced = !mmioAsItIs && mustBounce(dev, phys, sizeBytes, dir);
  if (bounced) {
    if ((attrs & NOT_TO_TOUCH) !== 0) {
      return refuseMap(machine, MAP_BRANCH.TRANSLATED_BOUNCE_FORBIDDEN);
    }
    const tlb = bounceForIommu(machine, dev, phys, sizeBytes, dir, attrs);
    if (tlb === ERROR) return refuseMap(machine, MAP_FAILURE.POOL_FULL);
    at = tlb as PhysAddr;
  }
  if (maintainsCaches(dev, attrs)) cleanCaches(machine, at, sizeBytes);
  const dma = mapAt(machine, dev, at, sizeBytes, leafFlags(dev, dir, attrs));
  if (dma !== ERROR) machine.dma.taken = bounced ? THROUGH_POOL : THROUGH_TABLE;
  else if (bounced) machine.swiotlb.unmap(dev, at, sizeBytes, dir, attrs);
  return dma;
}

/**
 * Maps a buffer that needs no bounce. Also called for coherent memory and lists.
 * @returns The IOVA of the first byte, or `DMA_MAPPING_ERROR`.
 */
function mapAt(
  machine: DmaMachine,
  dev: TranslatedDevice,
  phys: PhysAddr,
  sizeBytes: Bytes,
  flags: number,
): DmaAddr {
  const { domain } = dev;
  if (dev.minAlignMask >= domain.granuleBytes) {
    const text = `Device "${dev.name}" wants more address bits kept than a granule has`;
    machine.warnings.warnOnce("__iommu_dma_map", text);
    machine.checker?.warned("min_align_refused", text);
    return refuseMap(machine, MAP_FAILURE.MIN_ALIGN);
  }
  const offset = domain.offsetOf(phys);
  const length = domain.roundUp(sizeBytes + offset);
  const iova = domain.allocIova(dev, length, false);
  if (iova === 0) return refuseMap(machine, MAP_FAILURE.NO_IOVA);
  if (domain.map(iova, phys - offset as PhysAddr, length, flags) !== 0) {
    domain.freeIova(iova, length);
    return refuseMap(machine, MAP_FAILURE.PAGE_TABLE);
  }
  domain.syncMap(iova, length);
  // V8 would allocate the sum on its heap. Most buffers start on a granule, so `iova` needs no
  // addition.
  return (offset === 0 ? iova : iova + offset) as DmaAddr;
}

/** Warns of an unmap of DMA_MAPPING_ERROR, which no page table maps. */
export function warnErrorUnmapped({ warnings }: DmaMachine, { name }: DmaDevice): void {
  warnings.warn("iommu_dma_unmap_phys", `Device "${name}" unmaps DMA_MAPPING_ERROR`);
}

/**
 * Unmaps a buffer: clears leaves, flushes, and frees the IOVA range and the bounce buffer; the
 * bounce buffer's data is copied to memory.
 *
 * @returns The physical address to which the IOVA was mapped; -1 when it was not mapped or was not
 *   looked up.
 * @see rules/dma.md 1.6 (unmap)
 */
export function iommuUnmapPhys(
  machine: DmaMachine,
  dev: TranslatedDevice,
  dma: DmaAddr,
  sizeBytes: Bytes,
  dir: DmaDirection,
  attrs: number,
): PhysAddr | -1 {
  const phys = machine.iommu.lookup(dev, dma);
  if ((attrs & NOT_TO_TOUCH) === 0) {
    if (phys <= 0) {
      machine.warnings.warn(
        "iommu_dma_unmap_phys",
        `Device "${dev.name}" unmaps ${hexAddress(dma)}, where nothing is mapped`,
      );
      return -1;
    }
    if (maintainsCaches(dev, attrs)) invalidateCaches(machine, phys as PhysAddr, sizeBytes, dir);
  }
  iommuTearDown(dev.domain, dma, sizeBytes);
  if ((attrs & NOT_TO_TOUCH) === 0 && machine.swiotlb.contains(phys)) {
    machine.swiotlb.unmap(dev, phys as PhysAddr, sizeBytes, dir, attrs);
  }
  return phys;
}

/**
 * Clears a mapping's leaves and frees its range, at once or through the flush queue, depending on
 * the mode.
 */
export function iommuTearDown(
  domain: IommuDomain,
  dma: DmaAddr,
  sizeBytes: Bytes,
): void {
  const offset = domain.offsetOf(dma);
  const start = offset === 0 ? dma : dma - offset;
  const length = domain.roundUp(sizeBytes + offset);
  domain.unmap(start, length, !domain.lazy, "__iommu_dma_unmap");
  domain.releaseIova(start, length);
}

/** Hands a mapping, or a part of one, to the CPU or to the device. @see rules/dma.md 1.6 (sync) */
export function iommuSync(
  machine: DmaMachine,
  dev: DmaDevice,
  dma: DmaAddr,
  sizeBytes: Bytes,
  dir: DmaDirection,
  owner: MemoryOwner,
): void {
  if (dev.coherent && !dev.untrusted) return;
  const phys = machine.iommu.lookup(dev, dma);
  if (phys >= 0) handOver(machine, dev, phys as PhysAddr, sizeBytes, dir, owner);
}

/** True when a buffer must be bounced: parts of its granules belong to other data. */
export function mustBounce(
  dev: TranslatedDevice,
  phys: PhysAddr,
  sizeBytes: Bytes,
  dir: DmaDirection,
): boolean {
  if (!dev.untrusted && (dev.coherent || !sharesCacheLine(dev, sizeBytes, dir))) return false;
  return dev.domain.offsetOf(phys | sizeBytes) !== 0;
}
