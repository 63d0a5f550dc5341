/**
 * Coherent memory: the CPU and a device share it until it is freed. Drivers use it for queues and
 * descriptor pages.
 *
 * @see rules/dma.md 1.2 (coherent mask), tests/golden/kernel/README.md (`dma_alloc`)
 */
import { addAll } from "../../lists.ts";
import type { Bytes, DmaAddr, PhysAddr } from "../../address.ts";
import { invariant } from "../../errno.ts";
import { INJECTION } from "../../injection.ts";
import type { IommuDomain } from "../../iommu/domain.ts";
import { CoherentMemory } from "../coherent_memory.ts";
import type { DmaMachine } from "../dma_machine.ts";
import type { AtomicPools } from "../../memory/atomic_pool.ts";
import { MAX_BLOCK_PAGES, type PageHome } from "../../memory/page_allocator.ts";
import { DMA_ATTR, DMA_BIDIRECTIONAL, type DmaDirection } from "../attributes.ts";
import type { DmaDevice } from "../device/device.ts";
import { iommuTearDown, leafFlags } from "../paths/iommu_path.ts";
import { directAddress } from "../paths/map_branch.ts";

const { ALLOC_SINGLE_PAGES, FORCE_CONTIGUOUS, NO_KERNEL_MAPPING } = DMA_ATTR;

/** A request for coherent memory. */
export interface CoherentOptions {
  /** Pages to use instead of the allocator's, one address a page. */
  readonly pages?: readonly PhysAddr[];
  /** Bits of `DMA_ATTR`. */
  readonly attrs?: number;
  /** The caller may not sleep. */
  readonly atomic?: boolean;
}

/** Why there is no coherent memory. @see rules/dma.md 1.9 */
export type CoherentRefusal =
  /** No free block or page is where the device needs it. */
  | "no_pages"
  /** The memory must be one contiguous block, and is larger than the largest block. */
  | "above_largest_block"
  /** The atomic pool is used up. */
  | "atomic_pool"
  /** The device has no address for the memory. */
  | "no_address"
  /** Memory that is shared with the hypervisor cannot be mapped behind an IOMMU. */
  | "shared_behind_iommu";

interface TakenPages {
  readonly pages: readonly PhysAddr[];
  readonly home: PageHome | null;
}

/**
 * Allocates zeroed memory for a device.
 *
 * @returns The memory; or the refusal when no free memory is within the device's reach, or no IOVA
 *   range is free.
 * @see rules/dma.md 1.9
 */
export function allocCoherent(
  machine: DmaMachine,
  dev: DmaDevice,
  sizeBytes: Bytes,
  atomicPools: AtomicPools,
  { atomic = false, attrs = 0, pages: given }: CoherentOptions,
): CoherentMemory | CoherentRefusal {
  const { pageSizeBytes } = machine.pages;
  const { domain } = dev;
  if (refusesShared(machine, dev)) return "shared_behind_iommu";
  const unitBytes = Math.max(pageSizeBytes, domain?.granuleBytes ?? 0);
  const count = Math.ceil(sizeBytes / unitBytes) * (unitBytes / pageSizeBytes);
  const taken = given === undefined
    ? takeCoherent(machine, dev, count, atomicPools, atomic, attrs)
    : { pages: given, home: null };
  if (typeof taken === "string") return taken;
  const { home, pages } = taken;
  invariant(pages.length === count, `${sizeBytes} bytes take ${count} pages, not ${pages.length}`);
  const dma = domain === null
    ? directAddress(dev, pages[0]!)
    : mapPages(dev, domain, pages, pageSizeBytes, attrs);
  if (dma === null) {
    home?.free(pages);
    return "no_address";
  }
  for (const page of pages) {
    machine.encryption?.share(page, pageSizeBytes);
    machine.caches?.makeUncached(page, pageSizeBytes);
    machine.memory.fill(page, pageSizeBytes, 0);
  }
  if (isRemapped(dev, atomic, attrs)) machine.areas.addVmalloc(pages);
  return new CoherentMemory(dma, sizeBytes, pages, pageSizeBytes, home, attrs);
}

/**
 * Whether the CPU address of coherent memory lies in the vmalloc area rather than in the direct
 * mapping.
 * @see rules/dma.md 1.9.8
 */
function isRemapped({ coherent, domain }: DmaDevice, atomic: boolean, attrs: number): boolean {
  if ((attrs & NO_KERNEL_MAPPING) !== 0) return false;
  return !coherent || domain !== null && !atomic && (attrs & FORCE_CONTIGUOUS) === 0;
}

/**
 * Whether the kernel release cannot allocate coherent memory for a device that is behind an IOMMU
 * in an encrypted guest.
 * @see rules/v7.3.md 3.9
 */
export function refusesShared({ encryption, kernel }: DmaMachine, { domain }: DmaDevice): boolean {
  return domain !== null && encryption !== null && !kernel.shared_coherent_behind_iommu;
}

/**
 * Allocates pages for coherent memory. An atomic allocation for a non-coherent device gets pages of
 * the atomic pool. Behind an IOMMU, an allocation that is not atomic and need not be contiguous
 * gets blocks of several sizes. Any other allocation gets one block.
 */
function takeCoherent(
  machine: DmaMachine,
  dev: DmaDevice,
  count: number,
  atomicPools: AtomicPools,
  atomic: boolean,
  attrs: number,
): TakenPages | CoherentRefusal {
  const { domain } = dev;
  const home = machine.pages;
  if (atomic && !dev.coherent) {
    const lastPhys = domain === null ? dev.lastCoherentAddress : Number.MAX_SAFE_INTEGER;
    return atomicPools.take(count, lastPhys) ?? "atomic_pool";
  }
  if (domain !== null && !atomic && (attrs & FORCE_CONTIGUOUS) === 0) {
    const pages = collectForDevice(machine, domain, count, attrs);
    return pages === null ? "no_pages" : { pages, home };
  }
  if (2 ** Math.ceil(Math.log2(count)) > MAX_BLOCK_PAGES) return "above_largest_block";
  const pages = takePages(machine, dev, count);
  return pages === null ? "no_pages" : { pages, home };
}

/** Allocates pages for a translated device, in blocks of the sizes that its page table maps. */
export function collectForDevice(
  machine: DmaMachine,
  { table: { pageSizesBytes } }: IommuDomain,
  count: number,
  attrs: number,
): readonly PhysAddr[] | null {
  const isSingle = (attrs & ALLOC_SINGLE_PAGES) !== 0;
  return collectPages(machine, isSingle ? pageSizesBytes.slice(0, 1) : pageSizesBytes, count);
}

/**
 * Allocates pages in blocks of the page table's sizes, the largest that fits first. When no block
 * of a size is free, that size is not tried again.
 */
function collectPages(
  { faults, pages }: DmaMachine,
  sizesBytes: readonly Bytes[],
  count: number,
): readonly PhysAddr[] | null {
  if (faults !== null && faults.errnoAt(INJECTION.alloc_pages) !== 0) return null;
  if (count > pages.totalPages) return null;
  const smallest = Math.max(1, sizesBytes[0]! / pages.pageSizeBytes);
  const pieces = sizesBytes.map((sizeBytes) => sizeBytes / pages.pageSizeBytes)
    .filter((piece) => piece > smallest && piece <= MAX_BLOCK_PAGES);
  const collected: PhysAddr[] = [];
  while (collected.length < count) {
    const left = count - collected.length;
    while (pieces.length > 0 && pieces.at(-1)! > left) pieces.pop();
    const piece = pieces.at(-1) ?? smallest;
    const block = pages.alloc(piece, {
      contiguous: true,
      orderAligned: Math.log2(piece),
      owner: "driver",
    });
    if (block !== null) addAll(collected, block);
    else if (pieces.pop() === undefined) {
      pages.free(collected);
      return null;
    }
  }
  return collected;
}

/** Allocates contiguous pages that a device reaches; null if the allocation fails. */
export function takePages(
  machine: DmaMachine,
  dev: DmaDevice,
  count: number,
): readonly PhysAddr[] | null {
  const { faults, pages } = machine;
  if (faults !== null && faults.errnoAt(INJECTION.alloc_pages) !== 0) return null;
  if (2 ** Math.ceil(Math.log2(count)) > MAX_BLOCK_PAGES) return null;
  for (const within of reachableSpans(dev)) {
    const taken = pages.alloc(count, {
      contiguous: true,
      orderAligned: Math.ceil(Math.log2(count)),
      owner: "driver",
      ...within,
    });
    if (taken !== null) return taken;
  }
  return null;
}

/**
 * Where memory for a device may lie: anywhere if the device is behind an IOMMU, else where the
 * device can reach it.
 */
function reachableSpans(dev: DmaDevice): readonly { firstPhys?: number; lastPhys?: number }[] {
  const { domain, rangeMap, lastCoherentAddress } = dev;
  if (domain !== null) return [{}];
  if (rangeMap === null) return [{ lastPhys: lastCoherentAddress }];
  return rangeMap.ranges.map(({ cpuPhys, dma, sizeBytes }) => ({
    firstPhys: cpuPhys,
    lastPhys: cpuPhys + Math.min(sizeBytes - 1, lastCoherentAddress - dma),
  }));
}

/**
 * Maps pages at one IOVA range, with one call for each run of adjacent pages; null when no range is
 * free.
 */
export function mapPages(
  dev: DmaDevice,
  domain: IommuDomain,
  pages: readonly PhysAddr[],
  pageSizeBytes: Bytes,
  attrs: number,
  dir: DmaDirection = DMA_BIDIRECTIONAL,
): DmaAddr | null {
  const totalBytes = pages.length * pageSizeBytes;
  const iova = domain.allocIova(dev, totalBytes, true);
  if (iova === 0) return null;
  const flags = leafFlags(dev, dir, attrs);
  let done = 0;
  while (done < pages.length) {
    const first = pages[done]!;
    let run = 1;
    while (pages[done + run] === first + run * pageSizeBytes) run++;
    const error = domain.map(iova + done * pageSizeBytes, first, run * pageSizeBytes, flags);
    if (error !== 0) {
      if (done > 0) domain.unmap(iova, done * pageSizeBytes, true, "iommu_unmap");
      domain.freeIova(iova, totalBytes);
      return null;
    }
    done += run;
  }
  domain.syncMap(iova, totalBytes);
  return iova as DmaAddr;
}

/** Frees memory of `allocCoherent`. */
export function freeCoherent(
  machine: DmaMachine,
  dev: DmaDevice,
  memory: CoherentMemory,
  freed: CoherentMemory,
): void {
  if (dev.domain !== null) {
    const totalBytes = memory.pages.length * memory.pageSizeBytes;
    iommuTearDown(dev.domain, memory.dma, totalBytes);
  }
  for (const page of freed.pages) {
    machine.encryption?.unshare(page, memory.pageSizeBytes);
    machine.caches?.makeCached(page, memory.pageSizeBytes);
  }
  machine.areas.removeVmalloc(freed.pages);
  freed.home?.free(freed.pages);
}
