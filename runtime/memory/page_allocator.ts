/**
 * The allocator of RAM pages.
 *
 * The allocation is deterministic: the lowest free pages at or above a fixed starting point;
 * without free pages there, the lowest from 1 MiB up. With 2 GiB of RAM or more, pages for scripts
 * start at 1 GiB and pages for drivers (queues, descriptor pools) at 1.5 GiB. On a smaller machine
 * they start at a half and at three quarters of its RAM below 2 GiB. Therefore the low addresses
 * that people write in scripts stay free for `buffer(segments: …)`. Pages below 1 MiB and those of
 * the bounce pool are never allocated.
 */
import {
  alignDown,
  alignUp,
  type Bytes,
  GIB,
  MIB,
  PAGE_SIZE_BYTES,
  type PhysAddr,
} from "../address.ts";
import { invariant } from "../errno.ts";
import type { MemoryRegionConfig } from "../machine_config.ts";
import { PageBitmap, type PageSpan } from "./page_bitmap.ts";
import type { PhysicalMemory } from "./physical_memory.ts";

/** Pages handed out never lie below this (docs/language/calls.md). */
const LOWEST_PAGE_PHYS = MIB as PhysAddr;
/**
 * Number of pages of the largest block (MAX_PAGE_ORDER 10): 4 MiB with pages of 4 KiB.
 * @see rules/dma.md 1.9
 */
export const MAX_BLOCK_PAGES = 1024;
/** Host memory that an address in a list of pages costs. */
const PAGE_COST_BYTES = 16;
/** Units of work that finding and allocating a block costs. */
const BLOCK_UNITS = 64;
/** Units of work that freeing a page costs. */
const FREED_UNITS = 16;
/** The starting points are fractions of the RAM below this. */
const LOW_RAM_BYTES = 2 * GIB;

/** Options of an allocation. */
export interface PageAllocation {
  /** True for adjacent pages, the default; false for pages of which no two are adjacent. */
  readonly contiguous?: boolean;
  /**
   * Order of an alignment. The first page starts at a multiple of 2^order pages; with `contiguous:
   * false`, each block of 2^order pages does. Default 0.
   */
  readonly orderAligned?: number;
  /** Name of a `region` of the machine block to stay in. */
  readonly region?: string;
  /** Lowest address of the pages, such as the start of a bus's memory. */
  readonly firstPhys?: number;
  /** Last address of the pages, such as a device's mask. */
  readonly lastPhys?: number;
  /** User of the pages, which decides where the search starts. Default `script`. */
  readonly owner?: PageOwner;
}

/** The user of pages. `driver` includes devices and the machine itself. */
export type PageOwner = "script" | "driver";

/** The allocator that pages came from, and are freed to. */
export interface PageHome {
  /** Frees pages. The list has one address for each page. */
  free(pages: readonly PhysAddr[]): void;
}

/** A run of pages in a pattern, by its distance from the pattern's first page. */
export interface PageRun {
  readonly startPage: number;
  readonly pages: number;
}

interface Scope {
  readonly spans: readonly PageSpan[];
  readonly from: number;
  readonly lowest: number;
}

/** The alignment of a block, in pages. */
function alignmentOf({ orderAligned = 0 }: PageAllocation): number {
  return 2 ** orderAligned;
}

/** An observer of pages that are allocated or freed. */
export interface PageWatcher {
  handedOver(firstPhys: PhysAddr, pages: number): void;
}

/** Allocates pages of memory. */
export class PageAllocator implements PageHome {
  /** Size of the machine's pages. */
  readonly pageSizeBytes: Bytes;
  /** Number of pages of RAM, allocated or not. */
  readonly totalPages: number;
  readonly #memory: PhysicalMemory;
  readonly #regions: readonly MemoryRegionConfig[];
  readonly #bitmap: PageBitmap;
  /** Pages that were freed and not allocated again. */
  readonly #freed = new PageBitmap([]);
  /** Pages whose user is `driver`. */
  readonly #ofDrivers = new PageBitmap([]);
  readonly #starts: { readonly script: number; readonly driver: number };
  /**
   * For each owner: no page from the owner's starting point up to this page is free. Saves repeated
   * searches through long runs.
   */
  readonly #hints: { script: number; driver: number };
  /**
   * Observes pages as they are allocated and freed; null for none.
   * @internal
   */
  watcher: PageWatcher | null = null;
  /** By order. */
  readonly #zeroPages = new Map<number, PhysAddr>();
  #zeroPagesTaken = 0;

  /** @internal */
  constructor(
    memory: PhysicalMemory,
    regions: readonly MemoryRegionConfig[] = [],
    pageSizeBytes: Bytes = PAGE_SIZE_BYTES,
  ) {
    this.pageSizeBytes = pageSizeBytes;
    this.#memory = memory;
    this.#regions = regions;
    const spans: PageSpan[] = [];
    let lowRamBytes = 0;
    for (const { basePhys, sizeBytes, type } of memory.ranges) {
      if (type !== "ram") continue;
      const start = Math.ceil(basePhys / pageSizeBytes);
      const end = Math.floor((basePhys + sizeBytes) / pageSizeBytes);
      if (start < end) spans.push({ start, end });
      lowRamBytes = Math.max(lowRamBytes, Math.min(basePhys + sizeBytes, LOW_RAM_BYTES));
    }
    this.#bitmap = new PageBitmap(spans);
    this.totalPages = spans.reduce((sum, { start, end }) => sum + end - start, 0);
    const part = (quarters: number): number =>
      alignDown(lowRamBytes / 4 * quarters, Math.max(MIB, pageSizeBytes)) / pageSizeBytes;
    this.#starts = { script: part(2), driver: part(3) };
    this.#hints = { ...this.#starts };
  }

  /** Where the search for pages of scripts starts. @internal */
  get scriptStartPhys(): PhysAddr {
    return this.#starts.script * this.pageSizeBytes as PhysAddr;
  }

  /** Bytes of all allocated pages, reserved ones included, but without the pages of `zeroPage`. */
  get takenBytes(): Bytes {
    return (this.#bitmap.takenPages - this.#zeroPagesTaken) * this.pageSizeBytes;
  }

  /**
   * A block of 2^order pages that contains only zeros and is shared by all readers. It is allocated
   * at the first call, and kept.
   * @returns Its address, or null when there is no memory for it.
   * @internal
   */
  zeroPage(order: number): PhysAddr | null {
    const known = this.#zeroPages.get(order);
    if (known !== undefined) return known;
    const pages = 2 ** order;
    const taken = this.alloc(pages, { contiguous: true, orderAligned: order, owner: "driver" });
    if (taken === null) return null;
    const [phys] = taken;
    this.#zeroPages.set(order, phys!);
    this.#zeroPagesTaken += pages;
    return phys!;
  }

  /**
   * Allocates pages.
   * @returns The address of each page, ascending as far as there is room; null when they do not
   *   fit.
   */
  alloc(pages: number, options: PageAllocation = {}): readonly PhysAddr[] | null {
    if (options.contiguous ?? true) {
      const first = this.allocPattern([{ startPage: 0, pages }], options);
      if (first === null) return null;
      this.#memory.budget.demand(PAGE_COST_BYTES * pages);
      const addresses = new Array<PhysAddr>(pages);
      this.#putRun(addresses, 0, first, pages);
      return addresses;
    }
    const block = alignmentOf(options);
    const counts: number[] = [];
    for (let rest = pages; rest > 0; rest -= block) counts.push(Math.min(rest, block));
    const starts = this.allocApart(counts, options);
    if (starts === null) return null;
    const addresses = new Array<PhysAddr>(pages);
    starts.forEach((start, index) => this.#putRun(addresses, index * block, start, counts[index]!));
    return addresses;
  }

  /**
   * Writes the addresses of contiguous pages into a list that already has its full length. A list
   * that grows would leave its smaller copies as garbage, up to three times its size.
   */
  #putRun(addresses: PhysAddr[], at: number, first: PhysAddr, pages: number): void {
    for (let page = 0; page < pages; page++) {
      addresses[at + page] = first + page * this.pageSizeBytes as PhysAddr;
    }
  }

  /**
   * Allocates runs of pages at fixed distances from one another.
   *
   * @param runs The runs in ascending order, not touching each other; the first begins at page 0.
   * @returns The address of page 0, or null when the runs fit nowhere.
   * @internal
   */
  allocPattern(
    runs: readonly PageRun[],
    options: Omit<PageAllocation, "contiguous"> = {},
  ): PhysAddr | null {
    const scope = this.#scope(options);
    const alignPages = alignmentOf(options);
    let base = this.#findPattern(runs, alignPages, scope.from, scope.spans);
    if (base < 0) base = this.#findPattern(runs, alignPages, scope.lowest, scope.spans);
    if (base < 0) return null;
    invariant(base % alignPages === 0, "Pages lie across their alignment");
    for (const { startPage, pages } of runs) {
      this.#takeSpan(base + startPage, base + startPage + pages, options);
    }
    return base * this.pageSizeBytes as PhysAddr;
  }

  /**
   * Allocates blocks of pages, no two of which touch each other.
   *
   * @param counts Number of pages of each block.
   * @returns The address of each block's first page, or null when the blocks do not fit.
   */
  allocApart(
    counts: readonly number[],
    options: Omit<PageAllocation, "contiguous"> = {},
  ): readonly PhysAddr[] | null {
    const scope = this.#scope(options);
    const alignPages = alignmentOf(options);
    const starts: number[] = [];
    let from = scope.from;
    // After the search has wrapped around to the lowest page, new blocks approach the first block
    // from below. They must not touch it.
    let barrier = Infinity;
    let wrapped = false;
    for (const pages of counts) {
      this.#memory.budget.work(BLOCK_UNITS);
      const run = [{ startPage: 0, pages }];
      let base = this.#findPattern(run, alignPages, from, scope.spans);
      if (base < 0 && !wrapped) {
        wrapped = true;
        barrier = starts[0] ?? Infinity;
        base = this.#findPattern(run, alignPages, scope.lowest, scope.spans);
      }
      if (base < 0 || base + pages >= barrier) {
        starts.forEach((start, index) => this.#giveSpan(start, start + counts[index]!));
        return null;
      }
      this.#takeSpan(base, base + pages, options);
      starts.push(base);
      from = base + pages + 1;
    }
    invariant(starts.length === counts.length, "A run of pages was left out");
    return starts.map((start) => start * this.pageSizeBytes as PhysAddr);
  }

  /**
   * Allocates single pages, one by one, while pages are free and `goesOn` returns true.
   *
   * @param into Receives the addresses of the pages. Its earlier contents are pages of the same
   *   user.
   * @param pages How many pages are wanted.
   * @param apart True if no two of the pages may be adjacent, as far as there is room.
   * @param goesOn Called before each page.
   * @internal
   */
  allocEach(into: PhysAddr[], pages: number, apart: boolean, goesOn: () => boolean): void {
    const owned = { owner: "driver" } as const;
    const { from, lowest, spans } = this.#scope(owned);
    const last = into.at(-1);
    const begin = apart && last !== undefined ? last / this.pageSizeBytes + 2 : from;
    const step = apart ? 2 : 1;
    const wanted = into.length + pages;
    invariant(pages >= 0, "A negative number of pages is asked for");
    // The first search goes up to the top. The second starts at the bottom and also leaves gaps
    // between pages. The third fills the gaps.
    for (const start of [begin, lowest, lowest]) {
      let at = start;
      while (into.length < wanted) {
        const page = this.#bitmap.nextFree(at, spans);
        if (page < 0) break;
        if (!goesOn()) return;
        this.#takeSpan(page, page + 1, owned);
        into.push(page * this.pageSizeBytes as PhysAddr);
        at = page + step;
      }
    }
  }

  /** Frees pages. Freeing a page that is not allocated is a bug in the simulator. */
  free(pages: readonly PhysAddr[]): void {
    for (const phys of pages) {
      this.#memory.budget.work(FREED_UNITS);
      const page = phys / this.pageSizeBytes;
      invariant(this.#bitmap.taken(page), `Cannot free the page at ${phys}: it is free already`);
      this.#giveSpan(page, page + 1);
    }
  }

  /** The user of the page that contains an address; null if the page is free. */
  ownerOf(phys: number): PageOwner | null {
    if (!this.inUse(phys)) return null;
    return this.#ofDrivers.taken(Math.floor(phys / this.pageSizeBytes)) ? "driver" : "script";
  }

  /** The first free page of RAM from an address on; null if there is none. */
  nextFree(phys: number): PhysAddr | null {
    const page = this.#bitmap.nextFree(Math.ceil(phys / this.pageSizeBytes), this.#bitmap.ram);
    return page < 0 ? null : page * this.pageSizeBytes as PhysAddr;
  }

  /** True when the page that holds an address is allocated. */
  inUse(phys: number): boolean {
    return this.#bitmap.taken(Math.floor(phys / this.pageSizeBytes));
  }

  /**
   * Of the `sizeBytes` bytes at `phys`, the first byte in memory which was freed and not allocated
   * again; -1 if there is no such byte.
   */
  firstFreed(phys: number, sizeBytes: Bytes): PhysAddr | -1 {
    if (this.#freed.takenPages === 0 || sizeBytes === 0) return -1;
    const page = this.#freed.firstTaken(
      Math.floor(phys / this.pageSizeBytes),
      Math.ceil((phys + sizeBytes) / this.pageSizeBytes),
    );
    return page < 0 ? -1 : Math.max(phys, page * this.pageSizeBytes) as PhysAddr;
  }

  /**
   * Allocates the pages that contain `sizeBytes` bytes from `phys` on. They may lie anywhere in
   * memory, even below 1 MiB and in MMIO windows.
   * @returns False, with nothing allocated, when a page is in use or there is no memory.
   * @internal
   */
  claim(phys: PhysAddr, sizeBytes: Bytes, owner: PageOwner = "script"): boolean {
    const start = Math.floor(phys / this.pageSizeBytes);
    const end = Math.ceil((phys + sizeBytes) / this.pageSizeBytes);
    invariant(start < end, "No memory is claimed");
    if (!this.#memory.covers(phys, sizeBytes)) return false;
    if (this.#bitmap.firstUnusable(start, end, [{ start, end }]) >= 0) return false;
    this.#takeSpan(start, end, { owner });
    return true;
  }

  /**
   * Whether all `sizeBytes` bytes from `phys` on are in memory, and none of them is in an allocated
   * page.
   * @internal
   */
  isUnused(phys: number, sizeBytes: Bytes): boolean {
    const start = Math.floor(phys / this.pageSizeBytes);
    const end = Math.ceil((phys + sizeBytes) / this.pageSizeBytes);
    return this.#memory.covers(phys, sizeBytes) &&
      this.#bitmap.firstUnusable(start, end, [{ start, end }]) < 0;
  }

  #takeSpan(start: number, end: number, { owner }: Pick<PageAllocation, "owner"> = {}): void {
    this.#bitmap.takeSpan(start, end);
    if (owner === "driver") this.#ofDrivers.takeSpan(start, end);
    if (this.#freed.takenPages > 0) {
      const freed = this.#freed;
      for (let page = freed.firstTaken(start, end); page >= 0;) {
        freed.give(page);
        page = freed.firstTaken(page + 1, end);
      }
    }
    this.watcher?.handedOver(start * this.pageSizeBytes as PhysAddr, end - start);
  }

  #giveSpan(start: number, end: number): void {
    invariant(start < end, "No page is freed");
    this.watcher?.handedOver(start * this.pageSizeBytes as PhysAddr, end - start);
    for (let page = start; page < end; page++) {
      this.#bitmap.give(page);
      this.#ofDrivers.give(page);
      this.#freed.take(page);
      for (const owner of ["script", "driver"] as const) {
        if (page >= this.#starts[owner] && page < this.#hints[owner]) this.#hints[owner] = page;
      }
    }
  }

  #scope(options: Omit<PageAllocation, "contiguous">): Scope {
    const floor = LOWEST_PAGE_PHYS / this.pageSizeBytes;
    let low = Math.max(
      Math.ceil(floor),
      Math.ceil((options.firstPhys ?? 0) / this.pageSizeBytes),
    );
    let high = options.lastPhys === undefined
      ? Infinity
      : Math.floor((options.lastPhys + 1) / this.pageSizeBytes);
    if (options.region !== undefined) {
      const region = this.#regions.find(({ name }) => name === options.region);
      invariant(region !== undefined, `No region is named "${options.region}"`);
      low = Math.max(low, Math.ceil(region.basePhys / this.pageSizeBytes));
      high = Math.min(
        high,
        Math.floor((region.basePhys + region.sizeBytes) / this.pageSizeBytes),
      );
    }
    const whole = options.region === undefined && high === Infinity;
    const spans = whole ? this.#bitmap.ram : spansBelow(this.#bitmap.ram, high);
    if (options.region !== undefined) return { spans, from: low, lowest: low };

    const owner = options.owner ?? "script";
    const free = this.#bitmap.nextFree(this.#hints[owner], this.#bitmap.ram);
    if (free >= 0) this.#hints[owner] = free;
    return { spans, from: Math.max(low, this.#hints[owner]), lowest: low };
  }

  /**
   * The lowest aligned page, at least `from`, at which all pages of the runs are free; or -1. The
   * runs begin at offsets from this page.
   */
  #findPattern(
    runs: readonly PageRun[],
    alignPages: number,
    from: number,
    spans: readonly PageSpan[],
  ): number {
    invariant(alignPages >= 1, "Pages are aligned to less than one");
    let base = alignUp(from, alignPages);
    for (let free = 0; free < runs.length;) {
      const { startPage, pages } = runs[free]!;
      const start = base + startPage;
      const blocked = this.#bitmap.firstUnusable(start, start + pages, spans);
      if (blocked < 0) {
        free++;
        continue;
      }
      // While the run begins at or before the blocked page, it includes that page. So the run must
      // begin at a free page after it.
      const next = this.#bitmap.nextFree(blocked, spans);
      if (next < 0) return -1;
      invariant(next > start, "A search for pages does not go on");
      base = alignUp(next - startPage, alignPages);
      free = 0;
    }
    return base;
  }
}

/**
 * The parts of spans below a page. Built without `map().filter()`, because the result must have the
 * same array kind as the bitmap's list. With another kind, V8 recompiled the search for both kinds
 * again and again (`hunt.cases`).
 */
function spansBelow(spans: readonly PageSpan[], high: number): readonly PageSpan[] {
  const below: PageSpan[] = [];
  for (const { start, end } of spans) {
    if (start < high) below.push({ start, end: Math.min(end, high) });
  }
  return below;
}
