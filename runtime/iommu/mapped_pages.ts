/**
 * The counter that a kernel with `iommu.debug_pagealloc` has for each page frame: the number of
 * IOMMU mappings of the frame. Freeing or allocating a mapped page causes a warning.
 *
 * @see rules/dma.md 8.4
 */
import { alignDown, type Bytes, hexAddress, type PhysAddr } from "../address.ts";
import { invariant } from "../errno.ts";
import type { PageWatcher } from "../memory/page_allocator.ts";
import type { Platform } from "../platform.ts";
import { IommuDomain, type IommuDomainOptions, type UnmapCaller } from "./domain.ts";
import type { PageTable } from "./page_table.ts";

/** Units of work that a page costs. */
const PAGE_UNITS = 16;

/** One granule that an unmap is about to clear. */
interface Counted {
  readonly iova: number;
  readonly frame: number;
}

export class MappedPages implements PageWatcher {
  readonly #platform: Platform;
  readonly #counts = new Map<number, number>();

  constructor(platform: Platform) {
    this.#platform = platform;
    platform.pages.watcher = this;
  }

  /** Counts pages that `iommu_map` has mapped. */
  mapped(phys: PhysAddr, sizeBytes: Bytes, granuleBytes: Bytes): void {
    for (let at: number = phys; at < phys + sizeBytes; at += granuleBytes) this.#add(at, 1);
  }

  /**
   * Called before `iommu_unmap`. Returns the frames that a range leads to; the caller passes them
   * to `unmapped`.
   */
  framesOf(table: PageTable, iova: number, sizeBytes: Bytes): readonly Counted[] {
    const counted: Counted[] = [];
    for (let at = iova; at < iova + sizeBytes; at += table.granuleBytes) {
      if (table.walk(at)) counted.push({ iova: at, frame: table.walkPhys });
    }
    return counted;
  }

  /** Called after `iommu_unmap`: counts the frames before `endIova` as unmapped. */
  unmapped(counted: readonly Counted[], endIova: number): void {
    for (const { frame, iova } of counted) if (iova < endIova) this.#add(frame, -1);
  }

  #add(phys: number, more: 1 | -1): void {
    const { memory, pages: { pageSizeBytes }, budget } = this.#platform;
    budget.work(PAGE_UNITS);
    // Memory without a page frame has no counter.
    if (memory.kindAt(phys) !== "ram") return;
    const frame = alignDown(phys, pageSizeBytes);
    const count = (this.#counts.get(frame) ?? 0) + more;
    invariant(count >= 0, `The page at ${hexAddress(frame)} is unmapped more often than mapped`);
    if (count === 0) this.#counts.delete(frame);
    else this.#counts.set(frame, count);
  }

  /** Warns if an IOMMU maps pages that are being allocated or freed. */
  handedOver(firstPhys: PhysAddr, pages: number): void {
    if (this.#counts.size === 0) return;
    const { pages: { pageSizeBytes }, warnings } = this.#platform;
    const end = firstPhys + pages * pageSizeBytes;
    for (let frame: number = firstPhys; frame < end; frame += pageSizeBytes) {
      const count = this.#counts.get(frame);
      if (count === undefined) continue;
      warnings.warn(
        "__iommu_debug_check_unmapped",
        `The page at ${hexAddress(frame)} is freed or allocated while an IOMMU maps it ` +
          (count === 1 ? "once" : `${count} times`),
        "iommu: Detected page leak!",
      );
    }
  }
}

/**
 * A domain with page counters. It is a separate class, so that maps are not slower on machines
 * without counters.
 */
export class CountedDomain extends IommuDomain {
  readonly #mappedPages: MappedPages;

  constructor(platform: Platform, options: IommuDomainOptions, mappedPages: MappedPages) {
    super(platform, options);
    this.#mappedPages = mappedPages;
  }

  override map(iova: number, phys: PhysAddr, sizeBytes: Bytes, flags: number): number {
    const error = super.map(iova, phys, sizeBytes, flags);
    if (error === 0) this.#mappedPages.mapped(phys, sizeBytes, this.granuleBytes);
    return error;
  }

  /** Returns 0, so that each granule is mapped and counted separately. */
  override mapGranules(): 0 {
    return 0;
  }

  override unmap(iova: number, sizeBytes: Bytes, flushNow: boolean, caller: UnmapCaller): number {
    const counted = this.#mappedPages.framesOf(this.table, iova, sizeBytes);
    const unmapped = super.unmap(iova, sizeBytes, flushNow, caller);
    this.#mappedPages.unmapped(counted, iova + unmapped);
    return unmapped;
  }

  override unmapGathered(iova: number, sizeBytes: Bytes): void {
    const counted = this.#mappedPages.framesOf(this.table, iova, sizeBytes);
    super.unmapGathered(iova, sizeBytes);
    this.#mappedPages.unmapped(counted, iova + sizeBytes);
  }
}
