/**
 * The radix table that VT-d second stage, AMD v1 and the x86-64 format share. The x86-64 format
 * uses only the lower half of the addresses. A map is refused if its first address is too high, or
 * if it extends past the end of the tables.
 *
 * A table is a `Float64Array` of 512 entries. 0 is an empty entry. A negative number is minus the
 * index of the table below. A positive number is a leaf: physical address plus flags. AMD v1 allows
 * leaves of any power of two: such a leaf fills several entries, each with the address of its first
 * byte and the number of entries as a power of two.
 *
 * @see rules/dma.md 5.1; tests/golden/pagetable/README.md
 */
import { ADDRESS_LIMIT, lastAddressOfBits, realHigh } from "../address.ts";
import { ERRNO, invariant } from "../errno.ts";
import {
  type GenericPageTableOptions,
  orderOf,
  PageSizeChoice,
  PTE_READ,
  PTE_WRITE,
  RadixPageTable,
  SYNC_LEAVES,
  SYNC_TABLES,
  type TableWalkEntry,
} from "./page_table.ts";

const ACCESSIBLE = PTE_READ | PTE_WRITE;

const GRANULE_BYTES = 4096;
const GRANULE_SHIFT = 12;
const LEVEL_BITS = 9;
const ENTRIES = 512;
const INDEX_MASK = ENTRIES - 1;
const INVERSE_GRANULE = 1 / GRANULE_BYTES;
/** `&` first takes a number modulo 2^32, so the offset is exact for any number below 2^53. */
const OFFSET_MASK = GRANULE_BYTES - 1;
/**
 * Unit of the order field of an entry. The field stores how many entries the entry's leaf fills, as
 * an exponent of two. The field lies above all flags.
 */
const ORDER_UNIT = 256;
const FLAGS_MASK = ORDER_UNIT - 1;
/** Mask of a leaf's order: the number of entries it fills, as a power of two. */
const ORDER_MASK = GRANULE_BYTES - ORDER_UNIT;
/** Physical addresses of these formats have 52 bits. */
const PHYS_LIMIT = 2 ** 52;

/** Levels for addresses of 57 bits; only addresses of 58 to 64 bits need more. */
const LEVELS_57 = 5;
const LEVELS_64 = 6;
const END_57 = lastAddressOfBits(57) + 1;

const ENTRY_BYTES = Float64Array.from(
  { length: LEVELS_64 + 1 },
  (_, level) =>
    level < LEVELS_57
      ? 2 ** (GRANULE_SHIFT + LEVEL_BITS * level)
      : level === LEVELS_57
      ? END_57
      : ADDRESS_LIMIT,
);
const INVERSE_ENTRY_BYTES = ENTRY_BYTES.map((sizeBytes) => 1 / sizeBytes);

/**
 * Bytes that one entry of a table at a level covers. At level 5, one entry covers the whole 57-bit
 * space. The size of that space is not a power of two here, because the addresses of wide spaces
 * are counted from the end of the space.
 */
function entryBytes(level: number): number {
  return ENTRY_BYTES[level]!;
}

export class GenericPageTable extends RadixPageTable {
  readonly granuleBytes = GRANULE_BYTES;
  readonly pageSizesBytes: readonly number[];
  readonly lastAddress: number;
  readonly lastPhys = PHYS_LIMIT - 1;

  readonly #endOfTables: number;
  readonly #choice: PageSizeChoice;
  /** Below this size a mapping can only consist of smallest pages. */
  readonly #secondSizeBytes: number;
  /** True if a leaf may fill several entries of a table, and so extend past the end of a range. */
  readonly #multiEntryLeaves: boolean;
  /** Number of levels before the first map, which may add levels. */
  readonly #firstLevels: number;
  #stopped = false;
  /** The current unmap freed tables. */
  #releasedTables = false;
  /** The current map could not allocate a table. */
  #starved = false;
  /** First and last address of the empty tables that the current map replaced by leaves. */
  #replacedFirst = Infinity;
  #replacedLast = -1;

  constructor(options: GenericPageTableOptions) {
    const levels = options.growsOnDemand === true
      ? 3
      : Math.ceil((options.addressBits - GRANULE_SHIFT) / LEVEL_BITS);
    super(GRANULE_BYTES, ENTRIES, levels, options.charge);
    this.#firstLevels = levels;
    this.pageSizesBytes = options.pageSizesBytes;
    this.#choice = new PageSizeChoice(options.pageSizesBytes);
    this.#secondSizeBytes = options.pageSizesBytes[1] ?? Infinity;
    this.#multiEntryLeaves = options.pageSizesBytes.some((size) =>
      (Math.log2(size) - GRANULE_SHIFT) % LEVEL_BITS !== 0
    );
    this.lastAddress = lastAddressOfBits(options.apertureBits ?? options.addressBits);
    this.#endOfTables = lastAddressOfBits(options.addressBits) + 1;
  }

  map(iova: number, phys: number, sizeBytes: number, flags: number): number {
    this.begin();
    // The common case: one page in the table used last. All its addresses are within bounds.
    if (
      sizeBytes === GRANULE_BYTES && this.isInHot(iova) && phys < PHYS_LIMIT &&
      ((iova | phys) & OFFSET_MASK) === 0 && (flags & ACCESSIBLE) !== 0
    ) {
      const { hot } = this;
      const index = (iova >>> GRANULE_SHIFT) & INDEX_MASK;
      if (hot[index] === 0) {
        hot[index] = phys + flags;
        this.leaves.one(sizeBytes);
        return 0;
      }
    }
    return this.#mapAny(iova, phys, sizeBytes, flags);
  }

  /** All other cases, in a separate method: `map` stays small enough to be inlined. */
  #mapAny(iova: number, phys: number, sizeBytes: number, flags: number): number {
    if (sizeBytes > 0 && (flags & ACCESSIBLE) === 0) this.warnings = 1;
    if (sizeBytes <= 0 || this.warnings > 0) return -ERRNO.EINVAL;
    // At the end of 64-bit tables, addresses wrap around.
    if (iova + sizeBytes > this.#endOfTables && this.#endOfTables === ADDRESS_LIMIT) {
      return -ERRNO.EOVERFLOW;
    }
    if (
      (iova & OFFSET_MASK) !== 0 || (phys & OFFSET_MASK) !== 0
    ) return -ERRNO.ENXIO;
    if (
      iova > this.lastAddress || iova + sizeBytes > this.#endOfTables ||
      phys + sizeBytes > PHYS_LIMIT
    ) return -ERRNO.ERANGE;
    if (sizeBytes < this.#secondSizeBytes) {
      const done = this.#mapSmall(iova, phys, sizeBytes, flags);
      return done === sizeBytes ? 0 : this.#undo(iova, done);
    }
    return this.#mapMixed(iova, phys, sizeBytes, flags);
  }

  /**
   * Writes smallest pages; returns the number of bytes mapped. It is smaller than `sizeBytes` if an
   * entry is occupied or a table cannot be allocated.
   */
  #mapSmall(iova: number, phys: number, sizeBytes: number, flags: number): number {
    let done = 0;
    while (done < sizeBytes) {
      const at = iova + done;
      const page = this.#lowestTable(at, true);
      if (page === null) return done;
      const first = (at >>> GRANULE_SHIFT) & INDEX_MASK;
      const end = Math.min(first + (sizeBytes - done) * INVERSE_GRANULE, ENTRIES);
      for (let index = first; index < end; index++) {
        if (page[index] !== 0) return done;
        page[index] = phys + done + flags;
        done += GRANULE_BYTES;
      }
      this.leaves.add(GRANULE_BYTES, end - first);
    }
    return done;
  }

  #mapMixed(iova: number, phys: number, sizeBytes: number, flags: number): number {
    this.#replacedFirst = Infinity;
    this.#replacedLast = -1;
    let done = 0;
    let failed = false;
    while (done < sizeBytes && !failed) {
      this.#choice.choose(iova + done, phys + done, sizeBytes - done);
      const { sizeBytes: leafBytes, count } = this.#choice;
      if (leafBytes === GRANULE_BYTES) {
        const asked = count * GRANULE_BYTES;
        const written = this.#mapSmall(iova + done, phys + done, asked, flags);
        done += written;
        failed = written !== asked;
        continue;
      }
      for (let leaf = 0; leaf < count; leaf++) {
        failed = !this.#mapLarge(iova + done, phys + done, leafBytes, flags);
        if (failed) break;
        done += leafBytes;
      }
    }
    if (this.#replacedLast >= 0) {
      this.syncs.add(this.#replacedFirst, this.#replacedLast, SYNC_TABLES);
    }
    return failed ? this.#undo(iova, done) : 0;
  }

  /**
   * Writes one large leaf in place of empty entries or empty tables; returns false if that is
   * impossible.
   */
  #mapLarge(iova: number, phys: number, leafBytes: number, flags: number): boolean {
    const granules = leafBytes * INVERSE_GRANULE;
    const shift = granules < 2 ** 31 ? 31 - Math.clz32(granules) : Math.log2(granules);
    const level = Math.floor(shift / LEVEL_BITS);
    const order = shift % LEVEL_BITS;
    const page = this.#descend(iova, level, true);
    if (page === null) return false;
    const first = this.indexAt(iova, level);
    const count = 1 << order;
    invariant(first + count <= ENTRIES, "A leaf reaches beyond its table");
    const span = entryBytes(level);
    // An empty table is freed even if a later occupied entry then makes the map fail.
    for (let index = first; index < first + count; index++) {
      const value = page[index]!;
      if (value > 0 || (value < 0 && !this.nodes.isEmpty(-value))) return false;
      if (value === 0) continue;
      this.release(-value);
      page[index] = 0;
      const entryBase = iova + (index - first) * span;
      if (entryBase < this.#replacedFirst) this.#replacedFirst = entryBase;
      this.#replacedLast = entryBase + span - 1;
    }
    const leaf = phys + flags + order * ORDER_UNIT;
    if (count === 1) page[first] = leaf;
    else page.fill(leaf, first, first + count);
    this.leaves.add(leafBytes, 1);
    return true;
  }

  /**
   * Removes the leaves that a failed map wrote. Their removal is recorded and flushed like that of
   * an unmap.
   */
  #undo(iova: number, doneBytes: number): number {
    if (doneBytes > 0) this.#unmapRange(iova, doneBytes);
    this.undoneBytes = doneBytes;
    this.leaves.count = 0;
    const error = this.#starved ? ERRNO.ENOMEM : ERRNO.EADDRINUSE;
    this.#starved = false;
    return -error;
  }

  unmap(iova: number, sizeBytes: number): number {
    this.begin();
    return this.#unmapRange(iova, sizeBytes);
  }

  #unmapRange(iova: number, sizeBytes: number): number {
    this.#releasedTables = false;
    // A range that ends past the tables is refused as a whole.
    let unmapped = iova + sizeBytes > this.#endOfTables
      ? 0
      : this.#unmapInOneTable(iova, sizeBytes);
    if (unmapped < 0) {
      const end = iova + sizeBytes;
      const levels = this.levels;
      unmapped = iova >= entryBytes(levels)
        ? 0
        : this.#unmapBelow(this.nodes.pages[this.top]!, levels - 1, 0, iova, end) - iova;
    }
    const last = iova + unmapped - 1;
    // An empty range needs no flush, except at address 0: there its last address is -1, which wraps
    // around to the whole space.
    if (iova < last || last < 0) {
      this.syncs.add(iova, last, this.#releasedTables ? SYNC_TABLES : SYNC_LEAVES);
    }
    return unmapped;
  }

  /**
   * The common case: unmaps smallest pages inside one table that is not freed. Returns -1 in any
   * other case.
   */
  #unmapInOneTable(iova: number, sizeBytes: number): number {
    if (this.#multiEntryLeaves) return -1;
    const first = (iova >>> GRANULE_SHIFT) & INDEX_MASK;
    const count = sizeBytes * INVERSE_GRANULE;
    if (first + count > ENTRIES || count === ENTRIES || iova > this.lastAddress) return -1;
    const page = this.#lowestTable(iova, false);
    if (page === null) return -1;
    const end = first + count;
    let index = first;
    while (index < end) {
      if (page[index] === 0) break;
      page[index++] = 0;
    }
    if (index === first) return 0;
    this.leaves.add(GRANULE_BYTES, index - first);
    return (index - first) * GRANULE_BYTES;
  }

  /**
   * Clears entries from the address `from` on, and returns the address where it stopped. A table
   * that lies wholly inside the range is freed once all its entries are cleared.
   */
  #unmapBelow(page: Float64Array, level: number, base: number, from: number, end: number): number {
    invariant(level >= 0, "A table lies below the lowest level");
    const span = entryBytes(level);
    let at = level === 0 ? this.#clearSmallest(page, base, from, end) : from;
    while (at < end) {
      const index = Math.floor((at - base) / span);
      if (index >= ENTRIES) break;
      const value = page[index]!;
      const entryBase = base + index * span;
      if (value > 0) {
        const entries = 1 << orderOf(value);
        const leafFirst = index - (index % entries);
        if (base + leafFirst * span < at) break;
        if (entries === 1) page[index] = 0;
        else page.fill(0, leafFirst, leafFirst + entries);
        this.leaves.add(entries * span, 1);
        at = base + (leafFirst + entries) * span;
        continue;
      }
      if (value === 0) break;
      const below = this.nodes.pages[-value]!;
      const reached = this.#unmapBelow(
        below,
        level - 1,
        entryBase,
        at,
        Math.min(end, entryBase + span),
      );
      const whole = at === entryBase && end >= entryBase + span;
      at = reached;
      if (this.#stopped) return at;
      if (whole) {
        this.release(-value);
        this.#releasedTables = true;
        page[index] = 0;
      }
    }
    this.#stopped = at < end;
    return at;
  }

  /** Clears a run of smallest pages in a lowest table; returns the address where the run ends. */
  #clearSmallest(page: Float64Array, base: number, from: number, end: number): number {
    const first = (from - base) * INVERSE_GRANULE;
    const wanted = (end - base) * INVERSE_GRANULE;
    const last = wanted < ENTRIES ? wanted : ENTRIES;
    let index = first;
    while (index < last && page[index] !== 0 && (page[index]! & ORDER_MASK) === 0) {
      page[index++] = 0;
    }
    if (index > first) this.leaves.add(GRANULE_BYTES, index - first);
    return base + index * GRANULE_BYTES;
  }

  override clear(): void {
    super.clear();
    this.levels = this.#firstLevels;
  }

  walk(iova: number): boolean {
    if (iova > this.lastAddress || iova < 0) return false;
    if (this.isInHot(iova)) {
      return this.#found(this.hot[(iova >>> GRANULE_SHIFT) & INDEX_MASK]!, iova, 0);
    }
    let level = this.levels - 1;
    if (iova >= entryBytes(level + 1)) return false;
    let page = this.nodes.pages[this.top]!;
    for (;; level--) {
      const value = page[this.indexAt(iova, level)]!;
      if (value >= 0) return this.#found(value, iova, level);
      page = this.nodes.pages[-value]!;
      if (level === 1) this.warm(page, iova);
    }
  }

  #found(value: number, iova: number, level: number): boolean {
    if (value === 0) return false;
    const phys = Math.floor(value * INVERSE_GRANULE) * GRANULE_BYTES;
    const bits = value - phys;
    const sizeBytes = level === 0 && bits < ORDER_UNIT
      ? GRANULE_BYTES
      : entryBytes(level) * (1 << Math.floor(bits / ORDER_UNIT));
    this.walkPhys = phys +
      (sizeBytes === GRANULE_BYTES
        ? iova - Math.floor(iova * INVERSE_GRANULE) * GRANULE_BYTES
        : iova % sizeBytes);
    this.walkFlags = bits & FLAGS_MASK;
    this.walkSizeBytes = sizeBytes;
    return true;
  }

  protected spanOf(level: number): number {
    return entryBytes(level);
  }

  override path(iova: number): readonly TableWalkEntry[] {
    const top = Math.floor(realHigh(iova / 2 ** 32) / 2 ** 16);
    return super.path(iova).map((entry) =>
      entry.level < 4
        ? entry
        : { ...entry, index: (top >> LEVEL_BITS * (entry.level - 4)) % ENTRIES }
    );
  }

  protected indexAt(iova: number, level: number): number {
    if (level === 0) return (iova >>> GRANULE_SHIFT) & INDEX_MASK;
    if (level === 1) return iova >>> 21 & INDEX_MASK;
    // Exact for powers of two, as the bytes of an entry are below these levels.
    if (level + 1 < LEVELS_57) return Math.floor(iova * INVERSE_ENTRY_BYTES[level]!) & INDEX_MASK;
    return Math.floor((iova % entryBytes(level + 1)) / entryBytes(level));
  }

  /** The lowest-level table for an address; null where none exists and none can be allocated. */
  #lowestTable(iova: number, create: boolean): Float64Array | null {
    if (this.isInHot(iova)) return this.hot;
    const page = this.#descend(iova, 0, create);
    if (page !== null) this.warm(page, iova);
    return page;
  }

  /**
   * The table at a level for an address. Null if a leaf is in the way. Also null if the table does
   * not exist and either `create` is false or the table cannot be allocated.
   */
  #descend(iova: number, level: number, create: boolean): Float64Array | null {
    if (iova >= entryBytes(this.levels) && !(create && this.#grow(iova))) return null;
    const { pages } = this.nodes;
    let page = pages[this.top]!;
    for (let at = this.levels - 1; at > level; at--) {
      const index = this.indexAt(iova, at);
      let value = page[index]!;
      if (value > 0) return null;
      if (value === 0) {
        if (!create || this.#findsNoMemory()) return null;
        value = -this.nodes.take();
        page[index] = value;
      }
      page = pages[-value]!;
    }
    return page;
  }

  #findsNoMemory(): boolean {
    if (this.outOfMemory !== null && this.outOfMemory()) this.#starved = true;
    return this.#starved;
  }

  /** Adds all the levels that an address needs; adds none if memory for them is missing. */
  #grow(iova: number): boolean {
    let levels = this.levels;
    for (; iova >= entryBytes(levels); levels++) if (this.#findsNoMemory()) return false;
    while (this.levels < levels) {
      const top = this.nodes.take();
      this.nodes.pages[top]![0] = -this.top;
      this.top = top;
      this.levels++;
    }
    return true;
  }
}
