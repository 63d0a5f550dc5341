/**
 * The common parts of all IO page table formats: flags of a leaf, the choice of leaf sizes, and the
 * record of an operation.
 *
 * @see rules/dma.md 5.1
 */
import { invariant } from "../errno.ts";
import type { EventFields } from "../event_vocabulary.ts";
import { grown, zeros } from "../zeros.ts";
import type { MemoryRuns } from "./memory_runs.ts";

/** The flags of a leaf, as small numbers that fit below a granule in the entry. */
export const PTE_READ = 1;
export const PTE_WRITE = 2;
export const PTE_MMIO = 4;
export const PTE_CACHE = 8;
export const PTE_PRIVILEGED = 16;

/** The flags of a leaf in a format without a read permission: writable memory is readable. */
export function withReadable(flags: number): number {
  return (flags & PTE_WRITE) === 0 ? flags : flags | PTE_READ;
}

/** A device's permissions through a leaf with these flags, as in events. */
export function protectionWord(flags: number): EventFields<"iommu.map">["prot"] {
  if ((flags & PTE_READ) === 0) return "write";
  return (flags & PTE_WRITE) === 0 ? "read" : "read_write";
}

/**
 * The kind of entries to invalidate after a map or unmap: leaves; only table pointers (`walk`); or
 * leaves and the pointers to freed tables above them.
 */
export const SYNC_LEAVES = 0;
export const SYNC_WALK = 1;
export const SYNC_TABLES = 2;

/** Ranges to invalidate after the last operation, in order. */
export class SyncRanges {
  count = 0;
  #first = zeros(Float64Array, 8);
  #last = zeros(Float64Array, 8);
  #kind = zeros(Uint8Array, 8);

  /**
   * Adds `[first, last]`, which must be invalidated. The empty range at 0 is added as `[0, -1]`. As
   * a 64-bit number, -1 is the last address, so this range is the whole space.
   */
  add(first: number, last: number, kind: number): void {
    if (this.count === this.#first.length) this.#grow();
    this.#first[this.count] = first;
    this.#last[this.count] = last;
    this.#kind[this.count] = kind;
    this.count++;
  }

  first(index: number): number {
    return this.#first[index]!;
  }

  last(index: number): number {
    return this.#last[index]!;
  }

  kind(index: number): number {
    return this.#kind[index]!;
  }

  #grow(): void {
    this.#first = grown(this.#first, new Float64Array(2 * this.count));
    this.#last = grown(this.#last, new Float64Array(2 * this.count));
    this.#kind = grown(this.#kind, new Uint8Array(2 * this.count));
  }
}

/** Runs of equal leaves that an operation wrote or cleared, in address order. */
export class LeafRuns {
  count = 0;
  #sizeBytes = zeros(Float64Array, 8);
  #leaves = zeros(Float64Array, 8);

  add(sizeBytes: number, leaves: number): void {
    const last = this.count - 1;
    if (last >= 0 && this.#sizeBytes[last] === sizeBytes) this.#leaves[last]! += leaves;
    else this.#begin(sizeBytes, leaves);
  }

  /** Records that the operation wrote one leaf only. */
  one(sizeBytes: number): void {
    this.#sizeBytes[0] = sizeBytes;
    this.#leaves[0] = 1;
    this.count = 1;
  }

  #begin(sizeBytes: number, leaves: number): void {
    if (this.count === this.#sizeBytes.length) this.#grow();
    this.#sizeBytes[this.count] = sizeBytes;
    this.#leaves[this.count] = leaves;
    this.count++;
  }

  /** Number of leaves in all runs. */
  get total(): number {
    let total = 0;
    for (let index = 0; index < this.count; index++) total += this.#leaves[index]!;
    return total;
  }

  /** Bytes that the leaves map. */
  get totalBytes(): number {
    let total = 0;
    for (let index = 0; index < this.count; index++) {
      total += this.#sizeBytes[index]! * this.#leaves[index]!;
    }
    return total;
  }

  /** The runs as `[leaf size in bytes, count]`, for an event. */
  toList(): readonly (readonly [number, number])[] {
    // Created with its final length: V8 makes room for 17 at the first `push()`.
    const list = new Array<[number, number]>(this.count);
    for (let index = 0; index < this.count; index++) {
      list[index] = [this.#sizeBytes[index]!, this.#leaves[index]!];
    }
    return list;
  }

  #grow(): void {
    this.#sizeBytes = grown(this.#sizeBytes, new Float64Array(2 * this.count));
    this.#leaves = grown(this.#leaves, new Float64Array(2 * this.count));
  }
}

/** An entry on the walk from the top table to a leaf. */
export interface TableWalkEntry {
  /** Level of the entry's table; 0 for the lowest tables. */
  readonly level: number;
  /** The number of the table page that contains the entry, from 1. */
  readonly table: number;
  readonly index: number;
  readonly spanBytes: number;
  /** The number of the table page to which the entry points; 0 for a leaf and for an empty entry. */
  readonly below: number;
}

/**
 * Unit of the order field of an entry. The field stores how many entries the entry's leaf fills, as
 * an exponent of two. The field lies above all flags and below the smallest granule.
 */
const ORDER_UNIT = 256;
const FLAGS_MASK = ORDER_UNIT - 1;
const ORDER_MASK = 4096 - ORDER_UNIT;

/** How many entries of its table a leaf fills, as an exponent of two. */
export function orderOf(leaf: number): number {
  return (leaf & ORDER_MASK) / ORDER_UNIT;
}

export type LeafVisitor = (iova: number, phys: number, sizeBytes: number, flags: number) => void;

/**
 * What a domain maps: the record of the last operation, and the result of the last walk. Nothing in
 * this class allocates in steady state.
 */
export abstract class PageTable {
  abstract readonly granuleBytes: number;
  /** Sizes a leaf can have, ascending. */
  abstract readonly pageSizesBytes: readonly number[];
  /** Last IOVA the table can translate. */
  abstract readonly lastAddress: number;
  /** Last physical address an entry can hold. */
  abstract readonly lastPhys: number;
  /** What must be invalidated after the last `map` or `unmap`. */
  readonly syncs: SyncRanges = new SyncRanges();
  /** Leaves the last `map` wrote or the last `unmap` cleared. */
  readonly leaves: LeafRuns = new LeafRuns();
  /** Bytes that a failed `map` had written and removed again; 0 after success. */
  undoneBytes = 0;
  /** Number of kernel warnings that the last operation raised. */
  warnings = 0;
  /**
   * Called before a table page is allocated: if it returns true, the map ends with -ENOMEM. If it
   * is null, no allocation fails.
   */
  outOfMemory: (() => boolean) | null = null;
  walkPhys = 0;
  walkFlags = 0;
  walkSizeBytes = 0;

  /** Number of table pages in existence, the top one included. */
  abstract get tables(): number;

  /** Bytes of host memory held for tables. */
  abstract get hostBytes(): number;

  /**
   * Maps `[iova, iova + sizeBytes)` to consecutive physical memory.
   * @param flags `PTE_*` of the leaves; at least one of read and write.
   * @returns 0 or a negative errno; on failure nothing of the request stays mapped.
   */
  abstract map(iova: number, phys: number, sizeBytes: number, flags: number): number;

  /**
   * Maps runs of one granule each to consecutive entries of the lowest table used last. The result is
   * that of one `map` for each run, but the leaves are not recorded. An earlier `map` must have had the
   * same flags.
   * @returns How many runs were mapped: the method stops at a run that needs more than one entry of
   *   that table.
   */
  abstract mapGranules(iova: number, runs: MemoryRuns, first: number, flags: number): number;

  /**
   * Unmaps a range.
   * @returns The bytes unmapped: fewer than requested at a hole, more if a large leaf was hit.
   */
  abstract unmap(iova: number, sizeBytes: number): number;

  /** Clears every leaf and frees every table but the empty top one: the caller must invalidate. */
  abstract clear(): void;

  /** Looks one address up; true when it translates, with the answer in the `walk…` fields. */
  abstract walk(iova: number): boolean;

  /** The entries that a hardware walk reads, from the top down; empty past the end of the tables. */
  abstract path(iova: number): readonly TableWalkEntry[];

  /** Calls back with each leaf that touches `[first, last]`, in ascending order. */
  abstract forEachLeaf(first: number, last: number, visit: LeafVisitor): void;

  /** Resets the record, at the start of an operation. */
  protected begin(): void {
    this.syncs.count = 0;
    this.leaves.count = 0;
    this.undoneBytes = 0;
    this.warnings = 0;
  }
}

/**
 * A tree of tables in memory, and the table of the lowest level that was used last. That table mostly
 * contains the addresses that are used next as well.
 */
export abstract class RadixPageTable extends PageTable {
  /** Entries of the lowest-level table that was used last. */
  protected hot: Float64Array = new Float64Array(0);
  protected readonly nodes: TablePages;
  /** The number of the table at the top. */
  protected top: number;
  protected levels: number;
  /** The first address that `hot` covers; NaN for none. */
  #hotBase = NaN;
  /** Bytes of addresses that a lowest table covers. */
  readonly #lowestBytes: number;
  readonly #inverseGranule: number;

  /** @param entries Number of entries of a table. */
  constructor(granuleBytes: number, entries: number, levels: number, charge?: HostCharge) {
    super();
    this.#lowestBytes = granuleBytes * entries;
    this.#inverseGranule = 1 / granuleBytes;
    this.levels = levels;
    this.nodes = new TablePages(entries, charge);
    this.top = this.nodes.take();
  }

  override get tables(): number {
    return this.nodes.count;
  }

  override get hostBytes(): number {
    return this.nodes.hostBytes;
  }

  override mapGranules(iova: number, runs: MemoryRuns, first: number, flags: number): number {
    if (!this.isInHot(iova)) return 0;
    const start = (iova - this.#hotBase) * this.#inverseGranule;
    return runs.writeGranules(first, this.hot, start, this.granuleBytes, this.lastPhys, flags);
  }

  override clear(): void {
    this.release(this.top);
    this.top = this.nodes.take();
    invariant(this.tables === 1, "Tables are left after clearing");
  }

  override path(iova: number): readonly TableWalkEntry[] {
    const path: TableWalkEntry[] = [];
    if (iova > this.lastAddress || iova >= this.spanOf(this.levels)) return path;
    let table = this.top;
    for (let level = this.levels - 1; table !== 0; level--) {
      invariant(level >= 0, "An entry of the lowest tables leads to a table");
      const index = this.indexAt(iova, level);
      const below = Math.max(0, -this.nodes.pages[table]![index]!);
      const spanBytes = this.granuleBytes * this.nodes.entries ** level;
      path.push({ level, table, index, spanBytes, below });
      table = below;
    }
    return path;
  }

  override forEachLeaf(first: number, last: number, visit: LeafVisitor): void {
    this.#visit(this.top, this.levels - 1, 0, first, last, visit);
  }

  #visit(
    table: number,
    level: number,
    base: number,
    first: number,
    last: number,
    visit: LeafVisitor,
  ): void {
    const page = this.nodes.pages[table]!;
    const span = this.spanOf(level);
    const start = Math.max(0, Math.floor((first - base) / span));
    const end = Math.min(page.length, Math.floor((last - base) / span) + 1);
    for (let index = start; index < end; index++) {
      const value = page[index]!;
      // Most entries of most tables are empty.
      if (value === 0) continue;
      if (value < 0) {
        this.#visit(-value, level - 1, base + index * span, first, last, visit);
        continue;
      }
      const entries = 1 << orderOf(value);
      const leafFirst = index - (index % entries);
      const phys = Math.floor(value * this.#inverseGranule) * this.granuleBytes;
      visit(base + leafFirst * span, phys, entries * span, (value - phys) & FLAGS_MASK);
      index = leafFirst + entries - 1;
    }
  }

  /** Bytes that one entry of a table at a level covers. */
  protected abstract spanOf(level: number): number;

  /** The index of an address in its table at a level. */
  protected abstract indexAt(iova: number, level: number): number;

  protected isInHot(iova: number): boolean {
    const offset = iova - this.#hotBase;
    return offset >= 0 && offset < this.#lowestBytes;
  }

  protected warm(page: Float64Array, iova: number): void {
    this.hot = page;
    this.#hotBase = Math.floor(iova / this.#lowestBytes) * this.#lowestBytes;
  }

  /** Frees a table and everything below it. */
  protected release(table: number): void {
    this.#hotBase = NaN;
    this.nodes.release(table);
  }
}

/**
 * Chooses one step of a mapping: the largest page size that fits, and how many pages of this size
 * to map until a larger size becomes possible.
 *
 * @see rules/dma.md 5.1
 */
export class PageSizeChoice {
  sizeBytes = 0;
  count = 0;
  readonly #smallestBytes: number;
  /** The second smallest page size. Below this size there is nothing to choose. */
  readonly #secondSizeBytes: number;

  /** @param pageSizesBytes Supported sizes, powers of two, ascending. */
  constructor(readonly pageSizesBytes: readonly number[]) {
    invariant(pageSizesBytes.length > 0, "A page table needs at least one page size");
    this.#smallestBytes = pageSizesBytes[0]!;
    this.#secondSizeBytes = pageSizesBytes[1] ?? Infinity;
  }

  /** Chooses for the rest of a request; every argument is a multiple of the smallest size. */
  choose(iova: number, phys: number, leftBytes: number): void {
    if (leftBytes < this.#secondSizeBytes) {
      this.sizeBytes = this.#smallestBytes;
      this.count = leftBytes / this.#smallestBytes;
      return;
    }
    const sizes = this.pageSizesBytes;
    let index = 0;
    while (
      index + 1 < sizes.length && obstacle(sizes[index + 1]!, iova, phys, leftBytes) === null
    ) index++;
    const size = sizes[index]!;
    let bytes = leftBytes;
    const larger = sizes[index + 1];
    if (larger !== undefined && larger < leftBytes) {
      const offset = iova % larger;
      const distance = larger - offset;
      if (offset === phys % larger && distance + larger <= leftBytes) bytes = distance;
    }
    this.sizeBytes = size;
    this.count = Math.floor(bytes / size);
    invariant(this.count > 0, "The smallest leaf is larger than what is left");
  }
}

/** Whether an address is a multiple of a power of two. `%` takes longer than a division, which is exact. */
function isMultiple(address: number, sizeBytes: number): boolean {
  const count = address / sizeBytes;
  return Math.floor(count) === count;
}

/** Why a page of a size cannot be next; null when it can. */
function obstacle(
  sizeBytes: number,
  iova: number,
  phys: number,
  leftBytes: number,
): "length" | "iova" | "phys" | null {
  if (sizeBytes > leftBytes) return "length";
  if (!isMultiple(iova, sizeBytes)) return "iova";
  return isMultiple(phys, sizeBytes) ? null : "phys";
}

/** Consecutive pages of one size in a map. */
export interface PageCut {
  readonly iova: number;
  readonly phys: number;
  readonly sizeBytes: number;
  readonly count: number;
  /** The next larger size that the table has; 0 for none. */
  readonly largerBytes: number;
  /**
   * Why the next larger size was not used: too few bytes are left, or an address is not a multiple of
   * that size.
   */
  readonly obstacle: "no_larger" | "length" | "iova" | "phys";
}

/** How a map is divided into pages, with the reasons; every argument is a multiple of the smallest size. */
export function pageCuts(
  pageSizesBytes: readonly number[],
  iova: number,
  phys: number,
  sizeBytes: number,
): PageCut[] {
  const choice = new PageSizeChoice(pageSizesBytes);
  const cuts: PageCut[] = [];
  for (let done = 0; done < sizeBytes; done += choice.sizeBytes * choice.count) {
    const at = { iova: iova + done, phys: phys + done };
    const leftBytes = sizeBytes - done;
    choice.choose(at.iova, at.phys, leftBytes);
    invariant(choice.count > 0, "A map is cut into no pages");
    const largerBytes = pageSizesBytes.find((size) => size > choice.sizeBytes) ?? 0;
    cuts.push({
      ...at,
      sizeBytes: choice.sizeBytes,
      count: choice.count,
      largerBytes,
      obstacle: largerBytes === 0
        ? "no_larger"
        : obstacle(largerBytes, at.iova, at.phys, leftBytes)!,
    });
  }
  return cuts;
}

/** Called with the host memory that a table is about to allocate; throws at the run's memory limit. */
export type HostCharge = (sizeBytes: number) => void;

/** The settings of a table of the generic format. */
export interface GenericPageTableOptions {
  readonly pageSizesBytes: readonly number[];
  /** Width of an IOVA: 39, 48 or 57 for VT-d and x86-64, 64 for AMD v1. */
  readonly addressBits: number;
  /** Width of the addresses that are used, if it is smaller than `addressBits`. */
  readonly apertureBits?: number;
  /** AMD v1: starts with three levels and grows as addresses need it. */
  readonly growsOnDemand?: boolean;
  /** Called with the host memory of each new table. */
  readonly charge?: HostCharge;
}

/** The pages that tables consist of, recycled: each a `Float64Array` of entries, addressed by index. */
class TablePages {
  /** Entries by table index. Index 0 is not used by any table, so an entry of 0 is empty. */
  readonly pages: Float64Array[] = [new Float64Array(0)];
  #free: number[] = [];
  readonly #charge: HostCharge | null;

  constructor(readonly entries: number, charge: HostCharge | null = null) {
    this.#charge = charge;
  }

  /** Number of table pages in use. */
  get count(): number {
    return this.pages.length - 1 - this.#free.length;
  }

  get hostBytes(): number {
    return (this.pages.length - 1) * this.entries * 8;
  }

  /** Allocates a table with only empty entries. */
  take(): number {
    const recycled = this.#free.pop();
    if (recycled !== undefined) return recycled;
    invariant(this.pages.length > 0, "The table that is none is missing");
    this.#charge?.(this.entries * 8);
    this.pages.push(zeros(Float64Array, this.entries));
    return this.pages.length - 1;
  }

  /** Frees a table and everything below it. */
  release(index: number): void {
    invariant(index > 0 && index < this.pages.length, "A table is released that there is not");
    const page = this.pages[index]!;
    for (let entry = 0; entry < page.length; entry++) {
      const value = page[entry]!;
      if (value < 0) this.release(-value);
      page[entry] = 0;
    }
    this.#free.push(index);
  }

  /** True when no leaf hangs below a table. */
  isEmpty(index: number): boolean {
    const page = this.pages[index]!;
    for (let entry = 0; entry < page.length; entry++) {
      const value = page[entry]!;
      if (value > 0 || (value < 0 && !this.isEmpty(-value))) return false;
    }
    return true;
  }
}
