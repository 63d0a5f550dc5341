/** Operations on an IO page table, and the model's results of them. */
import {
  ArmPageTable,
  entryBits,
  IOMMU_MODELS,
  makePageTable,
  PageSizeChoice,
  type PageTable,
  PTE_CACHE,
  PTE_MMIO,
  PTE_READ,
  PTE_WRITE,
  SYNC_WALK,
  withReadable,
} from "@dmalab/runtime";
import { type Implementation, type OperationResult, U64_MAX } from "./compare.ts";
import { pageSizesOf, TABLE_MODELS } from "./table_formats.ts";

/** An operation, with its arguments under the field names of the golden data. */
export type TableOperation = Readonly<Record<string, unknown>> & { readonly op: string };

/**
 * The kernel's permission bits of a map. `FLAGS`: pairs of such a bit and the bit that a leaf
 * keeps.
 */
export const PROT = { read: 1, write: 2, cache: 4, noexec: 8, mmio: 16 } as const;
const FLAGS: readonly (readonly [number, number])[] = [
  [PROT.read, PTE_READ],
  [PROT.write, PTE_WRITE],
  [PROT.cache, PTE_CACHE],
  [PROT.mmio, PTE_MMIO],
];

/** A simulated page table. */
export class TableModel implements Implementation<TableOperation> {
  #table: PageTable | null = null;
  #model: keyof typeof IOMMU_MODELS = "vtd";
  #calls: number[][] = [];
  #tablesLeft = Infinity;

  /** @throws {RangeError} If there is no table yet. */
  run(operation: TableOperation): OperationResult {
    if (operation.op === "pgsize") return { steps: pageSizeSteps(operation) };
    if (operation.op === "init") {
      this.#make(operation);
      return {};
    }
    if (this.#table === null) throw new RangeError("The first operation must be `init`");
    this.#calls = [];
    this.#tablesLeft = (operation.tables_left ?? Infinity) as number;
    const answer = this.#answer(this.#table, operation);
    return this.#model === "smmu" && CALLING.has(operation.op)
      ? { ...answer, calls: this.#calls }
      : answer;
  }

  #make(operation: TableOperation): void {
    const pageSizesBytes = pageSizesOf(operation.pgsize_bitmap as number);
    const addressBits = operation.address_bits as number;
    const granuleBytes = pageSizesBytes[0]!;
    this.#model = TABLE_MODELS[operation.format as keyof typeof TABLE_MODELS];
    const options = { granuleBytes, pageSizesBytes, addressBits };
    const onCall = (iova: number, phys: number, ...rest: readonly number[]) => {
      this.#calls.push(phys < 0 ? [iova, ...rest] : [iova, phys, ...rest]);
    };
    const table = this.#model === "smmu"
      ? new ArmPageTable({ ...options, onCall })
      : makePageTable({ ...options, model: this.#model });
    table.outOfMemory = () => this.#tablesLeft-- <= 0;
    this.#table = table;
  }

  #answer(table: PageTable, operation: TableOperation): Record<string, unknown> {
    const number = (name: string) => operation[name] as number;
    const done = () => ({ tables: table.tables, warn: table.warnings, sync: syncsOf(table) });
    switch (operation.op) {
      case "map": {
        const prot = (operation.prot ?? PROT.read | PROT.write) as number;
        const given = FLAGS.reduce((all, [bit, flag]) => all + (prot & bit ? flag : 0), 0);
        const flags = IOMMU_MODELS[this.#model].writableIsReadable ? withReadable(given) : given;
        return {
          ret: table.map(number("iova"), number("paddr"), number("size"), flags),
          ...done(),
        };
      }
      case "unmap":
        return { unmapped: table.unmap(number("iova"), number("size")), ...done() };
      case "translate":
        return table.walk(number("iova"))
          ? {
            phys: table.walkPhys,
            leaf: table.walkSizeBytes,
            entry: this.#entry(table, number("iova")),
          }
          : { phys: null, leaf: null, entry: null };
      case "leaves":
        return { leaves: leafRuns(table, number("first"), number("last")) };
      default:
        throw new RangeError(`There is no operation ${operation.op}`);
    }
  }

  /** The 64 bits of the leaf at an address, as the hardware reads them. */
  #entry(table: PageTable, iova: number): string {
    const { level, spanBytes } = table.path(iova).at(-1)!;
    return hex(entryBits(IOMMU_MODELS[this.#model].entries!, {
      phys: table.walkPhys - table.walkPhys % table.walkSizeBytes,
      level,
      isLeaf: true,
      flags: table.walkFlags,
      sizeBytes: table.walkSizeBytes,
      spanBytes,
      granuleBytes: table.granuleBytes,
    }));
  }
}

const CALLING: ReadonlySet<string> = new Set(["map", "unmap"]);

export function hex(value: bigint): string {
  return `0x${value.toString(16)}`;
}

/** The pieces of one mapping, found by repeating the kernel's choice of a page size. */
function pageSizeSteps(operation: TableOperation): [number, number][] {
  const number = (name: string) => operation[name] as number;
  const choice = new PageSizeChoice(pageSizesOf(number("pgsize_bitmap")));
  const steps: [number, number][] = [];
  for (let done = 0; done < number("size");) {
    choice.choose(number("iova") + done, number("paddr") + done, number("size") - done);
    steps.push([choice.sizeBytes, choice.count]);
    done += choice.sizeBytes * choice.count;
  }
  return steps;
}

function syncsOf(table: PageTable): unknown[] {
  const list: unknown[] = [];
  for (let index = 0; index < table.syncs.count; index++) {
    const last = table.syncs.last(index);
    const range = [table.syncs.first(index), last < 0 ? U64_MAX : last];
    list.push(table.syncs.kind(index) === SYNC_WALK ? [...range, "walk"] : range);
  }
  return list;
}

/**
 * A list of leaves, as runs `[iova, phys, leaf size, count]`. Both addresses are contiguous in each
 * run.
 */
export class LeafList {
  readonly runs: number[][] = [];

  add(iova: number, phys: number, sizeBytes: number): void {
    const run = this.runs.at(-1);
    if (
      run !== undefined && run[2] === sizeBytes &&
      run[0]! + run[2]! * run[3]! === iova && run[1]! + run[2]! * run[3]! === phys
    ) run[3]!++;
    else this.runs.push([iova, phys, sizeBytes, 1]);
  }
}

function leafRuns(table: PageTable, first: number, last: number): readonly number[][] {
  const list = new LeafList();
  table.forEachLeaf(first, last, (...leaf) => list.add(leaf[0], leaf[1], leaf[2]));
  return list.runs;
}
