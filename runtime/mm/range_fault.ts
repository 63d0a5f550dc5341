/**
 * Reads a part of a process's page table into a list of page frames, and brings pages in on the way
 * where that is wanted.
 *
 * What is read holds only as long as the notifier's sequence number does not change; whoever uses it
 * compares the number again under its own lock.
 *
 * @see behaviour/hmm-rdma-vfio.md 1.1, 1.5, 2.2
 */
import { PAGE_SIZE_BYTES, type VirtAddr } from "../address.ts";
import { ERRNO, errnoName } from "../errno.ts";
import { eventId } from "../event_vocabulary.ts";
import type { Machine } from "../machine.ts";
import type { AddressSpace } from "./address_space.ts";
import { HMM_PFN, type HmmPfnList } from "./hmm_pfn_list.ts";
import type { IntervalNotifier } from "./interval_notifier.ts";

const FAULT_EVENT = eventId("hmm.fault");
const { ERROR, VALID, WRITE } = HMM_PFN;

export interface RangeFault {
  readonly mm: AddressSpace;
  /** Whose sequence number guards what is read; null for a list that nobody guards. */
  readonly notifier: IntervalNotifier | null;
  /** The number before. */
  readonly sequence: number;
  readonly list: HmmPfnList;
  /** The entry of the first page. */
  readonly firstIndex: number;
  /** The first page. */
  readonly start: VirtAddr;
  readonly pages: number;
  /** What every page is wanted as: nothing (only look), `VALID`, or `VALID + WRITE`. */
  readonly wanted: number;
  /** Which flags that stand in the list already count as wishes too. */
  readonly wishes?: number;
}

/**
 * Fills a part of a list.
 *
 * @returns 0; -EBUSY when the range is changing, or has changed since the sequence number was
 * read; what `faultIn` says about the first page that cannot be had as wanted.
 */
export function hmmRangeFault(machine: Machine, range: RangeFault): number {
  const { firstIndex, list, mm, pages, start } = range;
  const wishes = range.wishes ?? 0;
  const seen = { valid: 0, writable: 0, brought_in: 0 };
  let error = 0;
  for (let page = 0; page < pages && error === 0; page++) {
    if (isStale(range)) error = -ERRNO.EBUSY;
    else {
      const index = firstIndex + page;
      const virt = start + page * PAGE_SIZE_BYTES;
      const wanted = range.wanted | (list.flags(index) & wishes);
      error = bringIn(mm, virt, wanted, seen);
      if (error === 0) readPage(mm, virt, list, index, seen);
    }
  }
  const { events } = machine;
  if (events.tick(FAULT_EVENT)) {
    const result = error === 0 ? "OK" : errnoName(error);
    events.emit(FAULT_EVENT, {
      virt: start,
      size_bytes: pages * PAGE_SIZE_BYTES,
      ...seen,
      result,
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

function isStale({ mm, notifier, pages, sequence, start }: RangeFault): boolean {
  if (notifier === null) return false;
  const end = start + pages * PAGE_SIZE_BYTES as VirtAddr;
  return notifier.readRetry(sequence) || mm.notifiers.isChanging(start, end);
}

/** Makes a page what it is wanted as; 0 where it is that already, or where nothing is wanted. */
function bringIn(
  mm: AddressSpace,
  virt: number,
  wanted: number,
  seen: { brought_in: number },
): number {
  if ((wanted & VALID) === 0) return 0;
  const write = (wanted & WRITE) !== 0;
  const page = mm.pageAt(virt);
  if (page !== null && !page.frame.broken && (!write || page.writable)) return 0;
  const error = mm.faultIn(virt, write);
  if (error === 0) seen.brought_in++;
  return error;
}

function readPage(
  mm: AddressSpace,
  virt: number,
  list: HmmPfnList,
  index: number,
  seen: { valid: number; writable: number },
): void {
  const page = mm.pageAt(virt);
  if (page === null) {
    list.replace(index, 0, 0, 0);
    return;
  }
  if (page.frame.broken) {
    list.replace(index, ERROR, 0, 0);
    return;
  }
  seen.valid++;
  if (page.writable) seen.writable++;
  const flags = page.writable ? VALID + WRITE : VALID;
  list.replace(index, flags, page.order, page.phys / PAGE_SIZE_BYTES);
}
