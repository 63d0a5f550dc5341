/**
 * The pages of a region and their addresses for the device. A kernel release implements this in one
 * of two ways: by a page-wise DMA map, or by a separate mapping for each page.
 *
 * An entry is a page of the region's own page size. The region's list of page frames has one entry
 * for each 4 KiB.
 */
import type {
  Bytes,
  DmaAddr,
  HmmDmaMap,
  HmmPfnList,
  Machine,
  Pfn,
  PhysAddr,
} from "@dmalab/runtime";
import type { DmaDevice, PeerMemo } from "@dmalab/runtime/dma";

export interface PagesInit {
  readonly machine: Machine;
  /** Null for a software device. */
  readonly dev: DmaDevice | null;
  /** Number of 4 KiB pages. */
  readonly pages: number;
  readonly entryBytes: Bytes;
}

/** How a range of pages is requested for the device. */
export interface PageRequest {
  /** Whether pages were faulted in; else only present pages are examined. */
  readonly fault: boolean;
  /** The requested bits of `TABLE_READ` and `TABLE_WRITE`. */
  readonly access: number;
}

export interface RegionPages {
  /** The result of the range fault. */
  readonly pfns: HmmPfnList;
  /** Bytes of host memory for the lists. */
  readonly memoryBytes: Bytes;
  /** The page-wise DMA map, if the release uses one. */
  readonly map: HmmDmaMap | null;
  /** Number of pages that the kernel counts as mapped for the device. */
  npages: number;

  /**
   * Checks or maps a range under the lock, before the device's table is written.
   * @returns 0, or a negative errno.
   */
  mapRange(first: number, entries: number, wish: PageRequest): number;
  /** The device's permissions for an entry: bits of `TABLE_READ` and `TABLE_WRITE`, 0 for none. */
  access(index: number): number;
  /** The address of a mapped entry for the device's table; or `DMA_MAPPING_ERROR`. */
  address(index: number, memo: PeerMemo | null): DmaAddr;
  /** The physical address of an entry's bytes, for a software device. */
  cpuAddress(index: number): PhysAddr;
  /** The page frame of an entry. */
  pfn(index: number): Pfn;
  /** Whether any data is kept for an entry, mapped or not. */
  isUsed(index: number): boolean;
  /** Unmaps an entry. @returns False if the entry was not mapped. */
  unmap(index: number): boolean;
  /** Drops all data for an entry. */
  forget(index: number): void;
  /** Frees lists and IOVAs; nothing is unmapped. */
  release(): void;
}
