/**
 * A page table of the tree's own code. It has the interface of `TableModel`. Its entries are read in the same way
 * as hardware reads them.
 */
import type { LayoutWanted } from "@dmalab/c_drivers/tree";
import type { Implementation, OperationResult } from "./oracle/compare.ts";
import { ARM_SHAPES, pageSizesOf, type TableShape } from "./oracle/table_formats.ts";
import { hex, LeafList, PROT, type TableOperation } from "./oracle/table_operations.ts";
import { addressDigits } from "@dmalab/runtime";
import type { Parts } from "./link_tree.ts";
import {
  ARM_FILES,
  ARM_SUBJECT,
  GENERIC_SUBJECTS,
  numberOf,
  oracleTexts,
  TreeDomain,
} from "./tree_domain.ts";
import { Int, type LinkedTree, TreeModule } from "./tree_module.ts";

const CORE = ["drivers/iommu/iommu.c", "drivers/iommu/iommu-pages.c"];
const LAYOUT: LayoutWanted = {
  headers: ["linux/mm_types.h", "linux/timer.h", "linux/workqueue.h"],
  structs: { page: ["_refcount"], timer_list: ["function"], delayed_work: ["work.func"] },
};

export const GENERIC_TABLE_PARTS: Parts = {
  subjects: GENERIC_SUBJECTS,
  files: [...CORE, ...GENERIC_SUBJECTS],
  texts: () => oracleTexts("generic"),
  layout: LAYOUT,
};

export const ARM_TABLE_PARTS: Parts = {
  subjects: [ARM_SUBJECT],
  files: [...CORE, ...ARM_FILES],
  texts: () => oracleTexts("arm"),
  layout: LAYOUT,
};

/**
 * Number of pages of the module's own memory, which contains the tables. Only these pages have a
 * `struct page`.
 */
const PAGES = 2 ** 16;
/** The flags `GFP_KERNEL`; they are ignored here. */
const ALLOCATION = new Int(0);

export class TreeTable implements Implementation<TableOperation> {
  readonly #tree: TreeModule;
  readonly #pages: TreeDomain;
  /** The shape of the table; any shape until the first operation. */
  #wanted: TableShape = ARM_SHAPES[0]!;
  #domain = 0;

  constructor(linked: LinkedTree) {
    this.#pages = new TreeDomain(() => this.#tree);
    this.#tree = new TreeModule(linked, this.#pages.imports());
    this.#tree.makePageMap(PAGES);
  }

  run(operation: TableOperation): OperationResult {
    if (operation.op === "init") {
      this.#wanted = operation as TableOperation & TableShape;
      this.#domain = this.#pages.make(this.#wanted);
      return {};
    }
    const pages = this.#pages;
    pages.begin();
    pages.tablesLeft = (operation.tables_left ?? Infinity) as number;
    const answer = this.#answer(operation);
    if (operation.op !== "map" && operation.op !== "unmap") return answer;
    return {
      ...answer,
      tables: pages.tables,
      warn: pages.warnings,
      sync: pages.flushes.map((each) => {
        const [what, ...range] = each as readonly unknown[];
        return what === "sync" ? range : [...range, what];
      }),
      ...this.#wanted.format === "arm" ? { calls: pages.calls } : {},
    };
  }

  #answer(operation: TableOperation): OperationResult {
    const wide = (name: string) => real(operation[name] as number);
    const tree = this.#tree;
    switch (operation.op) {
      case "map": {
        const prot = new Int((operation.prot ?? PROT.read | PROT.write) as number);
        const args = [wide("iova"), wide("paddr"), wide("size"), prot, ALLOCATION] as const;
        return { ret: tree.call("iommu_map", this.#domain, ...args) };
      }
      case "unmap":
        return { unmapped: tree.call("iommu_unmap", this.#domain, wide("iova"), wide("size")) };
      case "translate": {
        const found = tree.call("iommu_iova_to_phys", this.#domain, wide("iova"));
        const { entry, phys, sizeBytes } = this.#walk(this.#top(), wide("iova"));
        // iommu_iova_to_phys() returns 0 for an unmapped address, and also for the start of memory.
        return found === 0 && (entry === 0n || phys + wide("iova") % sizeBytes !== 0n)
          ? { phys: null, leaf: null, entry: null }
          : { phys: found, leaf: Number(sizeBytes), entry: hex(entry) };
      }
      case "leaves":
        return { leaves: this.#leaves(wide("first"), wide("last")) };
      default:
        throw new RangeError(`There is no operation ${operation.op}`);
    }
  }

  #top(): bigint {
    return this.#pages.top(this.#wanted.format);
  }

  #leaves(first: bigint, last: bigint): readonly number[][] {
    const list = new LeafList();
    const top = this.#top();
    for (let at = first; at <= last;) {
      const { entry, phys, sizeBytes } = this.#walk(top, at);
      const base = at - at % sizeBytes;
      if (entry !== 0n) list.add(numberOf(base) as number, Number(phys), Number(sizeBytes));
      at = base + sizeBytes;
    }
    return list.runs;
  }

  /**
   * The entry at which a walk ends, and the size of the range that the entry covers. The entry is 0
   * if it is not present.
   */
  #walk(
    top: bigint,
    iova: bigint,
  ): { readonly entry: bigint; readonly phys: bigint; readonly sizeBytes: bigint } {
    const { address_bits, format, pgsize_bitmap } = this.#wanted;
    const { addressOf, isLeaf, isPresent, sizeOf } = READERS[format]!;
    const granuleBits = Math.log2(pageSizesOf(pgsize_bitmap)[0]!);
    const indexBits = granuleBits - 3;
    const levels = format === "arm"
      ? Math.ceil((address_bits - granuleBits) / indexBits)
      : Number(top % 16n);
    let table = top - top % 64n;
    for (let level = levels - 1;; level--) {
      const shift = BigInt(granuleBits + indexBits * level);
      // An address above the range of the top table has no entry.
      if (level === levels - 1 && iova >> shift >= 1n << BigInt(indexBits)) {
        return { entry: 0n, phys: 0n, sizeBytes: 1n << shift + BigInt(indexBits) };
      }
      const index = iova >> shift & (1n << BigInt(indexBits)) - 1n;
      const entry = this.#tree.memory.view.getBigUint64(Number(table + 8n * index), true);
      if (!isPresent(entry)) return { entry: 0n, phys: 0n, sizeBytes: 1n << shift };
      const address = addressOf(entry, granuleBits);
      if (level > 0 && !isLeaf(entry)) {
        table = address;
        continue;
      }
      const sizeBytes = sizeOf?.(entry) ?? 1n << shift;
      return { entry, phys: address - address % sizeBytes, sizeBytes };
    }
  }
}

/** How hardware reads entries. @see runtime/iommu/table_entries.ts, which names the specifications */
interface EntryReader {
  readonly isPresent: (entry: bigint) => boolean;
  /** Whether an entry above the lowest level is a leaf. */
  readonly isLeaf: (entry: bigint) => boolean;
  readonly addressOf: (entry: bigint, granuleBits: number) => bigint;
  /** The size of a leaf, for formats that encode it in the leaf's address. */
  readonly sizeOf?: (entry: bigint) => bigint | null;
}

const bitsOf = (entry: bigint, low: number, count: number) =>
  entry >> BigInt(low) & (1n << BigInt(count)) - 1n;
const pageAddress = (entry: bigint) => bitsOf(entry, 12, 40) << 12n;

const X86: EntryReader = {
  isPresent: (entry) => bitsOf(entry, 0, 1) !== 0n,
  isLeaf: (entry) => bitsOf(entry, 7, 1) !== 0n,
  addressOf: pageAddress,
};

const READERS: Readonly<Record<string, EntryReader>> = {
  x86_64: X86,
  vtdss: { ...X86, isPresent: (entry) => bitsOf(entry, 0, 2) !== 0n },
  amdv1: {
    ...X86,
    isLeaf: (entry) => [0n, 7n].includes(bitsOf(entry, 9, 3)),
    sizeOf: (entry) => {
      if (bitsOf(entry, 9, 3) !== 7n) return null;
      const ones = pageAddress(entry) | 0xfffn;
      return 2n * (~ones & ones + 1n);
    },
  },
  arm: {
    ...X86,
    isLeaf: (entry) => bitsOf(entry, 1, 1) === 0n,
    addressOf: (entry, granuleBits) =>
      (bitsOf(entry, granuleBits, 48 - granuleBits) << BigInt(granuleBits)) +
      (granuleBits === 16 ? bitsOf(entry, 12, 4) << 48n : 0n),
  },
};

/** Converts the number that represents an address in the model to the real 64-bit address. */
function real(address: number): bigint {
  return BigInt(`0x${addressDigits(address)}`);
}
