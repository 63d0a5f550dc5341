/** Replays a page-table trace (tests/golden/pagetable); it knows no file system. */
import { ArmPageTable } from "../../../runtime/iommu/arm_page_table.ts";
import { GenericPageTable } from "../../../runtime/iommu/generic_page_table.ts";
import {
  PageSizeChoice,
  type PageTable,
  PTE_READ,
  PTE_WRITE,
  SYNC_WALK,
} from "../../../runtime/iommu/page_table.ts";
import { pageSizesOf } from "../../../instruments/oracle/mapping_operations.ts";
import type { Difference } from "../difference.ts";
import { compareFields, NO_INIT, type TraceLine } from "./iova_trace.ts";

/** The cuts that the kernel's repeated choice makes of one mapping. */
function pageSizeSteps(
  pageSizesBytes: readonly number[],
  iova: number,
  phys: number,
  sizeBytes: number,
): [number, number][] {
  const choice = new PageSizeChoice(pageSizesBytes);
  const steps: [number, number][] = [];
  for (let done = 0; done < sizeBytes;) {
    choice.choose(iova + done, phys + done, sizeBytes - done);
    steps.push([choice.sizeBytes, choice.count]);
    done += choice.sizeBytes * choice.count;
  }
  return steps;
}

/** A life of one page table, fed line by line. */
export class PageTableTrace {
  #table: PageTable | null = null;
  #calls: number[][] = [];

  /** Performs one line; returns what differs from the record, or null. */
  run(line: TraceLine): Difference | null {
    const number = (name: string) => line[name] as number;
    if (line.op === "pgsize") {
      const sizes = pageSizesOf(number("pgsize_bitmap"));
      const steps = pageSizeSteps(sizes, number("iova"), number("paddr"), number("size"));
      return compareFields(line, { steps });
    }
    if (line.op === "init") {
      this.#table = this.#make(line);
      return null;
    }
    if (this.#table === null) return NO_INIT;
    this.#calls = [];
    const answer = this.#answer(this.#table, line);
    if (line.calls !== undefined) answer.calls = this.#calls;
    return compareFields(line, answer);
  }

  #make(line: TraceLine): PageTable {
    const pageSizesBytes = pageSizesOf(line.pgsize_bitmap as number);
    const addressBits = line.address_bits as number;
    if (line.format !== "arm") {
      return new GenericPageTable({
        pageSizesBytes,
        addressBits,
        growsOnDemand: line.format === "amdv1",
      });
    }
    return new ArmPageTable({
      granuleBytes: pageSizesBytes[0]!,
      pageSizesBytes,
      addressBits,
      onCall: (iova, phys, sizeBytes, count, doneBytes) =>
        this.#calls.push(
          phys < 0
            ? [iova, sizeBytes, count, doneBytes]
            : [iova, phys, sizeBytes, count, doneBytes],
        ),
    });
  }

  #answer(table: PageTable, line: TraceLine): Record<string, unknown> {
    const number = (name: string) => line[name] as number;
    switch (line.op) {
      case "map": {
        const ret = table.map(
          number("iova"),
          number("paddr"),
          number("size"),
          PTE_READ | PTE_WRITE,
        );
        const sync = this.#syncs(table);
        return {
          ret,
          tables: table.tables,
          warn: table.warnings,
          ...(sync.length > 0 || line.sync !== undefined ? { sync } : {}),
        };
      }
      case "unmap":
        return {
          unmapped: table.unmap(number("iova"), number("size")),
          tables: table.tables,
          warn: table.warnings,
          sync: this.#syncs(table),
        };
      case "translate":
        return table.walk(number("iova"))
          ? { phys: table.walkPhys, leaf: table.walkSizeBytes }
          : { phys: null, leaf: null };
      case "leaves":
        return { leaves: this.#leaves(table, number("first"), number("last")) };
      default:
        return { op: `unknown operation ${line.op}` };
    }
  }

  #syncs(table: PageTable): unknown[] {
    const list: unknown[] = [];
    for (let index = 0; index < table.syncs.count; index++) {
      const last = table.syncs.last(index);
      const range = [table.syncs.first(index), last < 0 ? "18446744073709551615" : last];
      list.push(table.syncs.kind(index) === SYNC_WALK ? [...range, "walk"] : range);
    }
    return list;
  }

  #leaves(table: PageTable, first: number, last: number): number[][] {
    const runs: number[][] = [];
    table.forEachLeaf(first, last, (iova, phys, sizeBytes) => {
      const run = runs.at(-1);
      if (
        run !== undefined && run[2] === sizeBytes &&
        run[0]! + run[2]! * run[3]! === iova && run[1]! + run[2]! * run[3]! === phys
      ) run[3]!++;
      else runs.push([iova, phys, sizeBytes, 1]);
    });
    return runs;
  }
}
