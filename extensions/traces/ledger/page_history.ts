/**
 * The mappings of the pages at which devices faulted, in the order of their map lines.
 *
 * Only the mappings of these pages are kept. The pages are known because the kernel's log is read
 * before the trace.
 *
 * @see rules/traces.md T.62, T.69
 */
import { countBefore, lowBitsOf } from "@dmalab/runtime/basics";
import type { Device, TracedMapping } from "./traced_mapping.ts";
import { PAGE_BYTES, pageEnd, pageOf } from "../owner/pages.ts";

/**
 * An index of the mappings of a page by time, for traces that map one page a hundred thousand
 * times.
 */
class PageIndex {
  /** Mappings by the time of their map. */
  readonly #mapped: readonly TracedMapping[];
  /**
   * For each index of `#mapped`, the latest unmap of the mapping at this index and of all mappings
   * before it.
   */
  readonly #latestUnmap: Float64Array;
  /** Mappings that were unmapped, by the time of their unmap. */
  readonly #unmapped: readonly TracedMapping[];

  /** @param mappings In the order of their map lines. */
  constructor(mappings: readonly TracedMapping[]) {
    this.#mapped = mappings.toSorted((a, b) => a.mappedAt.seconds - b.mappedAt.seconds);
    this.#latestUnmap = new Float64Array(mappings.length);
    let latest = -Infinity;
    for (const [index, mapping] of this.#mapped.entries()) {
      this.#latestUnmap[index] = latest = Math.max(latest, unmapSeconds(mapping));
    }
    this.#unmapped = mappings.filter(({ unmappedAt }) => unmappedAt !== null)
      .sort((a, b) => unmapSeconds(a) - unmapSeconds(b));
  }

  /** Mappings that were live at a time, in the order of their maps. */
  liveAt(seconds: number): TracedMapping[] {
    const live: TracedMapping[] = [];
    const after = firstAfter(this.#mapped, seconds, ({ mappedAt }) => mappedAt.seconds);
    for (let at = after - 1; at >= 0 && this.#latestUnmap[at]! > seconds; at--) {
      const mapping = this.#mapped[at]!;
      if (unmapSeconds(mapping) > seconds) live.push(mapping);
    }
    return live.reverse();
  }

  /** The mapping that was unmapped last before a time, or null. */
  unmappedBy(seconds: number): TracedMapping | null {
    return this.#unmapped[firstAfter(this.#unmapped, seconds, unmapSeconds) - 1] ?? null;
  }
}

function unmapSeconds({ unmappedAt }: TracedMapping): number {
  return unmappedAt?.seconds ?? Infinity;
}

/** The index of the first mapping with a time later than `seconds`. */
function firstAfter(
  sorted: readonly TracedMapping[],
  seconds: number,
  timeOf: (mapping: TracedMapping) => number,
): number {
  return countBefore(sorted.length, (index) => timeOf(sorted[index]!) <= seconds);
}

export class PageHistory {
  readonly #pages = new Map<number, TracedMapping[]>();
  /** Mappings by the pages of their memory, if the physical address is not the DMA address. */
  readonly #physPages = new Map<number, TracedMapping[]>();
  /** Mappings by the low bits of their addresses. All known hardware drives at least these bits. */
  readonly #lowPages = new Map<number, MappedPart[]>();

  readonly #indices = new Map<string, PageIndex>();
  /**
   * By page, the times of all maps and unmaps of the page, ascending. Filled at first use, when all
   * mappings have been added.
   */
  readonly #changes = new Map<number, Float64Array>();

  /**
   * @param addresses Addresses at which devices faulted. Mappings of the page before each faulted
   *   page are kept too.
   * @param isWhole Whether every mapping of these pages is added, including old ones.
   */
  constructor(addresses: Iterable<number>, readonly isWhole = true) {
    for (const address of addresses) {
      const page = pageOf(address);
      this.#physPages.set(page, []);
      this.#lowPages.set(lowBitsOf(page, LEAST_DRIVEN_BITS), []);
      for (const each of [page, page - PAGE_BYTES]) this.#pages.getOrInsertComputed(each, () => []);
    }
  }

  /** The task that unmapped a mapping of a kept page, as `task-pid`. */
  readonly #unmappers = new Map<TracedMapping, string>();

  /**
   * Notes that a mapping ends.
   * @param by Returns the task that unmaps it; called only if the history keeps the mapping.
   */
  end(mapping: TracedMapping, by: () => string): void {
    if (this.#pages.size === 0 || !this.#holds(mapping)) return;
    this.#unmappers.set(mapping, by());
  }

  /** The task that unmapped a mapping, as `task-pid`; null if it is not known. */
  unmapperOf(mapping: TracedMapping): string | null {
    return this.#unmappers.get(mapping) ?? null;
  }

  #holds({ addr, sizeBytes }: TracedMapping): boolean {
    const [first, end] = [pageOf(addr), pageEnd(addr, sizeBytes)];
    if ((end - first) / PAGE_BYTES > this.#pages.size) {
      for (const page of this.#pages.keys()) if (page >= first && page < end) return true;
      return false;
    }
    for (let page = first; page < end; page += PAGE_BYTES) if (this.#pages.has(page)) return true;
    return false;
  }

  /** Adds a mapping to each kept page that it covers. */
  add(mapping: TracedMapping, start = mapping.addr, sizeBytes = mapping.sizeBytes): void {
    if (this.#pages.size === 0) return;
    addTo(this.#pages, mapping, start, sizeBytes);
    if (start >= 2 ** LEAST_DRIVEN_BITS) {
      const part = { mapping, start, sizeBytes };
      addTo(this.#lowPages, part, lowBitsOf(start, LEAST_DRIVEN_BITS), sizeBytes);
    }
    const { entries, phys } = mapping;
    if (phys !== null && phys !== mapping.addr && start === mapping.addr) {
      // For a list, only the beginning of its first entry is known.
      addTo(this.#physPages, mapping, phys, entries === 1 ? sizeBytes : 1);
    }
  }

  /** Mappings of memory in a physical page. */
  atPhys(page: number): readonly TracedMapping[] {
    return this.#physPages.get(page) ?? [];
  }

  /**
   * Mappings of other pages that have the same low address bits as this page. Hardware may drive only
   * some low bits, so any number of low bits is tried.
   */
  atLowBits(page: number): TracedMapping[] {
    const near = this.#lowPages.get(lowBitsOf(page, LEAST_DRIVEN_BITS)) ?? [];
    return near.filter((part) => isCutTo(part, page)).map(({ mapping }) => mapping);
  }

  /**
   * The times within a window at which a page was mapped or unmapped; at most `most` of these
   * times.
   */
  changesAt(page: number, [first, last]: readonly [number, number], most: number): number[] {
    const changes = this.#changes.getOrInsertComputed(page, () => this.#timesOf(page));
    const found: number[] = [];
    let next = countBefore(changes.length, (index) => changes[index]! < first);
    while (next < changes.length && changes[next]! <= last && found.length < most) {
      found.push(changes[next++]!);
    }
    return found;
  }

  #timesOf(page: number): Float64Array {
    const times = this.at(page).flatMap(({ mappedAt, unmappedAt }) =>
      unmappedAt === null ? [mappedAt.seconds] : [mappedAt.seconds, unmappedAt.seconds]
    );
    return Float64Array.from(times).sort();
  }

  at(page: number): readonly TracedMapping[] {
    return this.#pages.get(page) ?? [];
  }

  /**
   * The mappings of a page that may belong to a device, by time. Called after all mappings have
   * been added.
   *
   * @param device Null if the log does not name a device. In that case only mappings of two-step
   *   ranges are returned.
   */
  indexOf(page: number, device: Device | null): PageIndex {
    const isIts = (mapping: TracedMapping) => mapping.device === null || mapping.device === device;
    return this.#index(`${page} ${device?.name ?? ""}`, page, isIts);
  }

  /** The mappings that all devices have of one page, by time. */
  indexOfAll(page: number): PageIndex {
    return this.#index(`${page} *`, page, ({ device }) => device !== null);
  }

  #index(key: string, page: number, accept: (mapping: TracedMapping) => boolean): PageIndex {
    return this.#indices.getOrInsertComputed(
      key,
      () => new PageIndex(this.at(page).filter(accept)),
    );
  }
}

/** A mapping, or an entry of a list. */
interface MappedPart {
  readonly mapping: TracedMapping;
  readonly start: number;
  readonly sizeBytes: number;
}

/**
 * No known hardware drives fewer address bits than this. With fewer bits, addresses would match by
 * chance.
 */
const LEAST_DRIVEN_BITS = 30;
const MOST_BITS = 63;

/**
 * Whether a page results from one of the mapping's pages if the upper address bits are cleared. Any
 * number of bits that hardware may drive is tried.
 */
function isCutTo({ sizeBytes, start }: MappedPart, page: number): boolean {
  const first = pageOf(start);
  const lengthBytes = pageEnd(start, sizeBytes) - first;
  for (let bits = LEAST_DRIVEN_BITS; bits <= MOST_BITS; bits++) {
    const low = lowBitsOf(first, bits);
    if (low === first) return false;
    if (page >= low && page < low + lengthBytes) return true;
  }
  return false;
}

function addTo<T>(
  pages: ReadonlyMap<number, T[]>,
  mapping: T,
  start: number,
  sizeBytes: number,
): void {
  const [first, end] = [pageOf(start), pageEnd(start, sizeBytes)];
  if ((end - first) / PAGE_BYTES > pages.size) {
    for (const [page, mappings] of pages) {
      if (page >= first && page < end) mappings.push(mapping);
    }
    return;
  }
  for (let page = first; page < end; page += PAGE_BYTES) pages.get(page)?.push(mapping);
}
