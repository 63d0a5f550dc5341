/**
 * Random sequences of operations on an IO page table: ordinary operations, and operations at the limits of
 * a table.
 */
import { ADDRESS_LIMIT, lastAddressOfBits, Random } from "@dmalab/runtime";
import type { Operation } from "./compare.ts";
import { pageSizesOf, type TableShape } from "./table_formats.ts";
import { PROT, type TableOperation } from "./table_operations.ts";

const LENGTHS = [40, 100, 200];
const LOOK_EVERY = 25;
/** The permissions of a map; the mapping layer uses only the first of them. */
const PROTS = [
  PROT.read | PROT.write | PROT.cache,
  PROT.read | PROT.cache,
  PROT.write | PROT.cache,
  PROT.read | PROT.write,
  PROT.write,
  PROT.read | PROT.write | PROT.mmio,
];
/** Largest number of leaves in a map. This is more than a single table holds. */
const MAX_LEAVES = 700;
/** End of the machine's memory. */
const RAM_BYTES = 2 ** 38;

/**
 * Sequences on tables of these shapes, one shape after the other. Rounds of ordinary sequences
 * alternate with rounds of sequences at the limits of the tables.
 */
export function tableSequences(
  shapes: readonly TableShape[],
): (seed: number) => readonly Operation<TableOperation>[] {
  return (seed) => {
    const random = new Random(seed);
    const shape = shapes[seed % shapes.length]!;
    const isAtEdges = Math.floor(seed / shapes.length) % 2 === 1;
    const walk = isAtEdges ? new EdgeWalk(random, shape) : new TableWalk(random, shape);
    return walk.steps(random.pick(LENGTHS));
  };
}

interface Range {
  readonly iova: number;
  readonly size: number;
}

/**
 * Generates map and unmap operations in a few regions. Half of the unmap operations have the same
 * range as a map operation.
 */
class TableWalk {
  protected readonly sizes: readonly number[];
  protected readonly granule: number;
  protected readonly last: number;
  protected readonly bases: readonly number[];
  readonly #steps: Operation<TableOperation>[] = [];
  readonly #asked: Range[] = [];

  constructor(protected readonly random: Random, readonly shape: TableShape) {
    this.sizes = pageSizesOf(shape.pgsize_bitmap).filter((size) => size <= 2 ** 40);
    this.granule = this.sizes[0]!;
    // In the CPU's format the upper half is a separate address space.
    const isHalf = shape.format === "x86_64";
    this.last = lastAddressOfBits(shape.address_bits - (isHalf ? 1 : 0));
    this.bases = this.makeBases();
  }

  protected makeBases(): readonly number[] {
    const most = Math.min(this.last, 2 ** 47) / 2 ** 31;
    return Array.from({ length: 3 }, () => this.random.below(Math.floor(most) - 1) * 2 ** 31);
  }

  steps(length: number): readonly Operation<TableOperation>[] {
    this.put({ op: "init", ...this.shape });
    while (this.#steps.length < length) {
      const what = this.random.below(100);
      if (this.#steps.length % LOOK_EVERY === 0) this.#look(this.random.pick(this.bases));
      else if (what < 45) this.map();
      else if (what < 80) this.unmap();
      else this.put({ op: "translate", iova: this.place() + this.random.below(this.granule) });
    }
    for (const base of this.bases) this.#look(base);
    return this.#steps;
  }

  protected put(operation: TableOperation): void {
    this.#steps.push({ id: this.#steps.length, operation });
  }

  #look(base: number): void {
    this.put({ op: "leaves", first: base, last: Math.min(base + 2 ** 31 - 1, this.last) });
  }

  get #anyAsked(): Range | undefined {
    return this.#asked.length === 0 ? undefined : this.random.pick(this.#asked);
  }

  /** An address in one of the regions, most often inside an earlier map. */
  protected place(): number {
    const { granule, random } = this;
    const [asked, base] = [this.#anyAsked, random.pick(this.bases)];
    if (asked !== undefined && random.below(3) > 0) {
      return asked.iova + random.below(Math.ceil(asked.size / granule)) * granule;
    }
    // Large leaves begin at multiples of their size.
    const unit = Math.min(random.pick(this.sizes), 2 ** 30);
    return base + random.below(Math.max(1, 2 ** 31 / unit)) * unit;
  }

  /** A length in granules or in large pages. */
  protected size(): number {
    const { granule, random } = this;
    const unit = random.below(2) === 0 ? granule : Math.min(random.pick(this.sizes), 2 ** 30);
    return unit * (1 + random.below(random.pick([1, 2, 8, Math.min(MAX_LEAVES, 2 ** 31 / unit)])));
  }

  /**
   * A range, and memory for it. Their addresses have the same offset in a page. The size of this
   * page is the granule or a larger page size. The range has at most `MAX_LEAVES` pages of this
   * size.
   */
  protected range(): Range & { readonly paddr: number } {
    const { granule, random } = this;
    const [iova, size] = [this.place(), this.size()];
    const page = (1 + random.below(RAM_BYTES / granule - 2)) * granule;
    const large = random.below(2) === 0 ? granule : Math.min(random.pick(this.sizes), 2 ** 30);
    const paddr = Math.floor(page / large) * large + large + iova % large;
    return { iova, paddr, size: Math.min(size, MAX_LEAVES * large) };
  }

  protected map(): void {
    const { random } = this;
    const { iova, paddr, size } = this.range();
    if (iova + size - 1 > this.last) return;
    this.#asked.push({ iova, size });
    this.put({ op: "map", iova, paddr, size, prot: random.pick(PROTS) });
  }

  protected unmap(): void {
    const { granule, random } = this;
    const asked = this.#anyAsked;
    if (asked === undefined) return;
    if (random.below(2) === 0) return this.put({ op: "unmap", ...asked });
    const skipped = random.below(Math.ceil(asked.size / granule)) * granule;
    const iova = asked.iova + (random.below(2) === 0 ? 0 : skipped);
    const size = random.below(2) === 0 ? this.size() : asked.size;
    if (iova + size - 1 <= this.last) this.put({ op: "unmap", iova, size });
  }
}

/**
 * Uses regions at address 0, on both sides of the first address of a table or level, and at the
 * last address. Some maps begin or end beyond the last address, are misaligned, have no permission,
 * or have no memory for tables.
 */
class EdgeWalk extends TableWalk {
  /** First physical address that an entry cannot hold. */
  get physEnd(): number {
    return this.shape.format === "arm" && this.granule < 2 ** 16 ? 2 ** 48 : 2 ** 52;
  }

  protected override makeBases(): readonly number[] {
    const { granule, last, random } = this;
    const table = granule * granule / 8;
    const most = Math.floor(Math.log2(Math.min(last, 2 ** 48)));
    const boundary = 2 ** (32 + random.below(most - 32));
    const end = last + 1 - 2 ** 31;
    return [0, boundary - 2 ** 30, end, table * (1 + random.below(64))];
  }

  protected override map(): void {
    const { granule, random } = this;
    const what = random.below(10);
    if (what < 4) return super.map();
    const range = this.range();
    const map = { op: "map", ...range, prot: PROT.read | PROT.write };
    const off = granule / 2 ** (1 + random.below(3));
    switch (what) {
      case 4:
        return random.below(2) === 0
          ? this.put({ ...map, iova: this.last + 1 - this.#beyond() })
          : this.put({ ...map, paddr: this.physEnd - granule * random.below(3), size: granule });
      case 5:
        return this.put({ ...map, paddr: range.paddr + off });
      case 6:
        return this.put({ ...map, iova: range.iova + off });
      case 7:
        return this.put({ ...map, prot: random.pick([0, PROT.cache, PROT.mmio]) });
      case 8:
        return this.put({ ...map, tables_left: random.below(4) });
      default:
        return this.#replace(range);
    }
  }

  /**
   * Distance of a map's start from the end of the address space; negative if the map starts beyond
   * the end.
   */
  #beyond(): number {
    const { granule, random } = this;
    return granule * (random.below(6) - (this.shape.address_bits < 64 ? 2 : 0)) || granule;
  }

  /**
   * Fills a table with small pages, empties it page by page, and maps one large page in place of the
   * small ones.
   */
  #replace(range: { readonly iova: number; readonly paddr: number }): void {
    const { random, sizes } = this;
    const larger = sizes.slice(1).filter((size) => size <= 2 ** 31);
    if (larger.length === 0) return;
    const large = random.pick(larger);
    const iova = range.iova - range.iova % large;
    const size = this.granule * (1 + random.below(4));
    if (iova + large - 1 > this.last) return;
    const paddr = Math.floor(range.paddr / large + 1) * large;
    const map = { op: "map", iova, paddr, prot: PROT.read | PROT.write };
    this.put({ ...map, size });
    if (random.below(4) > 0) this.put({ op: "unmap", iova, size });
    this.put({ ...map, size: large });
    this.put({
      op: "unmap",
      iova: iova + (random.below(3) === 0 ? large / 2 : 0),
      size: this.granule,
    });
  }

  protected override unmap(): void {
    const { random } = this;
    if (random.below(5) > 0) return super.unmap();
    const [iova, size] = [this.place(), this.size()];
    if (iova + size <= ADDRESS_LIMIT) this.put({ op: "unmap", iova, size });
  }
}
