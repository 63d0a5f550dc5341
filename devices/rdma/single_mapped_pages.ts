/**
 * Pages that are mapped separately when they are faulted in. Each page has its own IOVA and
 * mapping. This is how on-demand paging worked before there was a page-wise DMA map.
 *
 * @see rules/hmm-rdma-vfio.md chapter 6
 */
import {
  DMA_MAPPING_ERROR,
  type DmaAddr,
  ERRNO,
  giveList,
  HMM_PFN,
  HmmPfnList,
  PAGE_SIZE_BYTES,
  type Pfn,
  pfnToPhys,
  type PhysAddr,
  takeList,
} from "@dmalab/runtime";
import { DMA_BIDIRECTIONAL } from "@dmalab/runtime/dma";
import { TABLE_READ, TABLE_WRITE } from "./device_table.ts";
import type { PageRequest, PagesInit, RegionPages } from "./region_pages.ts";

const { VALID, WRITE } = HMM_PFN;

/** Mask of the device's permissions, which are stored in the low bits of a recorded address. */
const ACCESS_MASK = TABLE_READ | TABLE_WRITE;

/**
 * Pages with two lists: page frames and addresses.
 * @returns -ENOMEM if a list cannot be allocated.
 * @see rules/hmm-rdma-vfio.md 6.1
 */
export function singleMappedPages(init: PagesInit): RegionPages | number {
  const { entryBytes, machine, pages } = init;
  const entries = (pages * PAGE_SIZE_BYTES) / entryBytes;
  if (!takeList(machine, "hmm_pfn_list", pages)) return -ERRNO.ENOMEM;
  if (takeList(machine, "hmm_dma_list", entries)) return new SingleMappedPages(init, entries);
  giveList(machine, "hmm_pfn_list", pages);
  return -ERRNO.ENOMEM;
}

class SingleMappedPages implements RegionPages {
  readonly map = null;
  readonly pfns: HmmPfnList;
  /** Number of recorded addresses. */
  npages = 0;
  readonly #init: PagesInit;
  /** Address and permissions of each entry; 0 without a recorded address. */
  readonly #recorded: Float64Array;
  readonly #pagesPerEntry: number;

  constructor(init: PagesInit, entries: number) {
    this.#init = init;
    this.pfns = new HmmPfnList(init.pages);
    this.#recorded = new Float64Array(entries);
    this.#pagesPerEntry = init.entryBytes / PAGE_SIZE_BYTES;
  }

  get memoryBytes(): number {
    return this.pfns.sizeBytes + this.#recorded.byteLength;
  }

  /**
   * Maps page by page, in order. Pages before a failure stay mapped.
   * @returns 0; -EINVAL for a page that the CPU maps in a smaller size than an entry; -EFAULT for a
   *   page that cannot be mapped.
   * @see rules/hmm-rdma-vfio.md 6.3 to 6.7
   */
  mapRange(first: number, entries: number, { access, fault }: PageRequest): number {
    const order = Math.log2(this.#pagesPerEntry);
    for (let index = first; index < first + entries; index++) {
      const page = index * this.#pagesPerEntry;
      if (!this.pfns.has(page, VALID)) continue;
      if (this.pfns.order(page) < order) return -ERRNO.EINVAL;
      const seen = this.pfns.has(page, WRITE) ? TABLE_READ | TABLE_WRITE : TABLE_READ;
      const error = this.#record(index, pfnToPhys(this.pfns.pfn(page)), fault ? access : seen);
      if (error !== 0) return error;
    }
    return 0;
  }

  /** Records an entry. If it already has an address, only the permissions are updated. */
  #record(index: number, phys: PhysAddr, access: number): number {
    const before = this.#recorded[index]!;
    if (before !== 0) {
      this.#recorded[index] = before - before % (ACCESS_MASK + 1) + access;
      return 0;
    }
    const address = this.#map(phys);
    if (address === DMA_MAPPING_ERROR) return -ERRNO.EFAULT;
    this.#recorded[index] = address + access;
    this.npages++;
    return 0;
  }

  /** Maps a page; for a software device, the address is the physical one. */
  #map(phys: PhysAddr): number {
    const { dev, entryBytes, machine: { dma } } = this.#init;
    if (dev === null) return phys;
    const address = dma.dmaMapPage(dev, phys, 0, entryBytes, DMA_BIDIRECTIONAL);
    return dma.dmaMappingError(dev, address) === 0 ? address : DMA_MAPPING_ERROR;
  }

  access(index: number): number {
    return this.#recorded[index]! % (ACCESS_MASK + 1);
  }

  address(index: number): DmaAddr {
    const recorded = this.#recorded[index]!;
    return recorded - recorded % (ACCESS_MASK + 1) as DmaAddr;
  }

  cpuAddress(index: number): PhysAddr {
    return this.address(index) as number as PhysAddr;
  }

  pfn(index: number): Pfn {
    return this.pfns.pfn(index * this.#pagesPerEntry);
  }

  isUsed(index: number): boolean {
    return this.#recorded[index] !== 0;
  }

  /** @see rules/hmm-rdma-vfio.md 6.8 */
  unmap(index: number): boolean {
    const { dev, entryBytes, machine: { dma } } = this.#init;
    if (!this.isUsed(index)) return false;
    if (dev !== null) dma.dmaUnmapPage(dev, this.address(index), entryBytes, DMA_BIDIRECTIONAL);
    this.npages--;
    return true;
  }

  forget(index: number): void {
    this.#recorded[index] = 0;
  }

  release(): void {
    const { machine, pages } = this.#init;
    giveList(machine, "hmm_dma_list", this.#recorded.length);
    giveList(machine, "hmm_pfn_list", pages);
  }
}
