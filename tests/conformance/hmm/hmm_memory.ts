/** The memory of a process under a page-wise map, and what tests/golden/hmm does to it. */
import {
  type Access,
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

const ACCESS: Readonly<Record<string, Access>> = {
  mprotect_none: "none",
  mprotect_read: "read",
  mprotect_write: "write",
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
  const access = ACCESS[what];
  if (access !== undefined) return mm.protect(start, end, access);
  switch (what) {
    case "read":
    case "write":
      return touch(mm, start, end, what === "write");
    case "dontneed":
      return mm.discard(start, end, true);
    case "free":
      return mm.free(start, end);
    case "cold":
      return 0;
    case "pageout":
      return mm.pageOut(start, end);
    case "remove":
      return mm.punchHole(start, end);
    case "munmap":
      return mm.unmap(start, end);
    case "mremap_away":
      return Math.min(mm.remap(start, end), 0);
    case "fork_exit":
      return mm.fork();
    default:
      return null;
  }
}

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
