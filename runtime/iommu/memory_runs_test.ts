import { assertEquals } from "@std/assert";
import { GIB, KIB, MIB, physAddr } from "../address.ts";
import { ArmPageTable } from "./arm_page_table.ts";
import { GenericPageTable } from "./generic_page_table.ts";
import { MemoryRuns } from "./memory_runs.ts";
import { PTE_READ } from "./page_table.ts";

const SHAPE = { granuleBytes: 4 * KIB, pageSizesBytes: [4 * KIB, 2 * MIB], addressBits: 48 };

for (const table of [new GenericPageTable(SHAPE), new ArmPageTable(SHAPE)]) {
  Deno.test(`${table.constructor.name}: granules of a list are mapped up to a longer run, and up to a leaf`, () => {
    const runs = new MemoryRuns();
    for (const pages of [1, 1, 1, 2, 1]) {
      runs.add(physAddr(GIB + runs.count * MIB), pages * 4 * KIB);
    }
    assertEquals(table.mapGranules(0x2000, runs, 0, PTE_READ), 0);
    table.map(0x1000, GIB, 4 * KIB, PTE_READ);
    assertEquals(table.mapGranules(0x2000, runs, 0, PTE_READ), 3);
    assertEquals(table.mapGranules(0x8000, runs, 4, PTE_READ), 1);
    assertEquals(table.mapGranules(0x7000, runs, 1, PTE_READ), 1);
    const leaves: number[][] = [];
    table.forEachLeaf(0, table.lastAddress, (iova, phys) => {
      leaves.push([iova / 0x1000, (phys - GIB) / MIB]);
    });
    assertEquals(leaves, [[1, 0], [2, 0], [3, 1], [4, 2], [7, 1], [8, 4]]);
  });
}

Deno.test("memory that touches is one run, and a run of no bytes makes room for the next (dma.md 7.2)", () => {
  const runs = new MemoryRuns();
  const made = () =>
    Array.from({ length: runs.count }, (_, run) => [runs.physAt(run) - GIB, runs.sizeAt(run)]);
  runs.add(physAddr(GIB), 0);
  runs.add(physAddr(GIB + MIB), 4 * KIB);
  runs.add(physAddr(GIB + MIB + 4 * KIB), 8 * KIB);
  assertEquals(made(), [[MIB, 12 * KIB]]);
  runs.add(physAddr(GIB + 2 * MIB), 0);
  runs.add(physAddr(GIB + MIB + 12 * KIB), 4 * KIB);
  assertEquals(made(), [[MIB, 12 * KIB], [MIB + 12 * KIB, 4 * KIB]]);
  // After the last run was lengthened, memory that touches its old end starts a new run.
  runs.lengthen(60 * KIB);
  runs.add(physAddr(GIB + MIB + 16 * KIB), 4 * KIB);
  runs.lengthen(-4 * KIB);
  assertEquals(made().slice(1), [[MIB + 12 * KIB, 64 * KIB], [MIB + 16 * KIB, 0]]);
  const bytes = new MemoryRuns();
  for (const byte of [0, 1, 4, 6]) bytes.add(physAddr(byte), 1);
  assertEquals([0, 1, 2].map((run) => bytes.sizeAt(run)), [2, 1, 1]);
});
