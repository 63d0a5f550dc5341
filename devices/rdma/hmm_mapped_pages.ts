/**
 * Pages in a page-wise DMA map. All pages are linked into one IOVA range; each page is linked when
 * its entry of the device's table is written.
 *
 * @see rules/hmm-rdma-vfio.md 2.1, 2.2 (5, 7)
 */
import {
  DMA_MAPPING_ERROR,
  type DmaAddr,
  ERRNO,
  HMM_PFN,
  type HmmDmaMap,
  hmmDmaMapAlloc,
  hmmDmaMapFree,
  hmmDmaMapPfn,
  hmmDmaUnmapPfn,
  type HmmPfnList,
  hmmPfnListAlone,
  type Machine,
  PAGE_SIZE_BYTES,
  type Pfn,
  pfnToPhys,
  type PhysAddr,
} from "@dmalab/runtime";
import type { DmaDevice, PeerMemo } from "@dmalab/runtime/dma";
import { TABLE_READ, TABLE_WRITE } from "./device_table.ts";
import type { PagesInit, RegionPages } from "./region_pages.ts";

const { DMA_MAPPED, VALID, WRITE } = HMM_PFN;

/**
 * Pages with a DMA map; a software device gets only the list of page frames.
 * @returns A negative errno if the map cannot be allocated.
 */
export function hmmMappedPages(init: PagesInit): RegionPages | number {
  const { dev, entryBytes, machine, pages } = init;
  // The defect allocates a map even for a software device, which does no DMA.
  const listAlone = dev === null && !machine.kernel.hmm_without_dma_device;
  const map = listAlone
    ? hmmPfnListAlone(machine, pages, entryBytes)
    : hmmDmaMapAlloc(machine, dev, pages, entryBytes);
  return typeof map === "number" ? map : new HmmMappedPages(machine, dev, map);
}

class HmmMappedPages implements RegionPages {
  /**
   * Number of mapped pages, counted page by page when the device's table is written.
   * @see rules/hmm-rdma-vfio.md chapter 4, case 1
   */
  npages = 0;
  readonly #machine: Machine;
  readonly #dev: DmaDevice | null;

  constructor(machine: Machine, dev: DmaDevice | null, readonly map: HmmDmaMap) {
    this.#machine = machine;
    this.#dev = dev;
  }

  get pfns(): HmmPfnList {
    return this.map.pfns;
  }

  get memoryBytes(): number {
    return this.map.memoryBytes;
  }

  /**
   * Checks that every page of a range fills an entry of the device's table: the CPU's mapping of
   * the page must have at least the size of an entry. Maps nothing yet.
   * @see rules/hmm-rdma-vfio.md 2.2 (5)
   */
  mapRange(first: number, entries: number): number {
    const pagesPerEntry = this.map.entrySizeBytes / PAGE_SIZE_BYTES;
    const order = Math.log2(pagesPerEntry);
    for (let entry = first; entry < first + entries; entry++) {
      const index = entry * pagesPerEntry;
      const fresh = this.pfns.has(index, VALID) && !this.pfns.has(index, DMA_MAPPED);
      if (fresh && this.pfns.order(index) < order) return -ERRNO.EINVAL;
    }
    return 0;
  }

  access(index: number): number {
    if (!this.pfns.has(index, VALID)) return 0;
    return this.pfns.has(index, WRITE) ? TABLE_READ | TABLE_WRITE : TABLE_READ;
  }

  address(index: number, memo: PeerMemo | null): DmaAddr {
    const address = hmmDmaMapPfn(this.#machine, this.#dev!, this.map, index, memo);
    if (address !== DMA_MAPPING_ERROR) this.npages++;
    return address;
  }

  cpuAddress(index: number): PhysAddr {
    return pfnToPhys(this.pfns.pfn(index));
  }

  pfn(index: number): Pfn {
    return this.pfns.pfn(index);
  }

  isUsed(index: number): boolean {
    return this.pfns.flags(index) !== 0;
  }

  unmap(index: number): boolean {
    if (this.#dev === null || !hmmDmaUnmapPfn(this.#machine, this.#dev, this.map, index)) {
      return false;
    }
    this.npages--;
    return true;
  }

  forget(index: number): void {
    this.pfns.forget(index);
  }

  release(): void {
    hmmDmaMapFree(this.#machine, this.#dev, this.map);
  }
}
