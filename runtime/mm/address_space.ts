/**
 * The address space of a process, as far as devices are concerned: its pages, its write permissions,
 * and the notifiers that run before a page is removed.
 *
 * A page has 4 KiB, or consists of 2^order contiguous pages of 4 KiB. Nothing in this file depends
 * on devices.
 *
 * @see rules/hmm-rdma-vfio.md 1.5, chapter 5
 */
import {
  alignDown,
  alignUp,
  type Bytes,
  MIB,
  PAGE_SIZE_BYTES,
  type PhysAddr,
  type VirtAddr,
} from "../address.ts";
import { ERRNO, invariant } from "../errno.ts";
import { type EventFields, eventId } from "../event_vocabulary.ts";
import type { Machine } from "../machine.ts";
import { type ChangedRange, IntervalNotifiers, type NotifierEvent } from "./interval_notifier.ts";
import { type FrameSource, MachineFrames, PageFrame } from "./page_frame.ts";
import {
  type Access,
  type AreaKind,
  filePageOf,
  type FilePages,
  type MemoryArea,
  ProcessAreas,
} from "./process_areas.ts";
import { ProcessFaults } from "./process_faults.ts";
import { LockedPages } from "./locked_pages.ts";
import type { PinAccess, PinnedKind, PinnedRun } from "./pinned_run.ts";
import { HUGE_ORDER, type MappedPage, pageOf, ProcessPages } from "./process_pages.ts";

const INVALIDATE = eventId("hmm.invalidate");

/** Units of work that faulting a page in or writing it out costs. */
const FAULT_UNITS = 128;

/** Start of the addresses for areas without a requested address. */
const FIRST_FREE = 0x7f00_0000_0000;
const HUGE_BYTES = PAGE_SIZE_BYTES * 2 ** HUGE_ORDER;

/** The reason for which a part of an address space changes. */
export type ChangeReason = EventFields<"hmm.invalidate">["reason"];

export interface AreaRequest {
  /** Start address, a multiple of a page; chosen automatically when omitted. */
  readonly start?: VirtAddr | null;
  readonly sizeBytes: Bytes;
  readonly writable: boolean;
  readonly order: number;
  /** Kind of the area; default: anonymous. */
  readonly kind?: AreaKind;
  /**
   * Pages that are present from the start, one address for each 4 KiB: shared memory, or a peer's
   * memory.
   */
  readonly pages?: readonly PhysAddr[] | null;
}

/** What a process may lock. */
export interface LockLimits {
  /** The soft limit `RLIMIT_MEMLOCK`. */
  readonly memlockBytes: Bytes;
  /** The process has `CAP_IPC_LOCK`: then no limit counts. */
  readonly maySurpassLimit: boolean;
}

/** The limit of a process that sets none: 8 MiB, as Linux has it since 5.16. */
export const USUAL_LOCK_LIMITS: LockLimits = { memlockBytes: 8 * MIB, maySurpassLimit: false };

/** A file that a process has open. */
export interface OpenFile {
  /** Called when the process ends, after its memory is gone. */
  close(): void;
}

/** A change of an address range, with the event that reports it. */
interface Change {
  readonly start: number;
  readonly end: number;
  readonly event: NotifierEvent;
  readonly reason: ChangeReason;
  readonly blockable?: boolean;
}

export class AddressSpace {
  readonly notifiers = new IntervalNotifiers();
  /** False once the process has ended. */
  alive = true;
  /** Pages that count as locked (`VmLck`). */
  lockedPages = 0;
  memlockBytes: Bytes;
  readonly maySurpassLimit: boolean;
  /** Files with work to do when the process ends. */
  readonly openFiles = new Set<OpenFile>();
  /** Pages that `mlock` holds. */
  readonly locks: LockedPages = new LockedPages(this);
  readonly #machine: Machine;
  readonly #pages: ProcessPages;
  readonly #areas = new ProcessAreas();
  readonly #faults: ProcessFaults;
  #nextFree = FIRST_FREE;

  /** @param frames Allocator of the process's pages; default: the machine's own memory. */
  constructor(
    machine: Machine,
    frames: FrameSource = new MachineFrames(machine),
    { maySurpassLimit, memlockBytes }: LockLimits = USUAL_LOCK_LIMITS,
  ) {
    this.#machine = machine;
    this.memlockBytes = memlockBytes;
    this.maySurpassLimit = maySurpassLimit;
    this.#pages = new ProcessPages(frames);
    this.#faults = new ProcessFaults(this.#pages, (start, end, change) => {
      const reason = "copy_on_write";
      return this.#change({ start, end, event: "clear", reason }, change);
    });
  }

  /** The areas, in the order of their addresses. */
  get areas(): readonly MemoryArea[] {
    return this.#areas.all;
  }

  /** Number of present pages of 4 KiB. */
  get presentPages(): number {
    return this.#pages.count;
  }

  /** Number of pinned frames, mapped or not. */
  get pinnedFrames(): number {
    return this.#pages.pinnedFrames;
  }

  areaAt(virt: number): MemoryArea | null {
    return this.#areas.at(virt);
  }

  /** Start of the next area after an address; infinite without one. */
  nextAreaStart(virt: number): number {
    return this.#areas.nextStart(virt);
  }

  /** True if the 2 MiB around an address have a table of small pages or a huge page. */
  hasTable(virt: number): boolean {
    return !this.#pages.canBeHuge(pageOf(virt));
  }

  /** The page behind an address, or null while it is missing. */
  pageAt(virt: number): MappedPage | null {
    return this.#pages.get(pageOf(virt));
  }

  /** Whether a present page between two addresses passes a test of its memory. */
  hasPage(start: VirtAddr, end: VirtAddr, test: (phys: PhysAddr) => boolean): boolean {
    let found = false;
    this.#pages.forEach(pageOf(start), pageOf(end), (_page, { phys }) => {
      found ||= test(phys);
    });
    return found;
  }

  /** The page that contains a page frame, if some address maps it; else null. */
  frameOf(pfn: number): PageFrame | null {
    return this.#pages.frameOf(pfn);
  }

  /**
   * Adds an area.
   * @returns Its start, or -EEXIST where an area exists already.
   */
  map(request: AreaRequest): VirtAddr | number {
    const sizeBytes = alignUp(request.sizeBytes, PAGE_SIZE_BYTES * 2 ** request.order);
    const start = request.start ?? this.#nextFree as VirtAddr;
    const end = start + sizeBytes as VirtAddr;
    if (this.#areas.between(start, end).length > 0) return -ERRNO.EEXIST;
    const { kind = "anonymous", order, pages, writable } = request;
    this.#areas.add({
      start,
      end,
      access: writable ? "write" : "read",
      order,
      kind,
      file: kind === "anonymous" || kind === "bar" ? null : new Map(),
      fileShiftPages: 0,
      ownsPages: false,
    });
    this.#nextFree = Math.max(this.#nextFree, alignUp(end, HUGE_BYTES));
    invariant(kind !== "bar" || pages?.length === sizeBytes / PAGE_SIZE_BYTES, "A BAR has a hole");
    for (const [index, phys] of (pages ?? []).entries()) {
      const frame = new PageFrame(phys, 0, "lent");
      this.#pages.put(pageOf(start) + index, frame, phys, writable, 0);
    }
    return start;
  }

  /** Unmaps the addresses between two addresses, and frees the pages there. */
  unmap(start: VirtAddr, end: VirtAddr): number {
    this.#cut(start, end);
    const change = { ...this.#covered(start, end), event: "unmap", reason: "unmap" } as const;
    this.locks.forget(start, end);
    return this.#change(change, () => this.#end(start, end));
  }

  /**
   * Drops pages but keeps the area. The next access faults new pages in, or the pages of the file.
   * @returns 0; -EAGAIN when a notifier refused; -EINVAL at the first page that `mlock` holds or that is
   *   a device's (rules/hmm-rdma-vfio.md 7.17, 7.30).
   */
  discard(start: VirtAddr, end: VirtAddr, blockable: boolean): number {
    const bar = this.#areas.between(start, end).find(({ kind }) => kind === "bar");
    const locked = Math.min(
      this.locks.firstIn(pageOf(start), pageOf(end)) * PAGE_SIZE_BYTES,
      bar === undefined ? Infinity : Math.max(bar.start, start),
    );
    const change = { start, end: locked, event: "clear", reason: "discard", blockable } as const;
    const error = this.#eachArea(change, (part) => {
      this.#splitEnds(part.start, part.end, "discard");
      this.#pages.removeAll(pageOf(part.start), pageOf(part.end));
    });
    return error === 0 && locked < end ? -ERRNO.EINVAL : error;
  }

  /**
   * Marks the contents as no longer needed (MADV_FREE). The contents stay until memory is short or
   * the process writes there, but the notifiers run at once.
   */
  free(start: VirtAddr, end: VirtAddr): number {
    return this.#eachArea({ start, end, event: "clear", reason: "free" }, (part) => {
      this.#splitEnds(part.start, part.end, "free");
      this.#pages.forEach(pageOf(part.start), pageOf(part.end), (_page, { frame }) => {
        if (frame.owner === "process") frame.lazyFree = true;
      });
    });
  }

  /**
   * Punches a hole in a file or in shared memory: the pages in the hole are dropped for all
   * processes.
   */
  punchHole(start: VirtAddr, end: VirtAddr): number {
    return this.#eachArea({ start, end, event: "clear", reason: "discard" }, (part, area) => {
      const [first, last] = [pageOf(part.start), pageOf(part.end)];
      const { file } = area;
      if (file !== null) this.#dropFile(file, filePageOf(area, first), filePageOf(area, last));
      this.#pages.removeAll(first, last);
    });
  }

  /** Writes pages out, one after the other; the next access reads them in again. */
  pageOut(start: VirtAddr, end: VirtAddr): number {
    const pages: number[] = [];
    this.#pages.forEach(pageOf(start), pageOf(end), (page, { frame }) => {
      const stays = this.#pages.isPinned(frame) || this.locks.has(page);
      if (frame.owner === "process" && !stays) pages.push(page);
    });
    for (const page of pages) {
      this.#machine.budget.work(FAULT_UNITS);
      const at = page * PAGE_SIZE_BYTES;
      this.#splitEnds(at, at + PAGE_SIZE_BYTES, "pageout");
      const change = { ...spanOf(page), event: "clear", reason: "pageout" } as const;
      const error = this.#change(change, () => {
        if (this.#pages.get(page)!.frame.lazyFree) this.#pages.remove(page);
        else this.#pages.swapOut(page);
      });
      if (error !== 0) return error;
    }
    return 0;
  }

  /**
   * Sets the process's permissions between two addresses. Areas that have these permissions already
   * are not affected.
   */
  protect(start: VirtAddr, end: VirtAddr, access: Access): number {
    for (const area of this.#areas.between(start, end)) {
      if (area.access === access) continue;
      const from = Math.max(area.start, start) as VirtAddr;
      const to = Math.min(area.end, end) as VirtAddr;
      this.#cut(from, to);
      const part = this.#areas.at(from)!;
      this.#areas.replace(part, { ...part, access });
      if (!this.#pages.hasUpperTable(pageOf(from))) continue;
      const change = { start: from, end: to, event: "protect_area", reason: "protect" } as const;
      const error = this.#change(change, () => this.#apply(this.#areas.at(from)!));
      if (error !== 0) return error;
    }
    this.#areas.join();
    return 0;
  }

  /** Applies an area's permissions to its pages. */
  #apply({ access, end, kind, start }: MemoryArea): void {
    this.#pages.forEach(pageOf(start), pageOf(end), (_page, mapped) => {
      // A page that others may share stays read-only, so that the first write faults.
      const owner = mapped.frame.owner;
      mapped.writable = access === "write" &&
        (mapped.exclusive || kind === "shared" && owner === "file");
    });
  }

  /** Forks a child that shares all private memory and exits at once without touching it. */
  fork(): number {
    for (const { end, kind, ownsPages, start } of this.#areas.all) {
      if (kind === "shared" || !ownsPages) continue;
      const change = { start, end, event: "protect_page", reason: "fork" } as const;
      const error = this.#change(change, () => {
        this.#pages.forEach(pageOf(start), pageOf(end), (_page, mapped) => {
          // The child gets a copy of a pinned page, so that the device and the parent keep theirs.
          if (this.#pages.isPinned(mapped.frame)) return;
          mapped.writable = false;
          if (mapped.frame.owner === "process") mapped.exclusive = false;
        });
      });
      if (error !== 0) return error;
    }
    return 0;
  }

  /**
   * Moves a part of one area to other addresses, including its pages.
   * @returns The new start of the part; -EFAULT if the part is not within one area.
   */
  remap(start: VirtAddr, end: VirtAddr): VirtAddr | number {
    const area = this.#areas.at(start);
    if (area === null || area.end < end) return -ERRNO.EFAULT;
    const to = this.#nextFree as VirtAddr;
    invariant(to % HUGE_BYTES === 0, "Areas are placed across huge pages");
    this.#nextFree = alignUp(to + end - start, HUGE_BYTES);
    this.#cut(start, end);
    const change = { start, end, event: "unmap", reason: "remap" } as const;
    const moved = this.#change(change, () => {
      this.#pages.moveAll(pageOf(start), pageOf(end), pageOf(to));
    });
    if (moved !== 0) return moved;
    this.locks.move(start, end, to);
    const part = this.#areas.at(start)!;
    const gone = this.#change(change, () => this.#areas.removeBetween(start, end));
    if (gone !== 0) return gone;
    this.#areas.add({
      ...part,
      start: to,
      end: to + end - start as VirtAddr,
      // Keeps the pages' offsets in the file.
      fileShiftPages: filePageOf(part, pageOf(start)) - pageOf(to),
    });
    return to;
  }

  /**
   * Moves the page at an address to other physical memory, with its contents, as compaction does.
   * @returns 0; -ENOENT if there is no page that could move; -EBUSY for a pinned page; -ENOMEM if
   *   there is no memory to which the page could move.
   */
  migrate(virt: VirtAddr): number {
    const page = this.pageAt(virt);
    if (page === null || page.frame.owner === "zero") return -ERRNO.ENOENT;
    const { frame, order } = page;
    if (this.#pages.isPinned(frame)) return -ERRNO.EBUSY;
    const sizeBytes = PAGE_SIZE_BYTES * 2 ** order;
    const start = alignDown(virt, sizeBytes);
    // Other users of the file must find the page at its new place.
    const area = this.areaAt(virt)!;
    const file = frame.cached ? area.file : null;
    const filePage = filePageOf(area, pageOf(start));
    const isInFile = file?.get(filePage) === frame;
    const moved = isInFile ? this.#pages.newSharedFrame() : this.#pages.newFrame(order, false);
    if (moved === null) return -ERRNO.ENOMEM;
    const change = { start, end: start + sizeBytes, event: "clear", reason: "migrate" } as const;
    return this.#change(change, () => {
      moved.dirty = frame.dirty;
      if (isInFile) {
        file!.set(filePage, moved);
        moved.cached = true;
        frame.cached = false;
      }
      for (let index = 0; index < 2 ** order; index++) {
        const number = pageOf(start) + index;
        const old = this.#pages.get(number)!;
        const to = moved.phys + index * PAGE_SIZE_BYTES as PhysAddr;
        this.#pages.copy(old.phys, to);
        this.#pages.remove(number);
        this.#pages.put(number, moved, to, old.writable, order);
      }
    });
  }

  /** The process exits: all of its memory is freed. */
  exit(): void {
    if (!this.alive) return;
    const [first] = this.areas;
    const last = this.areas.at(-1);
    if (first !== undefined && last !== undefined) {
      const { start } = first;
      const { end } = last;
      this.#change({ start, end, event: "unmap", reason: "exit" }, () => this.#end(start, end));
    }
    this.#areas.clear();
    this.locks.forget(0, Number.MAX_SAFE_INTEGER);
    this.alive = false;
    for (const file of [...this.openFiles]) file.close();
  }

  /** Faults pages in up to the first that cannot be pinned. */
  faultInToPin(virtPage: number, pages: number, access: PinAccess): void {
    for (let page = virtPage; page < virtPage + pages;) {
      const found = this.#pinnable(page, access);
      if (typeof found === "string") return;
      page += pagesLeft(page, found);
    }
  }

  /**
   * Pins the first pages from a page on that are alike and contiguous in memory; missing pages are
   * faulted in. For a page that cannot be pinned, the result says why.
   * @param pages Limit of the pages, 1 or more.
   */
  pin(virtPage: number, pages: number, access: PinAccess): PinnedRun {
    const first = this.#pinnable(virtPage, access);
    if (typeof first === "string") return { kind: first, pages: 1 };
    const { phys } = first;
    const kind = this.#kindOf(first);
    let count = Math.min(pages, pagesLeft(virtPage, first));
    while (count < pages) {
      const next = this.#pinnable(virtPage + count, access);
      if (typeof next === "string" || next.phys !== phys + count * PAGE_SIZE_BYTES) break;
      if (this.#kindOf(next) !== kind) break;
      count += Math.min(pages - count, pagesLeft(virtPage + count, next));
    }
    this.#pages.pin(phys, count);
    return { kind, pages: count, phys };
  }

  /** Undoes a call of `pin`. @param isWritten A device may have written the pages. */
  unpin({ pages, phys }: PinnedRun, isWritten: boolean): void {
    invariant(phys !== undefined, "Pages are unpinned that were not pinned");
    this.#pages.unpin(phys, pages, isWritten);
  }

  /** The page, present and ready to be pinned; or why it cannot be. */
  #pinnable(page: number, { takesZeroPage, writable }: PinAccess): MappedPage | PinnedKind {
    const virt = page * PAGE_SIZE_BYTES;
    let error = this.faultIn(virt, writable);
    if (error === 0 && !writable && !takesZeroPage) {
      error = this.#faults.unshare(this.areaAt(virt)!, page);
    }
    if (error === 0) return this.#pages.get(page)!;
    return error === -ERRNO.ENOMEM ? "no_memory" : "fault";
  }

  #kindOf({ frame: { owner }, phys }: MappedPage): PinnedKind {
    const isCounted = owner !== "zero" && this.#machine.memory.kindAt(phys) !== "mmio";
    return isCounted ? "counted" : "reserved";
  }

  /** Begins a change manually: the page table changes later. False when a notifier refused. */
  beginChange(range: ChangedRange, reason: ChangeReason): boolean {
    const { events } = this.#machine;
    if (events.tick(INVALIDATE)) {
      const { end, start } = range;
      events.emit(INVALIDATE, { virt: start, size_bytes: end - start, reason });
    }
    return this.notifiers.begin(range);
  }

  /**
   * Faults a page in, or makes a present page writable.
   *
   * @param write The page must be writable afterwards.
   * @returns 0; -EFAULT if the process has no memory there or the page is broken; -EPERM for a
   *   write to memory that the process may only read; -ENOMEM.
   */
  faultIn(virt: number, write: boolean): number {
    this.#machine.budget.work(FAULT_UNITS);
    const area = this.alive ? this.areaAt(virt) : null;
    if (area === null || area.access === "none") return -ERRNO.EFAULT;
    if (write && area.access !== "write") return -ERRNO.EPERM;
    return this.#faults.handle(area, pageOf(virt), write);
  }

  /** Removes pages and areas between two addresses, and drops files that no area maps any more. */
  #end(start: VirtAddr, end: VirtAddr): void {
    this.#pages.removeAll(pageOf(start), pageOf(end));
    invariant(start <= end, "An area ends before it starts");
    const gone = this.#areas.between(start, end);
    this.#areas.removeBetween(start, end);
    for (const { file } of gone) {
      if (file === null || this.#areas.all.some((area) => area.file === file)) continue;
      this.#dropFile(file, 0, Infinity);
    }
  }

  #dropFile(file: FilePages, first: number, end: number): void {
    for (const [page, frame] of file) {
      if (page < first || page >= end) continue;
      file.delete(page);
      frame.cached = false;
      this.#pages.release(frame);
    }
  }

  /** The part of a range from the first to the last address that an area covers. */
  #covered(start: VirtAddr, end: VirtAddr): { start: number; end: number } {
    const areas = this.#areas.between(start, end);
    const last = areas.at(-1);
    if (last === undefined) return { start, end: start };
    return { start: Math.max(start, areas[0]!.start), end: Math.min(end, last.end) };
  }

  /** Splits areas at two addresses. A huge page that may lie across one of them is split first. */
  #cut(start: VirtAddr, end: VirtAddr): void {
    for (const edge of [start, end]) {
      const area = this.#areas.cutAt(edge);
      const first = alignDown(edge, HUGE_BYTES);
      if (area === null || first === edge) continue;
      const whole = first >= area.start && first + HUGE_BYTES <= area.end;
      if (whole && this.#pages.hasUpperTable(pageOf(edge))) this.#clearHuge(edge, "split");
      this.#pages.split(pageOf(edge));
    }
  }

  /** Splits each huge page that extends across one of the two addresses. It becomes small pages. */
  #splitEnds(start: number, end: number, reason: ChangeReason): void {
    for (const edge of [start, end]) {
      if (edge % HUGE_BYTES === 0 || !this.#pages.isHuge(pageOf(edge))) continue;
      this.#clearHuge(edge, reason);
      this.#pages.split(pageOf(edge));
    }
  }

  /**
   * Runs the notifiers for the 2 MiB around an address. Called when their kind of mapping changes.
   */
  #clearHuge(virt: number, reason: ChangeReason): void {
    const start = alignDown(virt, HUGE_BYTES);
    this.#change({ start, end: start + HUGE_BYTES, event: "clear", reason }, () => {});
  }

  /** Calls a function for the part of each area between two addresses. */
  #eachArea(change: Change, act: (part: Change, area: MemoryArea) => void): number {
    for (const area of this.#areas.between(change.start, change.end)) {
      const start = Math.max(area.start, change.start);
      const end = Math.min(area.end, change.end);
      const part = { ...change, start, end };
      const error = this.#change(part, () => act(part, area));
      if (error !== 0) return error;
    }
    return 0;
  }

  /** Changes the page table between the start and the end notification. */
  #change({ blockable = true, event, reason, ...range }: Change, change: () => void): number {
    const start = range.start as VirtAddr;
    const end = range.end as VirtAddr;
    // A manually begun change is also ended manually.
    if (start === end || this.notifiers.coversByHand(start, end)) {
      change();
      return 0;
    }
    if (!this.beginChange({ start, end, blockable, event }, reason)) return -ERRNO.EAGAIN;
    change();
    this.notifiers.end(start, end);
    return 0;
  }
}

/** The addresses of one page. */
function spanOf(page: number): { readonly start: number; readonly end: number } {
  return { start: page * PAGE_SIZE_BYTES, end: (page + 1) * PAGE_SIZE_BYTES };
}

/** Pages of a mapping from a page to the mapping's end. */
function pagesLeft(page: number, { order }: MappedPage): number {
  const pages = 1 << order;
  return pages - (page & (pages - 1));
}
