/** The memory of a process under a page-wise map, and what tests/golden/hmm does to it. */
import {
  type AddressSpace,
  type AreaKind,
  type ChangedRange,
  HUGE_ORDER,
  type NotifierEvent,
} from "@dmalab/runtime/mm";
import { PAGE_SIZE_BYTES, type VirtAddr } from "@dmalab/runtime";

/** Where the memory begins. Huge pages fit there, and nothing else is in that gigabyte. */
export const MEMORY_START = 0x7000_0000_0000 as VirtAddr;

interface Mapping {
  readonly kind: AreaKind;
  readonly huge: boolean;
  readonly writable: boolean;
}

const PLAIN: Mapping = { kind: "anonymous", huge: false, writable: true };

const MAPPINGS: Readonly<Record<string, Mapping>> = {
  mmap_anon_small: PLAIN,
  mmap_anon_huge: { ...PLAIN, huge: true },
  mmap_anon_shared: { ...PLAIN, kind: "shared" },
  mmap_file_shared: { ...PLAIN, kind: "shared" },
  mmap_file_private: { ...PLAIN, kind: "private_file" },
  mmap_file_private_ro: { ...PLAIN, kind: "private_file", writable: false },
};

/** The kernel's number for the event that a callback gets. */
const EVENT_NUMBERS: Readonly<Record<NotifierEvent, number>> = {
  unmap: 0,
  clear: 1,
  protect_area: 2,
  protect_page: 3,
};

/** Adds an area as an operation maps it. False for one that maps nothing. */
export function mapMemory(mm: AddressSpace, start: VirtAddr, what: string, pages: number): boolean {
  const mapping = MAPPINGS[what];
  if (mapping === undefined) return false;
  mm.map({
    start,
    sizeBytes: pages * PAGE_SIZE_BYTES,
    writable: mapping.writable,
    order: mapping.huge ? HUGE_ORDER : 0,
    kind: mapping.kind,
  });
  return true;
}

/** Does to memory what an operation says; null for one that is not known. */
export function changeMemory(
  mm: AddressSpace,
  what: string,
  start: VirtAddr,
  end: VirtAddr,
): number | null {
  return Object.hasOwn(CHANGES, what) ? CHANGES[what]!(mm, start, end) : null;
}

const CHANGES: Readonly<
  Record<string, (mm: AddressSpace, start: VirtAddr, end: VirtAddr) => number>
> = {
  mprotect_none: (mm, start, end) => mm.protect(start, end, "none"),
  mprotect_read: (mm, start, end) => mm.protect(start, end, "read"),
  mprotect_write: (mm, start, end) => mm.protect(start, end, "write"),
  read: (mm, start, end) => touch(mm, start, end, false),
  write: (mm, start, end) => touch(mm, start, end, true),
  dontneed: (mm, start, end) => mm.discard(start, end, true),
  free: (mm, start, end) => mm.free(start, end),
  cold: () => 0,
  pageout: (mm, start, end) => mm.pageOut(start, end),
  remove: (mm, start, end) => mm.punchHole(start, end),
  munmap: (mm, start, end) => mm.unmap(start, end),
  mremap_away: (mm, start, end) => Math.min(mm.remap(start, end), 0),
  fork_exit: (mm) => mm.fork(),
};

function touch(mm: AddressSpace, start: VirtAddr, end: VirtAddr, write: boolean): number {
  for (let at = start as number; at < end; at += PAGE_SIZE_BYTES) {
    const error = mm.faultIn(at, write);
    if (error !== 0) return error;
  }
  return 0;
}

/** The event of a changed range, which every change of an address space has. */
export function eventNumber({ event }: ChangedRange): number {
  return event === undefined ? NaN : EVENT_NUMBERS[event];
}
