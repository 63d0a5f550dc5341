/**
 * The address space of a process, as far as devices are concerned: which pages it has, which of them
 * it may write, and who is told before one of them goes away.
 *
 * Pages of 4 KiB, or of 2^order of them side by side. Nothing here knows of devices.
 *
 * @see behaviour/hmm-rdma-vfio.md 1.5
 */
import {
  alignDown,
  alignUp,
  type Bytes,
  PAGE_SIZE_BYTES,
  type PhysAddr,
  type VirtAddr,
} from "../address.ts";
import { ERRNO } from "../errno.ts";
import { type EventFields, eventId } from "../event_vocabulary.ts";
import { FAULT } from "../faults.ts";
import type { Machine } from "../machine.ts";
import { type ChangedRange, IntervalNotifiers } from "./interval_notifier.ts";

const INVALIDATE = eventId("hmm.invalidate");

/** The order of a huge page: 512 pages of 4 KiB. */
export const HUGE_ORDER = 9;
/** Where areas lie that nobody gave an address. */
const FIRST_FREE = 0x7f00_0000_0000;
const AREA_ALIGN_BYTES = PAGE_SIZE_BYTES * 2 ** HUGE_ORDER;

/** Why a part of an address space changes. */
export type ChangeReason = EventFields<"hmm.invalidate">["reason"];

/** Memory behind some addresses: one page of 2^order × 4 KiB. */
class PageFrame {
  /** A device has written it, or may have. */
  dirty = false;
  /** The memory is broken: whoever touches it is killed. */
  broken = false;
  /** How many pages of 4 KiB of address spaces it is behind. */
  mapped = 0;

  constructor(
    readonly phys: PhysAddr,
    readonly order: number,
    /** The process took it, and gives it back. */
    readonly owned: boolean,
  ) {}
}

/** What 4 KiB of the address space lead to. */
export interface MappedPage {
  readonly frame: PageFrame;
  readonly phys: PhysAddr;
  writable: boolean;
  /** The CPU maps 2^order pages at once here; less than the frame's where the mapping was split. */
  order: number;
}

/** Addresses that the process may use. */
export interface Area {
  readonly start: VirtAddr;
  /** The first address behind it. */
  readonly end: VirtAddr;
  writable: boolean;
  /** Pages are brought in by 2^order at once. */
  readonly order: number;
}

export interface AreaRequest {
  /** Where it begins; chosen when left out. A multiple of a page. */
  readonly start?: VirtAddr | null;
  readonly sizeBytes: Bytes;
  readonly writable: boolean;
  readonly order: number;
  /** Pages to be there from the beginning, one address for 4 KiB: shared memory, or a peer's. */
  readonly pages?: readonly PhysAddr[] | null;
}

export class AddressSpace {
  readonly notifiers = new IntervalNotifiers();
  /** False once the process is gone. */
  alive = true;
  readonly #machine: Machine;
  readonly #pages = new Map<number, MappedPage>();
  /** By the number of each of their page frames. */
  readonly #frames = new Map<number, PageFrame>();
  #areas: Area[] = [];
  #nextFree = FIRST_FREE;

  constructor(machine: Machine) {
    this.#machine = machine;
  }

  /** In the order of their addresses. */
  get areas(): readonly Area[] {
    return this.#areas;
  }

  /** Pages of 4 KiB that are there. */
  get presentPages(): number {
    return this.#pages.size;
  }

  /** The area that holds an address, or null. */
  areaAt(virt: number): Area | null {
    return this.#areas.find(({ end, start }) => virt >= start && virt < end) ?? null;
  }

  /** The page behind an address, or null while there is none. */
  pageAt(virt: number): MappedPage | null {
    return this.#pages.get(Math.floor(virt / PAGE_SIZE_BYTES)) ?? null;
  }

  /** The page that a page frame is part of, where some address leads to it; else null. */
  frameOf(pfn: number): PageFrame | null {
    return this.#frames.get(pfn) ?? null;
  }

  /**
   * Adds an area.
   * @returns Where it begins, or -EEXIST where something is already.
   */
  map(request: AreaRequest): VirtAddr | number {
    const sizeBytes = alignUp(request.sizeBytes, PAGE_SIZE_BYTES * 2 ** request.order);
    const start = request.start ?? this.#nextFree as VirtAddr;
    const end = start + sizeBytes as VirtAddr;
    if (this.#areas.some((area) => area.start < end && area.end > start)) return -ERRNO.EEXIST;
    this.#areas.push({ start, end, writable: request.writable, order: request.order });
    this.#areas.sort((a, b) => a.start - b.start);
    this.#nextFree = Math.max(this.#nextFree, alignUp(end, AREA_ALIGN_BYTES));
    for (const [index, phys] of (request.pages ?? []).entries()) {
      const frame = new PageFrame(phys, 0, false);
      this.#put(start / PAGE_SIZE_BYTES + index, frame, phys, request.writable, 0);
    }
    return start;
  }

  /** Ends the part of areas between two addresses; pages there go. */
  unmap(start: VirtAddr, end: VirtAddr): number {
    return this.#change(start, end, "unmap", true, () => {
      this.#drop(start, end);
      this.#areas = this.#areas.flatMap((area) => {
        if (area.start >= end || area.end <= start) return [area];
        return [
          ...area.start < start ? [{ ...area, end: start }] : [],
          ...area.end > end ? [{ ...area, start: end }] : [],
        ];
      });
    });
  }

  /** Pages go, the area stays: the next access brings new ones. */
  discard(start: VirtAddr, end: VirtAddr, blockable: boolean): number {
    return this.#change(start, end, "discard", blockable, () => this.#drop(start, end));
  }

  /** Says whether the process may write there. */
  protect(start: VirtAddr, end: VirtAddr, writable: boolean): number {
    return this.#change(start, end, "protect", true, () => {
      this.#areas = this.#areas.flatMap((area) => {
        if (area.start >= end || area.end <= start) return [area];
        const from = Math.max(area.start, start) as VirtAddr;
        const to = Math.min(area.end, end) as VirtAddr;
        return [
          ...area.start < from ? [{ ...area, end: from }] : [],
          { ...area, start: from, end: to, writable },
          ...area.end > to ? [{ ...area, start: to }] : [],
        ];
      });
      // What may be written again is written to first, and faults: pages are never upgraded here.
      this.#split(start, end);
      if (writable) return;
      for (const [pageNumber, page] of this.#pages) {
        const at = pageNumber * PAGE_SIZE_BYTES;
        if (at >= start && at < end) page.writable = false;
      }
    });
  }

  /**
   * Moves the page at an address to other memory, contents and all, as compaction does.
   * @returns 0, -ENOENT where no page is, -ENOMEM when there is no memory to move to.
   */
  migrate(virt: VirtAddr): number {
    const page = this.pageAt(virt);
    if (page === null) return -ERRNO.ENOENT;
    const { frame, order } = page;
    const sizeBytes = PAGE_SIZE_BYTES * 2 ** order;
    const start = alignDown(virt, sizeBytes) as VirtAddr;
    const moved = this.#newFrame(order);
    if (moved === null) return -ERRNO.ENOMEM;
    return this.#change(start, start + sizeBytes as VirtAddr, "migrate", true, () => {
      const bytes = new Uint8Array(PAGE_SIZE_BYTES);
      const { hostMemory } = this.#machine;
      moved.dirty = frame.dirty;
      for (let index = 0; index < 2 ** order; index++) {
        const old = this.pageAt(start + index * PAGE_SIZE_BYTES)!;
        const to = moved.phys + index * PAGE_SIZE_BYTES as PhysAddr;
        hostMemory.read(old.phys, bytes, 0, PAGE_SIZE_BYTES);
        hostMemory.write(to, bytes, 0, PAGE_SIZE_BYTES);
        this.#remove(start / PAGE_SIZE_BYTES + index);
        this.#put(start / PAGE_SIZE_BYTES + index, moved, to, old.writable, order);
      }
    });
  }

  /** The process ends: all of its memory goes. */
  exit(): void {
    if (!this.alive) return;
    const start = this.#areas[0]?.start;
    const end = this.#areas.at(-1)?.end;
    if (start !== undefined && end !== undefined) {
      this.#change(start, end, "exit", true, () => this.#drop(start, end));
    }
    this.#areas = [];
    this.alive = false;
  }

  /** Begins a change by hand: the page table changes later. False when somebody refused. */
  beginChange(range: ChangedRange, reason: ChangeReason): boolean {
    const { events } = this.#machine;
    if (events.tick(INVALIDATE)) {
      const { end, start } = range;
      events.emit(INVALIDATE, { virt: start, size_bytes: end - start, reason });
    }
    return this.notifiers.begin(range);
  }

  /**
   * Brings a page in, or lets the process write one that is there.
   *
   * @param write The page must be writable afterwards.
   * @returns 0, -EFAULT where the process has no memory or the page is broken, -EPERM for a write
   * to memory that it may only read, -ENOMEM.
   */
  faultIn(virt: number, write: boolean): number {
    const area = this.alive ? this.areaAt(virt) : null;
    if (area === null) return -ERRNO.EFAULT;
    if (write && !area.writable) return -ERRNO.EPERM;
    const page = this.pageAt(virt);
    if (page !== null) {
      if (page.frame.broken) return -ERRNO.EFAULT;
      if (write) this.#allowWrite(virt, page);
      return 0;
    }
    const sizeBytes = PAGE_SIZE_BYTES * 2 ** area.order;
    const start = alignDown(virt, sizeBytes);
    const whole = start >= area.start && start + sizeBytes <= area.end &&
      !this.#anyPage(start, sizeBytes);
    const order = whole ? area.order : 0;
    const frame = this.#newFrame(order);
    if (frame === null) return -ERRNO.ENOMEM;
    const first = order === 0 ? Math.floor(virt / PAGE_SIZE_BYTES) : start / PAGE_SIZE_BYTES;
    for (let index = 0; index < 2 ** order; index++) {
      const phys = frame.phys + index * PAGE_SIZE_BYTES as PhysAddr;
      this.#put(first + index, frame, phys, write, order);
    }
    return 0;
  }

  /** A page of one mapping may be written as one. */
  #allowWrite(virt: number, page: MappedPage): void {
    const sizeBytes = PAGE_SIZE_BYTES * 2 ** page.order;
    const start = alignDown(virt, sizeBytes);
    for (let at = start; at < start + sizeBytes; at += PAGE_SIZE_BYTES) {
      this.pageAt(at)!.writable = true;
    }
  }

  #anyPage(start: number, sizeBytes: Bytes): boolean {
    for (let at = start; at < start + sizeBytes; at += PAGE_SIZE_BYTES) {
      if (this.pageAt(at) !== null) return true;
    }
    return false;
  }

  /** A page that nobody has, all zero; null when there is none. */
  #newFrame(order: number): PageFrame | null {
    const { faults, hostMemory, pages } = this.#machine;
    if (faults !== null && faults.errnoAt(FAULT.alloc_pages) !== 0) return null;
    const taken = pages.alloc(2 ** order, { contiguous: true, orderAligned: order });
    if (taken === null) return null;
    const zeroes = new Uint8Array(PAGE_SIZE_BYTES);
    for (const phys of taken) hostMemory.write(phys, zeroes, 0, PAGE_SIZE_BYTES);
    return new PageFrame(taken[0]!, order, true);
  }

  #put(
    pageNumber: number,
    frame: PageFrame,
    phys: PhysAddr,
    writable: boolean,
    order: number,
  ): void {
    frame.mapped++;
    this.#frames.set(phys / PAGE_SIZE_BYTES, frame);
    this.#pages.set(pageNumber, { frame, phys, writable, order });
  }

  #remove(pageNumber: number): void {
    const page = this.#pages.get(pageNumber);
    if (page === undefined) return;
    this.#pages.delete(pageNumber);
    const { frame } = page;
    frame.mapped--;
    if (frame.mapped > 0) return;
    const pages = Array.from(
      { length: 2 ** frame.order },
      (_, index) => frame.phys + index * PAGE_SIZE_BYTES as PhysAddr,
    );
    for (const phys of pages) this.#frames.delete(phys / PAGE_SIZE_BYTES);
    if (frame.owned) this.#machine.pages.free(pages);
  }

  #drop(start: VirtAddr, end: VirtAddr): void {
    this.#split(start, end);
    for (const pageNumber of [...this.#pages.keys()]) {
      const virt = pageNumber * PAGE_SIZE_BYTES;
      if (virt >= start && virt < end) this.#remove(pageNumber);
    }
  }

  /** Huge mappings that reach over one of two addresses become mappings of 4 KiB. */
  #split(start: VirtAddr, end: VirtAddr): void {
    for (const edge of [start, end]) {
      const page = this.pageAt(edge);
      if (page === null || page.order === 0) continue;
      const sizeBytes = PAGE_SIZE_BYTES * 2 ** page.order;
      const first = alignDown(edge, sizeBytes);
      if (first === edge) continue;
      for (let at = first; at < first + sizeBytes; at += PAGE_SIZE_BYTES) {
        this.pageAt(at)!.order = 0;
      }
    }
  }

  /** Changes the page table between telling everybody and saying that it is over. */
  #change(
    start: VirtAddr,
    end: VirtAddr,
    reason: ChangeReason,
    blockable: boolean,
    change: () => void,
  ): number {
    // Who has begun the change by hand ends it by hand.
    if (this.notifiers.covers(start, end)) {
      change();
      return 0;
    }
    if (!this.beginChange({ start, end, blockable }, reason)) return -ERRNO.EAGAIN;
    change();
    this.notifiers.end(start, end);
    return 0;
  }
}
