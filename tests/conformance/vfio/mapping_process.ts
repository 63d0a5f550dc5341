/** The process of a captured sequence: its regions of memory, what it locked, and its limit. */
import { ERRNO, PAGE_SIZE_BYTES, type PhysAddr } from "@dmalab/runtime";
import type { MappingProcess, PinAccess, PinnedRun } from "@dmalab/devices/vfio_container";

/** The page number of the first region; a region lies this many pages after the one before it. */
const FIRST_PAGE = 0x700_0000;
const REGION_PAGES = 0x1_0000;

/** `anon`, `huge`, `shared`: memory; `ro`: written, then read-only; `none`: no access; `bar`: of a device. */
export type RegionKind = "anon" | "huge" | "shared" | "ro" | "none" | "bar";

interface Region {
  readonly kind: RegionKind;
  readonly pages: number;
  /** Pages without memory behind them any more. */
  readonly holes: Set<number>;
  /** Pages that `mlock` holds. */
  readonly locked: Set<number>;
  /** Pages that have memory of their own. */
  readonly owned: Set<number>;
  /** The captured frames of pages; empty where none were captured. */
  readonly frames: Map<number, number>;
}

export class CapturedProcess implements MappingProcess {
  lockedPages = 0;
  memlockBytes = 8 * 2 ** 20;
  maySurpassLimit = true;
  readonly #regions: Region[] = [];

  addRegion(kind: RegionKind, pages: number): void {
    this.#regions.push({
      kind,
      pages,
      holes: new Set(),
      locked: new Set(),
      // The guest writes what it may only read later.
      owned: new Set(kind === "ro" ? pagesOf(0, pages) : []),
      frames: new Map(),
    });
  }

  /** Takes the frames that pages of a region had after a call: `page:count:frame`, hexadecimal. */
  setFrames(index: number, text: string): void {
    const { frames } = this.#regions[index]!;
    for (const run of text.split(",")) {
      const [page, count, frame] = run.split(":").map((word) => Number(`0x${word}`));
      for (let at = 0; at < count!; at++) frames.set(page! + at, frame! + at);
    }
  }

  addressOf(region: number): number {
    return (FIRST_PAGE + region * REGION_PAGES) * PAGE_SIZE_BYTES;
  }

  pin(virtPage: number, pages: number, access: PinAccess): PinnedRun {
    const index = Math.floor((virtPage - FIRST_PAGE) / REGION_PAGES);
    const first = virtPage - FIRST_PAGE - index * REGION_PAGES;
    const region = this.#regions[index];
    if (region === undefined || first >= region.pages) return { kind: "fault", pages: 1 };
    const kind = kindOf(region, first, access);
    if (kind === "fault") return { kind, pages: 1 };
    let count = 0;
    do {
      if (!access.takesZeroPage) region.owned.add(first + count);
      count++;
    } while (
      count < pages && first + count < region.pages &&
      kindOf(region, first + count, access) === kind &&
      frameOf(region, first + count) === frameOf(region, first) + count
    );
    return { kind, pages: count, phys: frameOf(region, first) * PAGE_SIZE_BYTES as PhysAddr };
  }

  unpin(): void {}

  /** `mlock` of pages of a region. @returns Its errno. */
  lock(index: number, first: number, pages: number): number {
    const region = this.#regions[index]!;
    if (!this.maySurpassLimit) {
      if (this.memlockBytes === 0) return ERRNO.EPERM;
      const limit = Math.floor(this.memlockBytes / PAGE_SIZE_BYTES);
      const already = pagesOf(first, pages).filter((page) => region.locked.has(page)).length;
      const wanted = this.lockedPages + pages;
      if (wanted > limit && wanted - already > limit) return ERRNO.ENOMEM;
    }
    const whole = pagesBeforeHole(region, first, pages);
    for (const page of whole) {
      if (!region.locked.has(page)) this.lockedPages++;
      region.locked.add(page);
    }
    if (whole.length < pages) return ERRNO.ENOMEM;
    for (const page of whole) region.owned.add(page);
    return 0;
  }

  /** `munlock` of pages of a region. @returns Its errno. */
  unlock(index: number, first: number, pages: number): number {
    const region = this.#regions[index]!;
    const whole = pagesBeforeHole(region, first, pages);
    for (const page of whole) this.#unlockPage(region, page);
    return whole.length < pages ? ERRNO.ENOMEM : 0;
  }

  #unlockPage({ locked }: Region, page: number): void {
    if (locked.delete(page)) this.lockedPages--;
  }

  /** `munmap` of a page of a region. */
  unmapPage(index: number, page: number): void {
    const region = this.#regions[index]!;
    this.#unlockPage(region, page);
    region.holes.add(page);
    region.owned.delete(page);
  }

  /** `madvise(MADV_DONTNEED)` of a whole region. @returns Its errno. */
  drop(index: number): number {
    const { holes, kind, locked, owned, pages } = this.#regions[index]!;
    if (kind === "bar") return ERRNO.EINVAL;
    for (const page of pagesOf(0, pages)) {
      if (locked.has(page)) return ERRNO.EINVAL;
      owned.delete(page);
    }
    return holes.size > 0 ? ERRNO.ENOMEM : 0;
  }
}

/** Memory that is zero pages until it is written. */
const IS_ZEROED: ReadonlySet<RegionKind> = new Set(["anon", "ro"]);

/** Of pages without a captured frame the number: then they are contiguous. */
function frameOf({ frames }: Region, page: number): number {
  return frames.get(page) ?? page;
}

function kindOf(
  { holes, kind, owned }: Region,
  page: number,
  { takesZeroPage, writable }: PinAccess,
): PinnedRun["kind"] {
  if (kind === "none" || holes.has(page) || (kind === "ro" && writable)) return "fault";
  const isZeroPage = takesZeroPage && IS_ZEROED.has(kind) && !owned.has(page);
  return kind === "bar" || isZeroPage ? "reserved" : "counted";
}

function pagesOf(first: number, pages: number): number[] {
  return Array.from({ length: pages }, (_, index) => first + index);
}

function pagesBeforeHole({ holes }: Region, first: number, pages: number): number[] {
  const all = pagesOf(first, pages);
  const hole = all.findIndex((page) => holes.has(page));
  return hole < 0 ? all : all.slice(0, hole);
}
