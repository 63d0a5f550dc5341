/**
 * Coherent memory for callers that may not sleep and devices that are not coherent. Its pages are
 * already uncached. There is one pool of limited size for each zone.
 *
 * @see rules/dma.md 1.9
 */
import { GIB, KIB, type PhysAddr } from "../address.ts";
import { invariant } from "../errno.ts";
import type { TimerHandler, VirtualClock } from "../time/clock.ts";
import { MAX_BLOCK_PAGES, type PageAllocator, type PageHome } from "./page_allocator.ts";

const PER_GIB_BYTES = 128 * KIB;
/** Last addresses of the zones: all of memory, DMA32, DMA. */
const ZONE_ENDS = [Number.MAX_SAFE_INTEGER, 2 ** 32 - 1, 2 ** 24 - 1];

/** The allocator of a pool's pages, and the clock of the worker that grows it. */
export interface AtomicPoolHome {
  readonly pages: PageAllocator;
  readonly clock: VirtualClock;
}

/** The pool of one zone. */
class AtomicPool implements PageHome, TimerHandler {
  readonly #home: AtomicPoolHome;
  readonly #lastPhys: number;
  /**
   * The initial number of pages, which is also the reserve of free pages: if an allocation leaves
   * fewer free pages than this, the pool doubles.
   */
  readonly #initialPages: number;
  #freePages: PhysAddr[] = [];
  #totalPages = 0;

  constructor(home: AtomicPoolHome, lastPhys: number, initialPages: number) {
    this.#home = home;
    this.#lastPhys = lastPhys;
    this.#initialPages = initialPages;
    this.#add(initialPages);
  }

  /** Adjacent pages; null when the pool has no such run. Never waits for the pool to grow. */
  take(count: number): readonly PhysAddr[] | null {
    invariant(count > 0, "No page is asked of an atomic pool");
    const { pageSizeBytes } = this.#home.pages;
    let start = 0;
    for (let index = 1; index <= this.#freePages.length; index++) {
      if (index - start === count) break;
      if (this.#freePages[index] !== this.#freePages[index - 1]! + pageSizeBytes) start = index;
    }
    if (this.#freePages.length - start < count) return null;
    const taken = this.#freePages.splice(start, count);
    if (this.#freePages.length < this.#initialPages) this.#wakeWorker();
    return taken;
  }

  free(pages: readonly PhysAddr[]): void {
    const isFree = pages.some((page) => this.#freePages.includes(page));
    invariant(!isFree, "A page of an atomic pool is freed twice");
    this.#freePages = [...this.#freePages, ...pages].toSorted((a, b) => a - b);
  }

  /** The worker: doubles the pool. */
  timerExpired(): void {
    if (this.#freePages.length < this.#initialPages) this.#add(this.#totalPages);
  }

  #wakeWorker(): void {
    this.#home.clock.disarm(this);
    this.#home.clock.arm(this, 0);
  }

  #add(count: number): void {
    const pages = Math.min(count, MAX_BLOCK_PAGES);
    const block = this.#home.pages.alloc(pages, {
      contiguous: true,
      lastPhys: this.#lastPhys,
      owner: "driver",
    });
    if (block === null) return;
    this.#totalPages += pages;
    this.free(block);
  }
}

/** The pools of a machine, each created at its first use. */
export class AtomicPools {
  readonly #ofZones = ZONE_ENDS.map((): AtomicPool | null => null);

  constructor(private readonly home: AtomicPoolHome) {}

  /**
   * Takes adjacent pages of a zone that lies below an address.
   * @returns The pages, with the pool to which they must be freed; null without such pages.
   */
  take(
    count: number,
    lastPhys: number,
  ): { readonly pages: readonly PhysAddr[]; readonly home: PageHome } | null {
    const zone = ZONE_ENDS.findIndex((end) => end <= lastPhys);
    if (zone < 0) return null;
    const pool = this.#ofZones[zone] ??= new AtomicPool(
      this.home,
      ZONE_ENDS[zone]!,
      this.#initialPages(),
    );
    const pages = pool.take(count);
    return pages === null ? null : { pages, home: pool };
  }

  /**
   * The initial number of pages of a pool: 128 KiB for each GiB of memory, at least 128 KiB, at
   * most the largest block.
   */
  #initialPages(): number {
    const { pageSizeBytes, totalPages } = this.home.pages;
    const pages = Math.floor(totalPages / (GIB / PER_GIB_BYTES));
    return Math.min(Math.max(pages, PER_GIB_BYTES / pageSizeBytes), MAX_BLOCK_PAGES);
  }
}
