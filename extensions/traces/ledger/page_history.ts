/**
 * The mappings of the pages that faults were about, in the order of their map lines.
 *
 * Only pages of interest are kept: the kernel's log is read first.
 *
 * @see rules/traces.md T.62, T.69
 */
import { countBefore, lowBitsOf } from "@dmalab/runtime/basics";
import { type Device, PAGE_BYTES, pageEnd, pageOf, type TracedMapping } from "./traced_mapping.ts";

/** The mappings of a page by time, for traces that map one page a hundred thousand times. */
class PageIndex {
  /** By the time of their maps. */
  readonly #mapped: readonly TracedMapping[];
  /** The latest unmap of each of these and all before it. */
  readonly #latestUnmap: Float64Array;
  /** Those that were unmapped, by the time of their unmaps. */
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

  /** Those that were live at a time, in the order of their maps. */
  liveAt(seconds: number): TracedMapping[] {
    const live: TracedMapping[] = [];
    const after = firstAfter(this.#mapped, seconds, ({ mappedAt }) => mappedAt.seconds);
    for (let at = after - 1; at >= 0 && this.#latestUnmap[at]! > seconds; at--) {
      const mapping = this.#mapped[at]!;
      if (unmapSeconds(mapping) > seconds) live.push(mapping);
    }
    return live.reverse();
  }

  /** The last that had been unmapped at a time, or null. */
  unmappedBy(seconds: number): TracedMapping | null {
    return this.#unmapped[firstAfter(this.#unmapped, seconds, unmapSeconds) - 1] ?? null;
  }
}

function unmapSeconds({ unmappedAt }: TracedMapping): number {
  return unmappedAt?.seconds ?? Infinity;
}

/** The index of the first with a later time. */
function firstAfter(
  sorted: readonly TracedMapping[],
  seconds: number,
  timeOf: (mapping: TracedMapping) => number,
): number {
  return countBefore(sorted.length, (index) => timeOf(sorted[index]!) <= seconds);
}

export class PageHistory {
  readonly #pages = new Map<number, TracedMapping[]>();
  /** Mappings of memory at these addresses, which are no addresses for a device. */
  readonly #physPages = new Map<number, TracedMapping[]>();
  /** Mappings by the low bits of their addresses that the least hardware drives. */
  readonly #lowPages = new Map<number, MappedPart[]>();

  readonly #indices = new Map<string, PageIndex>();
  /** By page: when anything changed there, in order. All must have been added. */
  readonly #changes = new Map<number, Float64Array>();

  /**
   * @param addresses Where devices faulted; the page before each is kept too.
   * @param isWhole Every mapping of these pages is added, old ones too.
   */
  constructor(addresses: Iterable<number>, readonly isWhole = true) {
    for (const address of addresses) {
      const page = pageOf(address);
      this.#physPages.set(page, []);
      this.#lowPages.set(lowBitsOf(page, LEAST_DRIVEN_BITS), []);
      for (const each of [page, page - PAGE_BYTES]) this.#pages.getOrInsertComputed(each, () => []);
    }
  }

  /** Which task unmapped a mapping of a kept page, as `task-pid`. */
  readonly #unmappers = new Map<TracedMapping, string>();

  /** A mapping ends. @param by Which task ends it, asked for only where it is kept. */
  end(mapping: TracedMapping, by: () => string): void {
    if (this.#pages.size === 0 || !this.#holds(mapping)) return;
    this.#unmappers.set(mapping, by());
  }

  /** Which task unmapped it, as `task-pid`; null where that is not known. */
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

  /** Mappings of memory in a page of physical addresses. */
  atPhys(page: number): readonly TracedMapping[] {
    return this.#physPages.get(page) ?? [];
  }

  /** Mappings of other pages that a page's address has the low bits of: as many as hardware drives. */
  atLowBits(page: number): TracedMapping[] {
    const near = this.#lowPages.get(lowBitsOf(page, LEAST_DRIVEN_BITS)) ?? [];
    return near.filter((part) => isCutTo(part, page)).map(({ mapping }) => mapping);
  }

  /** When mappings of a page were mapped or unmapped, within a window and at most so many times. */
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
   * The mappings of a page that may be a device's, by time. All must have been added.
   *
   * @param device Null where the log does not name one: then those of two-step ranges alone.
   */
  indexOf(page: number, device: Device | null): PageIndex {
    const isIts = (mapping: TracedMapping) => mapping.device === null || mapping.device === device;
    return this.#index(`${page} ${device?.name ?? ""}`, page, isIts);
  }

  /** Those of all devices. */
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

/** Hardware that drives fewer bits is not known. With fewer, addresses are alike by chance. */
const LEAST_DRIVEN_BITS = 30;
const MOST_BITS = 63;

/** Whether a page is one of a mapping's, less the address bits above some that hardware drives. */
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
