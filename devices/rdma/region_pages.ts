/**
 * The pages of a region as its device gets to them. A release has one way to do that: a page-wise DMA
 * map, or a mapping for each page.
 *
 * Entries are pages of the region's own size; its list of page frames has one for 4 KiB.
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
  /** How many pages of 4 KiB. */
  readonly pages: number;
  readonly entryBytes: Bytes;
}

/** The access for which a page fault needs entries. */
export interface PageRequest {
  /** Pages were brought in; else only present pages are examined. */
  readonly fault: boolean;
  /** The requested bits of `TABLE_READ` and `TABLE_WRITE`. */
  readonly access: number;
}

export interface RegionPages {
  /** The result of the range fault. */
  readonly pfns: HmmPfnList;
  /** Host memory of its lists. */
  readonly memoryBytes: Bytes;
  /** The page-wise DMA map, where that is the release's way. */
  readonly map: HmmDmaMap | null;
  /** How many pages the kernel thinks that the device has. */
  npages: number;

  /**
   * The work under the lock before the device's table is written.
   * @returns 0, or a negative errno.
   */
  mapRange(first: number, entries: number, wish: PageRequest): number;
  /** The device's permissions for an entry: bits of `TABLE_READ` and `TABLE_WRITE`, 0 for none. */
  access(index: number): number;
  /** The address of an entry that has one, for the device's table; or `DMA_MAPPING_ERROR`. */
  address(index: number, memo: PeerMemo | null): DmaAddr;
  /** Where a software device finds the bytes of an entry. */
  cpuAddress(index: number): PhysAddr;
  /** The page frame of an entry. */
  pfn(index: number): Pfn;
  /** Something is kept of an entry, be it mapped or not. */
  isUsed(index: number): boolean;
  /** Ends an entry's mapping. @returns False where there was none. */
  unmap(index: number): boolean;
  /** Keeps nothing of an entry any more. */
  forget(index: number): void;
  /** Frees lists and IOVAs; nothing is unmapped. */
  release(): void;
}
