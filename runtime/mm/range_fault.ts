/**
 * Reads a part of a process's page table into a list of page frames, and faults pages in if that is
 * requested.
 *
 * The result is valid only as long as the notifier's sequence number does not change. The user of
 * the result compares the number again under its own lock.
 *
 * @see rules/hmm-rdma-vfio.md 1.1, 1.5, 2.2, 5.1–5.5
 */
import { PAGE_SIZE_BYTES, type VirtAddr } from "../address.ts";
import { ERRNO, errnoName } from "../errno.ts";
import { eventId } from "../event_vocabulary.ts";
import type { Machine } from "../machine.ts";
import type { AddressSpace } from "./address_space.ts";
import type { MappedPage } from "./process_pages.ts";
import { HMM_PFN, type HmmPfnList } from "./hmm_pfn_list.ts";
import type { IntervalNotifier } from "./interval_notifier.ts";

const FAULT_EVENT = eventId("hmm.fault");
const { ERROR, VALID, WRITE } = HMM_PFN;

/** Number of pages of one table: a walk proceeds table by table. */
const TABLE_PAGES = 512;

export interface RangeFault {
  readonly mm: AddressSpace;
  /** The notifier with the sequence number that guards the result; null for a list without a guard. */
  readonly notifier: IntervalNotifier | null;
  /** The number before. */
  readonly sequence: number;
  readonly list: HmmPfnList;
  /** Index of the list's entry for the first page. */
  readonly firstIndex: number;
  /** The first page. */
  readonly start: VirtAddr;
  readonly pages: number;
  /** Flags requested for every page: 0 (only read), `VALID`, or `VALID + WRITE`. */
  readonly wanted: number;
  /** Mask: the flags of a list entry that count as requests, too. */
  readonly wishes?: number;
}

/**
 * Fills a part of a list.
 *
 * @returns 0; -EBUSY when the range is changing, or has changed since the sequence number was read;
 *   or the error of `faultIn` for the first page that cannot be faulted in as requested.
 */
export function hmmRangeFault(machine: Machine, range: RangeFault): number {
  const walk = new RangeWalk(machine, range);
  const error = walk.run();
  const { events } = machine;
  if (events.tick(FAULT_EVENT)) {
    const { brought, valid, writable } = walk;
    events.emit(FAULT_EVENT, {
      virt: range.start,
      size_bytes: range.pages * PAGE_SIZE_BYTES,
      valid,
      writable,
      brought_in: brought,
      result: error === 0 ? "OK" : errnoName(error),
    }, {
      rule: error === -ERRNO.EBUSY ? "hmm-rdma-vfio.2.2" : "hmm-rdma-vfio.1.1",
      inputs: {
        wanted_valid: (range.wanted & VALID) !== 0,
        wanted_write: (range.wanted & WRITE) !== 0,
        sequence: range.sequence,
        sequence_now: range.notifier?.sequence ?? range.sequence,
      },
    });
  }
  return error;
}

/** One pass over the pages. It continues at the place where pages had to be faulted in. */
class RangeWalk {
  valid = 0;
  writable = 0;
  /** Number of pages that were faulted in, or made writable. */
  brought = 0;
  /** The next page to read. */
  #page = 0;
  readonly #range: RangeFault;
  readonly #tellsError: boolean;

  constructor(machine: Machine, range: RangeFault) {
    this.#range = range;
    this.#tellsError = !machine.kernel.fault_error_is_efault;
  }

  run(): number {
    const { pages } = this.#range;
    while (this.#page < pages) {
      if (this.#isStale()) return -ERRNO.EBUSY;
      const error = this.#walkTable();
      if (error !== 0) return error;
    }
    return 0;
  }

  #isStale(): boolean {
    const { mm, notifier, pages, sequence, start } = this.#range;
    if (notifier === null) return false;
    const end = start + pages * PAGE_SIZE_BYTES as VirtAddr;
    return notifier.readRetry(sequence) || mm.notifiers.isChanging(start, end);
  }

  /**
   * Reads the pages of one area in one table. At the first page that lacks a requested flag, this
   * page and all later pages are faulted in with the same flags. The walk then continues at that
   * page.
   */
  #walkTable(): number {
    const { mm, start } = this.#range;
    const virt = start + this.#page * PAGE_SIZE_BYTES;
    const area = mm.areaAt(virt);
    if (area === null || area.access === "none") return this.#walkHole(area?.end ?? null);
    const end = this.#endOfTable(area.end);
    while (this.#page < end) {
      const at = start + this.#page * PAGE_SIZE_BYTES;
      const page = mm.pageAt(at);
      const alone = page !== null && page.order === 0 || page === null && mm.hasTable(at);
      const needed = alone ? this.#needs(this.#page, page) : this.#needsAny(end, page);
      if (needed !== 0) return this.#bringIn(end, needed, area.access === "write");
      const upTo = alone ? this.#page + 1 : end;
      while (this.#page < upTo) this.#read(this.#page++);
    }
    return 0;
  }

  /** The first page in another table or area. */
  #endOfTable(areaEnd: number): number {
    const { pages, start } = this.#range;
    const first = start / PAGE_SIZE_BYTES;
    const table = Math.floor((first + this.#page) / TABLE_PAGES);
    const end = Math.min((table + 1) * TABLE_PAGES, areaEnd / PAGE_SIZE_BYTES);
    return Math.min(end - first, pages);
  }

  /**
   * Handles addresses without an area. If a page was requested there, the result is an error;
   * otherwise each entry gets the error flag.
   */
  #walkHole(areaEnd: number | null): number {
    const { firstIndex, list, mm, pages, start } = this.#range;
    const virt = start + this.#page * PAGE_SIZE_BYTES;
    const holeEnd = areaEnd ?? mm.nextAreaStart(virt);
    const end = Math.min((holeEnd - start) / PAGE_SIZE_BYTES, pages);
    for (let page = this.#page; page < end; page++) {
      if ((this.#wanted(page) & VALID) !== 0) return -ERRNO.EFAULT;
    }
    while (this.#page < end) list.replace(firstIndex + this.#page++, ERROR, 0, 0);
    return 0;
  }

  #wanted(page: number): number {
    const { firstIndex, list, wanted, wishes } = this.#range;
    return wanted | (list.flags(firstIndex + page) & (wishes ?? 0));
  }

  /** The flags that a page lacks: none, `VALID`, or `VALID + WRITE`. */
  #needs(page: number, mapped: MappedPage | null): number {
    const wanted = this.#wanted(page);
    if ((wanted & VALID) === 0) return 0;
    if ((wanted & WRITE) !== 0 && mapped?.writable !== true) return VALID + WRITE;
    return mapped === null || mapped.frame.broken ? VALID : 0;
  }

  /**
   * The flags that at least one page up to `end` lacks. These pages are mapped as one, or are all
   * missing.
   */
  #needsAny(end: number, mapped: MappedPage | null): number {
    let needed = 0;
    for (let page = this.#page; page < end; page++) needed |= this.#needs(page, mapped);
    return needed >>> 0;
  }

  #bringIn(end: number, needed: number, mayWrite: boolean): number {
    const write = (needed & WRITE) !== 0;
    if (write && !mayWrite) return -ERRNO.EPERM;
    const { mm, start } = this.#range;
    for (let page = this.#page; page < end; page++) {
      const virt = start + page * PAGE_SIZE_BYTES;
      const before = mm.pageAt(virt);
      const error = mm.faultIn(virt, write);
      if (error !== 0) return this.#tellsError ? error : -ERRNO.EFAULT;
      if (before === null || write && !before.writable) this.brought++;
    }
    return 0;
  }

  #read(page: number): void {
    const { firstIndex, list, mm, start } = this.#range;
    const mapped = mm.pageAt(start + page * PAGE_SIZE_BYTES);
    const index = firstIndex + page;
    if (mapped === null) list.replace(index, 0, 0, 0);
    else if (mapped.frame.broken) list.replace(index, ERROR, 0, 0);
    else {
      this.valid++;
      if (mapped.writable) this.writable++;
      const flags = mapped.writable ? VALID + WRITE : VALID;
      list.replace(index, flags, mapped.order, mapped.phys / PAGE_SIZE_BYTES);
    }
  }
}
