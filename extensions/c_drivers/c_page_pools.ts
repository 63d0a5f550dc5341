/**
 * Pages that a driver of a tree has allocated from the tree's own page_pool. Records the calls that allocated each page,
 * and the present holder of the page.
 *
 * The tree's `net/core/page_pool.c` counts its pages but does not know the holders. Therefore dmalab's functions run
 * between the driver and the pool (`extensions/c_drivers/include/tree/dmalab/pool_pages.c`), and between the driver and the
 * network (`net.c` beside it).
 */
import { spanPlace } from "@dmalab/lang";
import { formatCount } from "@dmalab/lang/text";
import { type CKernel, hex } from "./c_kernel.ts";

/**
 * The kernel's message about a pool that was destroyed while pages were still in use. @see
 * rules/traces.md T.75
 */
const STALLED = /^page_pool_release_retry\(\) stalled pool shutdown\b/;
/** Matches the tree's page_pool source: its stack frames are not the driver's. */
const POOL_FILE = /(?:^|\/)net\/core\/page_pool\.c$/;
/** Largest number of page addresses in one line. */
const MAX_NAMED = 4;

/** A page that a driver has allocated and not returned. */
interface TakenPage {
  readonly pool: number;
  /** The calls that allocated the page: several if it was allocated in fragments. */
  readonly takers: Set<string>;
  /**
   * Text that names the holder: the driver, or a later holder with the calls by which it got the
   * page.
   */
  holder: string;
}

export class CPagePools {
  /** Pages by the address of the `struct page`. */
  readonly #taken = new Map<number, TakenPage>();
  readonly #destroyed = new Set<number>();

  constructor(readonly kernel: CKernel) {}

  /** Notes that the driver allocates a page, or a fragment of one. */
  taken(pool: number, page: number): void {
    // The pool's address may have belonged to a destroyed pool.
    this.#destroyed.delete(pool);
    const known = this.#taken.get(page);
    if (known?.pool === pool) known.takers.add(this.#calls());
    else this.#taken.set(page, { pool, takers: new Set([this.#calls()]), holder: "the driver" });
  }

  /** Notes that the page, or the last fragment of it, was returned to its pool. */
  returned(page: number): void {
    this.#taken.delete(page);
  }

  /** Notes that the page now belongs to a packet, or to the network. */
  held(page: number, holder: string): void {
    const known = this.#taken.get(page);
    if (known !== undefined) known.holder = `${holder} since ${this.#calls()}`;
  }

  destroyed(pool: number): void {
    this.#destroyed.add(pool);
  }

  /** The pool of a page that is in use; 0 for any other page. */
  poolOf(page: number): number {
    return this.#taken.get(page)?.pool ?? 0;
  }

  get count(): number {
    return this.#taken.size;
  }

  /** Reads a line that the kernel prints. */
  printed(text: string): void {
    if (STALLED.test(text)) this.show((pool) => this.#destroyed.has(pool));
  }

  /** Prints the pages in use, grouped by allocating calls and holder. */
  show(isWanted: (pool: number) => boolean): void {
    const groups = new Map<string, number[]>();
    for (const [page, { holder, pool, takers }] of this.#taken) {
      if (!isWanted(pool)) continue;
      const lines = [...[...takers].map((calls) => `taken by ${calls}`), `held by ${holder}`];
      groups.getOrInsertComputed(lines.join("\n"), () => []).push(page);
    }
    for (const [lines, pages] of groups) {
      const named = pages.slice(0, MAX_NAMED).map((page) => hex(this.kernel.pagePhys(page)));
      const others = pages.length > named.length ? ", …" : "";
      const count = formatCount(pages.length, "page");
      this.#print(`${count} of a page_pool out: ${named.join(", ")}${others}\n${lines}`);
    }
  }

  #print(text: string): void {
    for (const line of text.split("\n")) this.kernel.context.print(`info: ${line}`);
  }

  /** The running functions of the driver, with the lines of their calls, the innermost first. */
  #calls(): string {
    const { context, places } = this.kernel;
    const frames = places.stack(context).flatMap(({ name, site }) => {
      const span = context.siteSpan(site);
      if (span === null || POOL_FILE.test(span.source.name)) return [];
      return [`${name}() at ${spanPlace(span)}`];
    });
    return frames.length === 0 ? "code without a line" : frames.join("\n  called by ");
  }
}
