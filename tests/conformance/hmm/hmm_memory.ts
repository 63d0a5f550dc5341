/** The memory of a process under a page-wise map, and its changes in tests/golden/hmm. */
import {
  type AddressSpace,
  type AreaKind,
  type ChangedRange,
  type FrameSource,
  HUGE_ORDER,
  type NotifierEvent,
  PAGE_SIZE_BYTES,
  type PhysAddr,
  type VirtAddr,
} from "@dmalab/runtime";

/** Start of the memory. Huge pages fit at this address, and nothing else is in its gigabyte. */
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

/** The kernel's number of each event that a callback gets. */
const EVENT_NUMBERS: Readonly<Record<NotifierEvent, number>> = {
  unmap: 0,
  clear: 1,
  protect_area: 2,
  protect_page: 3,
};

/** Adds an area as an operation maps it. @returns False for an operation that maps nothing. */
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

/** Changes memory as an operation says; null for an unknown operation. */
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

/**
 * The kernel's number of the event that changed a range. Every change of an address space has an
 * event.
 */
export function eventNumber({ event }: ChangedRange): number {
  return event === undefined ? NaN : EVENT_NUMBERS[event];
}

/** First frame number of the model, above all frame numbers of recorded machines. */
const FIRST_OWN_PFN = 2 ** 36;
/**
 * Frame of the zero page, which all processes of one machine share. `HUGE_ZERO_PFN` is the first
 * frame of the huge zero page.
 */
const ZERO_PFN = FIRST_OWN_PFN;
const HUGE_ZERO_PFN = FIRST_OWN_PFN + 512;
const FIRST_TAKEN_PFN = FIRST_OWN_PFN + 1024;

/**
 * The known frames of one machine, by their numbers in the model and in the record.
 *
 * A kernel may give a page any frame. But two pages never share a frame, a page keeps its frame,
 * and all pages that were only read share the zero page. A frame of the model keeps the model's
 * number until the record shows the entry that contains the frame.
 *
 * This class is the page allocator of the machine's processes. Pages have no contents.
 */
export class GivenFrames implements FrameSource {
  readonly #recorded = new Map<number, number>();
  readonly #own = new Map<number, number>();
  #next = FIRST_TAKEN_PFN;

  /**
   * Whether a number is the model's own number of a frame, because the record has not shown a
   * number for the frame yet.
   */
  isOwn(pfn: number): boolean {
    return pfn >= FIRST_OWN_PFN;
  }

  /**
   * The recorded number of a frame. If it is not known yet, `shown` becomes the recorded number.
   * @param shown The number that the record has at the place where the model has this frame.
   * @returns Null if the number is not known, and `shown` is null or belongs to another frame.
   */
  recorded(pfn: number, shown: number | null): number | null {
    const known = this.#recorded.get(pfn);
    if (known !== undefined) return known;
    if (shown === null || this.#own.has(shown)) return null;
    this.#recorded.set(pfn, shown);
    this.#own.set(shown, pfn);
    return shown;
  }

  take(order: number): PhysAddr {
    const pages = 2 ** order;
    const first = Math.ceil(this.#next / pages) * pages;
    this.#next = first + pages;
    return physOf(first);
  }

  zero(order: number): PhysAddr {
    return physOf(order === 0 ? ZERO_PFN : HUGE_ZERO_PFN);
  }

  give(phys: PhysAddr, order: number): void {
    const first = phys / PAGE_SIZE_BYTES;
    for (let pfn = first; pfn < first + 2 ** order; pfn++) {
      const shown = this.#recorded.get(pfn);
      if (shown !== undefined) this.#own.delete(shown);
    }
  }

  copy(): void {}

  save(): null {
    return null;
  }

  restore(): void {}
}

function physOf(pfn: number): PhysAddr {
  return pfn * PAGE_SIZE_BYTES as PhysAddr;
}
