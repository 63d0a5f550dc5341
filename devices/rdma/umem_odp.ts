/**
 * The memory of a process that a device may use without pinning: pages are faulted in when the
 * device accesses them, and invalidated when the process changes its mappings.
 *
 * @see rules/hmm-rdma-vfio.md 2.1, 2.2 (1–6), 2.5
 */
import {
  ADDRESS_LIMIT,
  type AddressSpace,
  alignDown,
  alignUp,
  type Bytes,
  ERRNO,
  eventId,
  INJECTION,
  type IntervalClient,
  type IntervalNotifier,
  invariant,
  KernelError,
  type Machine,
  PAGE_SIZE_BYTES,
  type VirtAddr,
} from "@dmalab/runtime";
import type { DmaDevice } from "@dmalab/runtime/dma";
import { TABLE_WRITE } from "./device_table.ts";
import { hmmMappedPages } from "./hmm_mapped_pages.ts";
import type { PagesInit, RegionPages } from "./region_pages.ts";
import { singleMappedPages } from "./single_mapped_pages.ts";

const DIRTY = eventId("odp.dirty");

/** Shifts of the page sizes: 4 KiB, or 2 MiB if huge pages are requested. */
const PAGE_SHIFT = 12;
const HUGE_PAGE_SHIFT = 21;

/** `child`: created by an implicit region for a part of its addresses. */
export type UmemKind = "explicit" | "child";

export interface UmemRequest {
  readonly mm: AddressSpace;
  readonly kind: UmemKind;
  readonly virt: VirtAddr;
  readonly sizeBytes: Bytes;
  readonly writable: boolean;
  readonly huge: boolean;
  /** Whether on-demand paging was requested; without it, registration is refused. */
  readonly onDemand: boolean;
}

export class UmemOdp {
  locked = false;
  notifier: IntervalNotifier | null = null;
  readonly mm: AddressSpace;
  readonly kind: UmemKind;
  readonly writable: boolean;
  readonly pageShift: number;
  readonly #machine: Machine;

  /** @param dev Null for a software device. */
  constructor(
    machine: Machine,
    readonly dev: DmaDevice | null,
    request: UmemRequest,
    readonly pages: RegionPages,
    /** The first page. */
    readonly start: VirtAddr,
    /** The address after the last page. */
    readonly end: VirtAddr,
  ) {
    this.#machine = machine;
    this.mm = request.mm;
    this.kind = request.kind;
    this.writable = request.writable;
    this.pageShift = request.huge ? HUGE_PAGE_SHIFT : PAGE_SHIFT;
  }

  /** Number of pages that the kernel counts as mapped for the device. */
  get npages(): number {
    return this.pages.npages;
  }

  get pageBytes(): Bytes {
    return 2 ** this.pageShift;
  }

  /** Number of pages, in the region's own page size. */
  get entries(): number {
    return (this.end - this.start) / this.pageBytes;
  }

  /** Index of the entry that contains an address. */
  indexOf(virt: number): number {
    return Math.floor((virt - this.start) / this.pageBytes);
  }

  /** Whether the memory contains all addresses from `start` to `end - 1`. */
  covers(start: number, end: number): boolean {
    return start >= this.start && end <= this.end && start < end;
  }

  /**
   * Takes the lock. Code here is never preempted. Therefore, if the lock is already held, nothing
   * will ever release it.
   * @throws {KernelError} ETIMEDOUT if the lock is held: the caller would wait for ever.
   */
  lock(who: string): void {
    if (this.locked) {
      const { warnings } = this.#machine;
      const what = `${who}() waits for ever for the lock of a region: its holder is gone`;
      warnings.warn("mutex_lock", what);
      throw new KernelError("ETIMEDOUT", what);
    }
    this.locked = true;
  }

  unlock(): void {
    invariant(this.locked, "A region is unlocked that is not locked");
    this.locked = false;
  }

  /**
   * Unmaps entries, marks written pages as dirty, and clears the entries. The caller holds the lock
   * and has removed the entries from the device's table.
   *
   * @returns The number of entries that were mapped.
   * @see rules/hmm-rdma-vfio.md 2.3 (5)
   */
  unmapPages(first: number, entries: number, region: string): number {
    const { pages } = this;
    let unmapped = 0;
    for (let index = first; index < first + entries; index++) {
      // Skips an unused entry, for which `pages.unmap()` would return false. If gigabytes of memory
      // were never touched, `pages.unmap()` would also emit an event for each of their pages.
      if (!pages.isUsed(index)) continue;
      const writable = (pages.access(index) & TABLE_WRITE) !== 0;
      if (pages.unmap(index)) {
        unmapped++;
        if (writable) this.#markDirty(index, region);
      }
      pages.forget(index);
    }
    return unmapped;
  }

  #markDirty(index: number, region: string): void {
    const { events } = this.#machine;
    const frame = this.mm.frameOf(this.pages.pfn(index));
    if (frame === null) return;
    frame.dirty = true;
    if (events.tick(DIRTY)) events.emit(DIRTY, { region, phys: frame.phys });
  }

  /** Removes the notifier, and frees lists and IOVAs. @see rules/hmm-rdma-vfio.md 2.5 */
  release(): void {
    if (this.notifier !== null) this.mm.notifiers.remove(this.notifier);
    this.notifier = null;
    this.pages.release();
  }
}

/**
 * Gets memory of a process for a device.
 *
 * @param dev Null for a software device.
 * @param client The object with the `invalidate` that is called when the process changes its
 *   mappings.
 * @returns The memory, or a negative errno.
 * @see rules/hmm-rdma-vfio.md 2.1
 */
export function getUmem(
  machine: Machine,
  dev: DmaDevice | null,
  request: UmemRequest,
  client: IntervalClient,
): UmemOdp | number {
  const { huge, kind, mm, onDemand, sizeBytes, virt } = request;
  // EOVERFLOW is at 2^53 here: the model's addresses end there, the kernel's at 2^64.
  const pageBytes = 2 ** (huge ? HUGE_PAGE_SHIFT : PAGE_SHIFT);
  const start = alignDown(virt, pageBytes) as VirtAddr;
  const end = alignUp(virt + sizeBytes, pageBytes) as VirtAddr;
  if (end >= ADDRESS_LIMIT) return -ERRNO.EOVERFLOW;
  if (!onDemand) return -ERRNO.EINVAL;
  if (kind === "child" && !mm.alive) return -ERRNO.EFAULT;
  if (start === end) return -ERRNO.EINVAL;
  const pages = (end - start) / PAGE_SIZE_BYTES;
  const { faults, kernel } = machine;
  const init: PagesInit = { machine, dev, pages, entryBytes: pageBytes };
  const mapped = kernel.odp_single_mappings ? singleMappedPages(init) : hmmMappedPages(init);
  if (typeof mapped === "number") return mapped;
  const refused = faults === null ? 0 : faults.errnoAt(INJECTION["mmu_interval_notifier_insert"]);
  if (refused !== 0) {
    mapped.release();
    return refused;
  }
  const umem = new UmemOdp(machine, dev, request, mapped, start, end);
  umem.notifier = mm.notifiers.insert(start, end, client);
  return umem;
}
