/**
 * Compares the table formats with a plain implementation of their rules, which has a map of entries
 * by level and address.
 */
import { assertEquals } from "@std/assert";
import { ERRNO } from "../errno.ts";
import { Random } from "../random.ts";
import { ArmPageTable } from "./arm_page_table.ts";
import { GenericPageTable } from "./generic_page_table.ts";
import {
  PageSizeChoice,
  type PageTable,
  SYNC_LEAVES,
  SYNC_TABLES,
  SYNC_WALK,
} from "./page_table.ts";

const KIB = 1024;
const MIB_2 = 2 ** 21;
const GIB = 2 ** 30;

interface Leaf {
  readonly iova: number;
  readonly phys: number;
  readonly sizeBytes: number;
  readonly flags: number;
}

type Sync = [first: number, last: number, kind: number];

/** The return value and the records of a call. */
interface Outcome {
  answer: number;
  undoneBytes: number;
  leaves: [number, number][];
  syncs: Sync[];
}

interface Shape {
  readonly granuleBytes: number;
  readonly pageSizesBytes: readonly number[];
  readonly addressBits: number;
  readonly growsOnDemand?: boolean;
}

/** Entries for leaves and tables, by level and by start address. */
abstract class ListedTable {
  readonly byLevel: Map<number, Leaf | "table">[] = Array.from({ length: 7 }, () => new Map());
  readonly fanOut: number;
  levels: number;
  outcome!: Outcome;
  starved = false;
  /** Number of tables that may still be allocated. */
  tablesLeft = Infinity;

  constructor(readonly shape: Shape) {
    this.fanOut = shape.granuleBytes / 8;
    const bits = Math.log2(shape.granuleBytes);
    this.levels = shape.growsOnDemand === true
      ? 3
      : Math.ceil((shape.addressBits - bits) / (bits - 3));
  }

  abstract mapInto(iova: number, phys: number, sizeBytes: number, flags: number): number;
  abstract unmapInto(iova: number, sizeBytes: number): number;

  map(iova: number, phys: number, sizeBytes: number, flags: number): Outcome {
    this.outcome = { answer: 0, undoneBytes: 0, leaves: [], syncs: [] };
    this.outcome.answer = this.mapInto(iova, phys, sizeBytes, flags);
    return this.outcome;
  }

  unmap(iova: number, sizeBytes: number): Outcome {
    this.outcome = { answer: 0, undoneBytes: 0, leaves: [], syncs: [] };
    this.outcome.answer = this.unmapInto(iova, sizeBytes);
    return this.outcome;
  }

  span(level: number): number {
    return this.shape.granuleBytes * this.fanOut ** level;
  }

  start(level: number, iova: number): number {
    return iova - iova % this.span(level);
  }

  at(level: number, iova: number): Leaf | "table" | undefined {
    return this.byLevel[level]!.get(this.start(level, iova));
  }

  leafAt(iova: number): Leaf | undefined {
    for (let level = 0; level < this.levels; level++) {
      const entry = this.at(level, iova);
      if (entry !== undefined && entry !== "table") return entry;
    }
    return undefined;
  }

  /** The leaves that overlap a range, each once, in address order. */
  leavesIn(first: number, last: number): Leaf[] {
    const leaves = new Set<Leaf>();
    for (const entries of this.byLevel) {
      for (const entry of entries.values()) {
        if (entry === "table" || entry.iova > last) continue;
        if (entry.iova + entry.sizeBytes > first) leaves.add(entry);
      }
    }
    return [...leaves].sort((a, b) => a.iova - b.iova);
  }

  get tables(): number {
    const all = this.byLevel.flatMap((entries) => [...entries.values()]);
    return 1 + all.filter((entry) => entry === "table").length;
  }

  /** Creates missing tables down to a level; false if a leaf is in the way or there is no memory. */
  reach(iova: number, level: number): boolean {
    for (let at = this.levels - 1; at > level; at--) {
      const entry = this.at(at, iova);
      if (entry === "table") continue;
      if (entry !== undefined || !this.take()) return false;
      this.byLevel[at]!.set(this.start(at, iova), "table");
    }
    return true;
  }

  take(): boolean {
    this.starved = this.tablesLeft === 0;
    if (!this.starved) this.tablesLeft--;
    return !this.starved;
  }

  /** Removes an entry and everything below it. */
  drop(level: number, base: number): void {
    const isTable = this.at(level, base) === "table";
    this.byLevel[level]!.delete(base);
    for (const entries of isTable ? this.byLevel.slice(0, level) : []) {
      for (const start of entries.keys()) {
        if (start >= base && start < base + this.span(level)) entries.delete(start);
      }
    }
  }

  /** Whether an entry is a leaf or has a leaf below it. */
  leads(level: number, base: number): boolean {
    const entry = this.at(level, base);
    if (entry !== "table") return entry !== undefined;
    return this.byLevel.slice(0, level).some((entries) =>
      [...entries].some(([start, each]) =>
        each !== "table" && start >= base && start < base + this.span(level)
      )
    );
  }

  putLeaf(level: number, leaf: Leaf): void {
    for (let at = leaf.iova; at < leaf.iova + leaf.sizeBytes; at += this.span(level)) {
      this.byLevel[level]!.set(at, leaf);
    }
    this.addRun(leaf.sizeBytes);
  }

  addRun(sizeBytes: number): void {
    const last = this.outcome.leaves.at(-1);
    if (last?.[0] === sizeBytes) last[1]++;
    else this.outcome.leaves.push([sizeBytes, 1]);
  }
}

/** @see rules/dma.md 5.1, 3.6 */
class ListedGeneric extends ListedTable {
  mapInto(iova: number, phys: number, sizeBytes: number, flags: number): number {
    if (sizeBytes <= 0 || (flags & 3) === 0) return -ERRNO.EINVAL;
    const last = 2 ** this.shape.addressBits - 1;
    if (iova + sizeBytes - 1 > last || phys + sizeBytes > 2 ** 52) return -ERRNO.ERANGE;
    const choice = new PageSizeChoice(this.shape.pageSizesBytes);
    const replaced: number[] = [];
    let done = 0;
    let failed = false;
    this.starved = false;
    while (done < sizeBytes && !failed) {
      choice.choose(iova + done, phys + done, sizeBytes - done);
      for (let leaf = 0; leaf < choice.count && !failed; leaf++) {
        failed = !this.#put(iova + done, phys + done, choice.sizeBytes, flags, replaced);
        if (!failed) done += choice.sizeBytes;
      }
    }
    if (replaced.length > 0) {
      this.outcome.syncs.push([replaced[0]!, replaced.at(-1)!, SYNC_TABLES]);
    }
    if (!failed) return 0;
    const error = this.starved ? ERRNO.ENOMEM : ERRNO.EADDRINUSE;
    if (done > 0) this.unmapInto(iova, done);
    this.outcome.undoneBytes = done;
    this.outcome.leaves = [];
    return -error;
  }

  /** Writes a leaf in place of empty entries and of tables without leaves. */
  #put(iova: number, phys: number, sizeBytes: number, flags: number, replaced: number[]): boolean {
    let levels = this.levels;
    for (; iova >= this.span(levels); levels++) if (!this.take()) return false;
    for (; this.levels < levels; this.levels++) this.byLevel[this.levels]!.set(0, "table");
    let level = 0;
    while (this.span(level + 1) <= sizeBytes) level++;
    if (!this.reach(iova, level)) return false;
    // Entry by entry: a removed table is not restored if a later entry is occupied.
    for (let at = iova; at < iova + sizeBytes; at += this.span(level)) {
      if (this.leads(level, at)) return false;
      if (this.at(level, at) !== "table") continue;
      this.drop(level, at);
      replaced.push(at, at + this.span(level) - 1);
    }
    this.putLeaf(level, { iova, phys, sizeBytes, flags });
    return true;
  }

  unmapInto(iova: number, sizeBytes: number): number {
    const isBeyond = iova + sizeBytes > 2 ** this.shape.addressBits;
    const wanted = isBeyond ? iova : iova + sizeBytes;
    let at = iova;
    for (let leaf = this.leafAt(at); leaf?.iova === at && at < wanted; leaf = this.leafAt(at)) {
      this.addRun(leaf.sizeBytes);
      const end = at + leaf.sizeBytes;
      const level = this.byLevel.findIndex((entries) => entries.get(at) === leaf);
      for (; at < end; at += this.span(level)) this.byLevel[level]!.delete(at);
    }
    // Frees tables of which all addresses were unmapped.
    let kind = SYNC_LEAVES;
    for (const [level, entries] of this.byLevel.entries()) {
      for (const [base, entry] of entries) {
        const end = base + this.span(level);
        if (entry !== "table" || base < iova || end > Math.min(at, wanted)) continue;
        entries.delete(base);
        kind = SYNC_TABLES;
      }
    }
    const last = at - 1;
    if (iova < last || last < 0) this.outcome.syncs.push([iova, last, kind]);
    return at - iova;
  }
}

/** @see rules/dma.md 5.1, 5.2, 3.6 */
class ListedArm extends ListedTable {
  warnings = 0;

  mapInto(iova: number, phys: number, sizeBytes: number, flags: number): number {
    this.warnings = 0;
    const choice = new PageSizeChoice(this.shape.pageSizesBytes);
    for (let done = 0; done < sizeBytes;) {
      choice.choose(iova + done, phys + done, sizeBytes - done);
      const mapped = this.#call(iova + done, phys + done, choice, flags);
      done += Math.max(0, mapped);
      if (mapped >= 0) continue;
      this.outcome.undoneBytes = done;
      if (done > 0) this.#unmapRange(iova, done);
      this.outcome.leaves = [];
      return mapped;
    }
    return 0;
  }

  /** Writes leaves in one table, all or none; tables in their way are removed. */
  #call(iova: number, phys: number, choice: PageSizeChoice, flags: number): number {
    const { sizeBytes, count } = choice;
    const level = this.#levelOf(sizeBytes);
    this.starved = false;
    if ((flags & 3) === 0) return -ERRNO.EINVAL;
    const physEnd = 2 ** (this.shape.granuleBytes === 64 * KIB ? 52 : 48);
    if (iova >= 2 ** this.shape.addressBits || phys >= physEnd) {
      this.warnings++;
      return -ERRNO.ERANGE;
    }
    if (!this.reach(iova, level)) return this.#refused();
    const places = this.#places(iova, sizeBytes, count);
    for (const at of places) {
      const entry = this.at(level, at);
      if (entry === "table") this.#dropTable(level, at);
      else if (entry !== undefined) return this.#refused();
    }
    for (const at of places) {
      this.putLeaf(level, { iova: at, phys: phys + (at - iova), sizeBytes, flags });
    }
    return places.length * sizeBytes;
  }

  #refused(): number {
    if (this.starved) return -ERRNO.ENOMEM;
    this.warnings++;
    return -ERRNO.EEXIST;
  }

  #levelOf(sizeBytes: number): number {
    let level = 0;
    while (this.span(level) < sizeBytes) level++;
    return level;
  }

  /** Addresses of up to `count` pages that lie in one table. */
  #places(iova: number, sizeBytes: number, count: number): number[] {
    const tableEnd = (Math.floor(iova / (sizeBytes * this.fanOut)) + 1) * sizeBytes * this.fanOut;
    const places: number[] = [];
    for (let at = iova; at < tableEnd && places.length < count; at += sizeBytes) places.push(at);
    return places;
  }

  #dropTable(level: number, base: number): void {
    this.drop(level, base);
    this.outcome.syncs.push([base, base + this.span(level) - 1, SYNC_WALK]);
  }

  unmapInto(iova: number, sizeBytes: number): number {
    this.warnings = 0;
    return this.#unmapRange(iova, sizeBytes);
  }

  #unmapRange(iova: number, sizeBytes: number): number {
    const choice = new PageSizeChoice(this.shape.pageSizesBytes);
    const gathered: { first: number; last: number; sizeBytes: number }[] = [];
    const flush = () => {
      const range = gathered.pop();
      if (range !== undefined) this.outcome.syncs.push([range.first, range.last, SYNC_LEAVES]);
    };
    let done = 0;
    while (done < sizeBytes) {
      const at = iova + done;
      choice.choose(at, at, sizeBytes - done);
      const gone = this.#unmapCall(at, choice);
      if (gone === 0) break;
      if (gathered[0]?.sizeBytes === choice.sizeBytes) gathered[0].last = at + gone - 1;
      else {
        flush();
        gathered.push({ first: at, last: at + gone - 1, sizeBytes: choice.sizeBytes });
      }
      done += gone;
    }
    flush();
    return done;
  }

  #unmapCall(iova: number, { sizeBytes, count }: PageSizeChoice): number {
    const level = this.#levelOf(sizeBytes);
    for (let at = this.levels - 1; at > level; at--) {
      if (this.at(at, iova) === "table") continue;
      this.warnings++;
      return 0;
    }
    let gone = 0;
    for (const at of this.#places(iova, sizeBytes, count)) {
      const entry = this.at(level, at);
      if (entry === undefined) {
        this.warnings++;
        break;
      }
      if (entry === "table") this.#dropTable(level, at);
      else this.drop(level, at);
      this.addRun(sizeBytes);
      gone += sizeBytes;
    }
    return gone;
  }
}

function outcomeOf(table: PageTable, answer: number): Outcome {
  const syncs: Sync[] = [];
  for (let index = 0; index < table.syncs.count; index++) {
    const { syncs: ranges } = table;
    syncs.push([ranges.first(index), ranges.last(index), ranges.kind(index)]);
  }
  const leaves = table.leaves.toList().map(([sizeBytes, count]): [number, number] => [
    sizeBytes,
    count,
  ]);
  return { answer, undoneBytes: 0, leaves, syncs };
}

interface Case {
  readonly name: string;
  readonly table: PageTable;
  readonly listed: ListedTable;
  /** Addresses near which tests change mappings. */
  readonly borders: readonly number[];
  readonly sizes: readonly number[];
}

function anyAddress({ borders, table }: Case, random: Random): number {
  const border = borders[random.below(borders.length)]!;
  return Math.max(0, border + (random.below(7) - 3) * table.granuleBytes);
}

function assertSame({ table, listed, borders }: Case): void {
  assertEquals(table.tables, listed.tables);
  for (const border of borders) {
    for (const iova of [border - 1, border, border + 1, border + table.granuleBytes]) {
      const leaf = iova < 0 ? undefined : listed.leafAt(iova);
      assertEquals(table.walk(iova), leaf !== undefined, `${iova} translates`);
      if (leaf === undefined) continue;
      assertEquals([table.walkPhys, table.walkFlags, table.walkSizeBytes], [
        leaf.phys + (iova - leaf.iova),
        leaf.flags,
        leaf.sizeBytes,
      ]);
    }
  }
}

function assertLeaves(each: Case, random: Random): void {
  const [a, b] = [anyAddress(each, random), anyAddress(each, random)];
  const first = Math.min(a, b);
  const last = Math.max(first, Math.max(a, b) - random.below(2));
  const found: number[] = [];
  each.table.forEachLeaf(first, last, (...leaf) => void found.push(...leaf));
  const wanted = each.listed.leavesIn(first, last)
    .flatMap(({ iova, phys, sizeBytes, flags }) => [iova, phys, sizeBytes, flags]);
  assertEquals(found, wanted);
}

function doBoth(each: Case, random: Random): void {
  const { table, listed, sizes } = each;
  const iova = anyAddress(each, random);
  const sizeBytes = sizes[random.below(sizes.length)]!;
  if (random.below(5) > 2) {
    const answer = table.unmap(iova, sizeBytes);
    assertEquals(outcomeOf(table, answer), listed.unmap(iova, sizeBytes));
  } else {
    const unit = sizeBytes >= GIB / 2 ? MIB_2 : table.granuleBytes;
    const phys = iova + [0, 0, MIB_2, 16 * MIB_2, GIB, unit][random.below(6)]!;
    listed.tablesLeft = random.below(3) === 0 ? random.below(4) : Infinity;
    let left = listed.tablesLeft;
    table.outOfMemory = () => left-- === 0;
    const flags = [1, 2, 3, 7, 11, 16][random.below(6)]!;
    const answer = table.map(iova, phys, sizeBytes, flags);
    const done = { ...outcomeOf(table, answer), undoneBytes: table.undoneBytes };
    assertEquals(done, listed.map(iova, phys, sizeBytes, flags));
  }
  if (listed instanceof ListedArm) assertEquals(table.warnings, listed.warnings);
}

const STANDARD = [4 * KIB, MIB_2, GIB];
const SHAPES: Record<string, Shape & { readonly kind: "generic" | "arm" }> = {
  "VT-d": { kind: "generic", granuleBytes: 4096, pageSizesBytes: STANDARD, addressBits: 48 },
  "57 bits": { kind: "generic", granuleBytes: 4096, pageSizesBytes: STANDARD, addressBits: 57 },
  "small pages only": {
    kind: "generic",
    granuleBytes: 4096,
    pageSizesBytes: [4096],
    addressBits: 39,
  },
  "AMD v1": {
    kind: "generic",
    granuleBytes: 4096,
    pageSizesBytes: Array.from({ length: 22 }, (_, bit) => 4096 * 2 ** bit),
    addressBits: 52,
    growsOnDemand: true,
  },
  "Arm 4 KiB": { kind: "arm", granuleBytes: 4096, pageSizesBytes: STANDARD, addressBits: 48 },
  "Arm 16 KiB": {
    kind: "arm",
    granuleBytes: 16 * KIB,
    pageSizesBytes: [16 * KIB, 32 * 2 ** 20],
    addressBits: 48,
  },
  "Arm 64 KiB": {
    kind: "arm",
    granuleBytes: 64 * KIB,
    pageSizesBytes: [64 * KIB, 512 * 2 ** 20],
    addressBits: 48,
  },
};

function caseOf(name: string): Case {
  const { kind, ...shape } = SHAPES[name]!;
  const granule = shape.granuleBytes;
  const second = shape.pageSizesBytes.find((size) => size >= granule * granule / 8) ??
    granule * granule / 8;
  const large = shape.pageSizesBytes.length > 1 && granule === 4096 ? [GIB, 2 * GIB] : [];
  // With large granules, a page of `second` bytes consists of too many small pages to check each
  // time.
  const some = granule === 4096 ? [second - granule] : [];
  return {
    name,
    table: kind === "arm" ? new ArmPageTable(shape) : new GenericPageTable(shape),
    listed: kind === "arm" ? new ListedArm(shape) : new ListedGeneric(shape),
    borders: [
      0,
      second,
      2 * second,
      GIB,
      GIB + second,
      2 ** 32,
      2 ** 39 - second,
      2 ** 39,
      2 ** shape.addressBits - second,
      2 ** shape.addressBits,
    ],
    sizes: [
      granule,
      granule,
      2 * granule,
      3 * granule,
      8 * granule,
      second,
      2 * second,
      ...some,
      ...large,
    ],
  };
}

/**
 * Seeds that produce special cases, such as an unmap past Arm's last address, and a map with AMD's
 * format over an emptied table.
 */
const SEEDS = [51, 1001, 2002, 3003, 4004];

for (const name of Object.keys(SHAPES)) {
  // A table of Arm's larger granules is compared entry by entry, and a range has thousands of them.
  const isCostly = name === "Arm 64 KiB";
  Deno.test(`${name}: each map and unmap does, undoes and tells what the rule says (dma.md 5.1, 5.2)`, () => {
    testSeeds(name, isCostly ? SEEDS.slice(0, 1) : SEEDS);
  });
  if (isCostly) {
    Deno.test(`${name}: other maps and unmaps do, undo and tell what the rule says (long)`, () => {
      testSeeds(name, SEEDS.slice(1));
    });
  }
}

function testSeeds(name: string, seeds: readonly number[]): void {
  for (const seed of seeds) {
    const random = new Random(seed);
    const each = caseOf(name);
    for (let step = 0; step < 60; step++) {
      doBoth(each, random);
      assertSame(each);
      assertLeaves(each, random);
    }
  }
}
