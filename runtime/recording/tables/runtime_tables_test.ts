/** What tables read off a machine is what its events have told them, one by one. */
import { assertEquals } from "@std/assert";
import type { PhysAddr } from "../../address.ts";
import { DMA_BIDIRECTIONAL, DMA_TO_DEVICE, type DmaDirection } from "../../dma/attributes.ts";
import { testBench } from "../../dma/testing.ts";
import { swiotlbConfig } from "../../machine_config.ts";
import type { IommuMode } from "../../machine_config.ts";
import { MachineRecording } from "../machine_recording.ts";
import { RUNTIME_TABLES } from "./runtime_tables.ts";

const PAGE = 4096;

/** Rows without the events that they come from, those of a page table page by page. */
function plain(name: string, rows: readonly object[]): string[] {
  const pieces = rows.map((row) => {
    const { born: _, died: __, ...rest } = row as Record<string, number>;
    return rest;
  }).flatMap((row) =>
    name !== "page_table" ? [row] : Array.from({ length: row.size_bytes! / PAGE }, (_, page) => ({
      ...row,
      iova: row.iova! + page * PAGE,
      phys: row.phys! + page * PAGE,
      size_bytes: PAGE,
    }))
  );
  return pieces.map((row) => JSON.stringify(Object.entries(row).sort(([a], [b]) => a < b ? -1 : 1)))
    .sort();
}

/** Which tables had rows. */
function compare(mode: IommuMode, force: boolean): string[] {
  const { dev, machine } = testBench({
    iommu: { mode },
    machine: { swiotlb: swiotlbConfig({ force, basePhys: 0x6000_0000 as PhysAddr }) },
  });
  const recording = new MachineRecording(machine, RUNTIME_TABLES);
  const [first] = machine.pages.alloc(40, { contiguous: true })!;
  const at = (page: number) => first! + page * PAGE as PhysAddr;
  // Held, given back, and held again where that was; powers of two of pages, as rings have, each
  // with a place in its page.
  const mapped = [0, 3, 7, 12, 20].map((page, index) => {
    const phys = at(page) + 100 * index as PhysAddr;
    const sizeBytes = PAGE * 2 ** index - 200 * index;
    const direction: DmaDirection = index % 2 === 0 ? DMA_BIDIRECTIONAL : DMA_TO_DEVICE;
    const dma = machine.dma.dmaMapPhys(dev, phys, sizeBytes, direction, 0);
    machine.dma.dmaMappingError(dev, dma);
    return { dma, sizeBytes, direction };
  });
  for (const { dma, sizeBytes, direction } of [mapped[1]!, mapped[3]!]) {
    machine.dma.dmaUnmapPhys(dev, dma, sizeBytes, direction, 0);
  }
  const again = machine.dma.dmaMapPhys(dev, at(38), 700, DMA_TO_DEVICE, 0);
  machine.dma.dmaMappingError(dev, again);
  const filled: string[] = [];
  for (const { name, read } of RUNTIME_TABLES) {
    if (read === undefined) continue;
    const table = recording.table(name);
    const told = table.rowsAt(machine.events.seq).map((row) => table.row(row));
    const found: object[] = [];
    read(machine, (row: object) => void found.push(row));
    assertEquals(plain(name, found), plain(name, told), name);
    if (found.length > 0) filled.push(`${name} ${told.length}`);
  }
  recording.stop();
  return filled;
}

Deno.test("page table, IO addresses, flush queue and bounce buffers are read as events have told them", () => {
  assertEquals(compare("strict", false), ["page_table 4", "iova 4"]);
  assertEquals(compare("lazy", false), ["page_table 4", "iova 4", "flush_queue 2"]);
  assertEquals(compare("off", true), ["swiotlb 4"]);
});
