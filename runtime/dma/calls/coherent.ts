/**
 * Memory that the CPU and a device share for as long as it lives: queues and descriptor pages.
 *
 * @see behaviour/dma.md 1.2 (coherent mask), tests/golden/kernel/README.md (`dma_alloc`)
 */
import type { Bytes, DmaAddr, PhysAddr } from "../../address.ts";
import { invariant } from "../../errno.ts";
import { FAULT } from "../../faults.ts";
import type { IommuDomain } from "../../iommu/domain.ts";
import type { DmaMachine } from "../dma_machine.ts";
import { DMA_BIDIRECTIONAL } from "../attributes.ts";
import { CoherentMemory } from "../coherent_memory.ts";
import type { DmaDevice } from "../device/device.ts";
import { iommuTearDown, leafFlags } from "../paths/iommu_path.ts";
import { directAddress } from "../paths/map_branch.ts";

/**
 * Allocates zeroed memory for a device.
 *
 * @param givenPages Pages to use instead of the allocator's, one address a page.
 * @returns Null when there is no memory the device reaches, or no IOVA range.
 */
export function allocCoherent(
  machine: DmaMachine,
  dev: DmaDevice,
  sizeBytes: Bytes,
  givenPages: readonly PhysAddr[] | null,
  attrs: number,
): CoherentMemory | null {
  const { pageSizeBytes } = machine.pages;
  const { domain } = dev;
  const unitBytes = Math.max(pageSizeBytes, domain?.granuleBytes ?? 0);
  const count = Math.ceil(sizeBytes / unitBytes) * (unitBytes / pageSizeBytes);
  const pages = givenPages ?? takePages(machine, dev, count);
  if (pages === null) return null;
  invariant(pages.length === count, `${sizeBytes} bytes take ${count} pages, not ${pages.length}`);
  const owned = givenPages === null;
  const dma = domain === null
    ? directAddress(dev, pages[0]!)
    : mapPages(dev, domain, pages, pageSizeBytes, attrs);
  if (dma === null) {
    if (owned) machine.pages.free(pages);
    return null;
  }
  for (const page of pages) {
    machine.encryption?.share(page, pageSizeBytes);
    machine.caches?.makeUncached(page, pageSizeBytes);
    machine.memory.fill(page, pageSizeBytes, 0);
  }
  return new CoherentMemory(dma, sizeBytes, pages, pageSizeBytes, owned, attrs);
}

/** Pages side by side that a device reaches; null when there are none. */
export function takePages(
  machine: DmaMachine,
  dev: DmaDevice,
  count: number,
): readonly PhysAddr[] | null {
  const { faults, pages } = machine;
  if (faults !== null && faults.errnoAt(FAULT.alloc_pages) !== 0) return null;
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

/** Where memory for a device may lie: anywhere behind an IOMMU, else where the device reaches it. */
function reachableSpans(dev: DmaDevice): readonly { firstPhys?: number; lastPhys?: number }[] {
  const { domain, rangeMap, lastCoherentAddress } = dev;
  if (domain !== null) return [{}];
  if (rangeMap === null) return [{ lastPhys: lastCoherentAddress }];
  return rangeMap.ranges.map(({ cpuPhys, dma, sizeBytes }) => ({
    firstPhys: cpuPhys,
    lastPhys: cpuPhys + Math.min(sizeBytes - 1, lastCoherentAddress - dma),
  }));
}

/** Maps pages at one range, neighbours in one call; null when there is no room. */
function mapPages(
  dev: DmaDevice,
  domain: IommuDomain,
  pages: readonly PhysAddr[],
  pageSizeBytes: Bytes,
  attrs: number,
): DmaAddr | null {
  const totalBytes = pages.length * pageSizeBytes;
  const iova = domain.allocIova(totalBytes, true);
  if (iova === 0) return null;
  const flags = leafFlags(dev, DMA_BIDIRECTIONAL, attrs);
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
  if (freed.owned) machine.pages.free(freed.pages);
}
