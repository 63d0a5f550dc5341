/**
 * Compares each table as read from a machine with the same table as filled by the machine's events.
 */
import { assertEquals } from "@std/assert";
import type { DmaAddr, PhysAddr } from "../../address.ts";
import { DmaIovaState } from "../../dma/iova_state.ts";
import { ResourceTracker } from "../../resource_tracker.ts";
import { DMA_BIDIRECTIONAL, DMA_TO_DEVICE, type DmaDirection } from "../../dma/attributes.ts";
import { eventId } from "../../event_vocabulary.ts";
import { testBench } from "../../dma/testing.ts";
import { swiotlbConfig } from "../../machine_config.ts";
import type { IommuMode } from "../../machine_config.ts";
import { MachineRecording } from "../machine_recording.ts";
import { likeness } from "./held.ts";
import { RUNTIME_TABLES } from "./runtime_tables.ts";

const PAGE = 4096;

/** Rows as texts, without their events; rows of a page table are split into pages. */
function plain(name: string, rows: readonly object[]): string[] {
  const pieces = rows.map((row) => {
    const { createdSeq: _, endedSeq: __, ...rest } = row as Record<string, number>;
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

/** Compares the tables, and returns the names of those with rows. */
function compare(mode: IommuMode, force: boolean): string[] {
  const { dev, machine } = testBench({
    iommu: { mode },
    machine: { swiotlb: swiotlbConfig({ force, basePhys: 0x6000_0000 as PhysAddr }) },
  });
  const recording = new MachineRecording(machine, RUNTIME_TABLES);
  const [first] = machine.pages.alloc(40, { contiguous: true })!;
  const at = (page: number) => first! + page * PAGE as PhysAddr;
  // Each buffer is mapped, unmapped, and mapped again at the same address. Each buffer begins at an
  // offset in its page and, like a ring, takes a number of pages that is a power of two.
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
    const replayed = table.rowsAt(machine.events.seq).map((row) => table.row(row));
    const found: object[] = [];
    read(machine, (row: object) => void found.push(row));
    assertEquals(plain(name, found), plain(name, replayed), name);
    if (found.length > 0) filled.push(`${name} ${replayed.length}`);
  }
  recording.stop();
  return filled;
}

Deno.test("page table, IOVAs, flush queue and bounce buffers are read off a machine as its events leave them", () => {
  assertEquals(compare("strict", false), ["page_table 4", "iova 4"]);
  assertEquals(compare("lazy", false), ["page_table 4", "iova 4", "flush_queue 2"]);
  assertEquals(compare("off", true), ["swiotlb 4"]);
});

Deno.test("a link of nothing, which a classic table takes, is no entry and no mapping (dma.md 3.6)", () => {
  const { dev, machine } = testBench({ iommu: { mode: "strict", model: "smmu" } });
  const recording = new MachineRecording(machine, RUNTIME_TABLES);
  const state = new DmaIovaState();
  machine.dma.dmaIovaTryAlloc(dev, state, 0x10_0000 as PhysAddr, PAGE);
  assertEquals(machine.dma.dmaIovaLink(dev, state, 0x10_0000 as PhysAddr, 0, 0, DMA_TO_DEVICE), 0);
  for (const table of ["page_table", "mappings"]) {
    assertEquals(recording.table(table).rowsAt(machine.events.seq), []);
  }
  const counted = ["iommu.map", "dma.map", "call.dma_iova_link"] as const;
  assertEquals(counted.map((name) => machine.events.count(eventId(name))), [0, 0, 1]);
});

/**
 * Calls destroy for less than was linked. Returns the machine's ranges afterwards, as the table,
 * the machine and the leak report show them.
 */
function afterShortDestroy(mode: IommuMode, pages: number, destroyed: number) {
  const { dev, machine } = testBench({ iommu: { mode } });
  const recording = new MachineRecording(machine, RUNTIME_TABLES);
  const held = new ResourceTracker(machine);
  const phys = 0x10_0000 as PhysAddr;
  // A neighbouring range on each side, so that nothing outside the range is freed.
  const around = [new DmaIovaState(), new DmaIovaState()] as const;
  const state = new DmaIovaState();
  machine.dma.dmaIovaTryAlloc(dev, around[0], phys, 8 * PAGE);
  machine.dma.dmaIovaTryAlloc(dev, state, phys, pages * PAGE);
  machine.dma.dmaIovaTryAlloc(dev, around[1], phys, 8 * PAGE);
  machine.dma.dmaIovaLink(dev, state, phys, 0, pages * PAGE, DMA_TO_DEVICE);
  machine.dma.dmaIovaDestroy(dev, state, destroyed * PAGE, DMA_TO_DEVICE);
  const table = recording.table("iova");
  const rows = table.rowsAt(machine.events.seq).map((row) => table.row(row));
  const read: { start: number; size_bytes: number }[] = [];
  const spec = RUNTIME_TABLES.find(({ name }) => name === "iova")!;
  spec.read!(machine, (row: object) => void read.push(row as typeof read[number]));
  const leaks = held.leaks().filter(({ kind }) => kind === "iova");
  held.stop();
  recording.stop();
  const sorted = (spans: number[][]) => spans.sort(([a], [b]) => a! - b!);
  // Ranges of one statement that touch each other are one leak, so the sizes are compared in bytes.
  const bytes = (spans: number[][]) => spans.reduce((sum, [start, end]) => sum + end! - start!, 0);
  return {
    table: sorted(
      rows.map((row) => [Number(row.start), Number(row.start) + Number(row.size_bytes)]),
    ),
    machine: sorted(read.map(({ size_bytes, start }) => [start, start + size_bytes])),
    leakedBytes: bytes(leaks.map(({ span }) => [span!.start, span!.end])),
    tableBytes: bytes(rows.map((row) => [0, Number(row.size_bytes)])),
  };
}

Deno.test("after a short destroy the leak report, the table and the machine hold the same addresses (dma.md 3.5)", () => {
  let lost = 0;
  for (const mode of ["strict", "lazy"] as const) {
    for (const pages of [1, 2, 8, 16, 32, 64]) {
      for (const destroyed of [1, 2, 3, 5, 8, 16, 33, 64]) {
        if (destroyed > pages) continue;
        const seen = afterShortDestroy(mode, pages, destroyed);
        const about = `${mode}, ${destroyed} of ${pages} pages`;
        assertEquals(seen.table, seen.machine, about);
        assertEquals(seen.tableBytes, seen.leakedBytes, about);
        if (seen.table.length > 2) lost++;
      }
    }
  }
  // The two neighbouring ranges stay allocated in any case. A part of the range is lost only if the
  // size classes of the two lengths differ.
  assertEquals(lost > 20, true);
});

Deno.test("of what lies at one address an unmap ends what has its length, then what has its direction; of memory its device's, then its request's", () => {
  const ends = (sizeBytes: number, dir: DmaDirection) => {
    const { dev, machine } = testBench({ iommu: { mode: "off" } });
    const recording = new MachineRecording(machine, RUNTIME_TABLES);
    const phys = 0x10_0000 as PhysAddr;
    for (const [size, direction] of [[8, 1], [16, 0], [8, 0], [24, 1]] as const) {
      machine.dma.dmaMapPhys(dev, phys, size, direction, 0);
    }
    machine.dma.dmaUnmapPhys(dev, phys as number as DmaAddr, sizeBytes, dir, 0);
    const table = recording.table("mappings");
    const rows = table.rowsAt(machine.events.seq).map((row) => table.row(row) as never);
    recording.stop();
    return rows.map(({ size_bytes, dir }) => `${size_bytes} ${dir}`).sort();
  };
  const all = ["16 bidirectional", "24 to_device", "8 bidirectional", "8 to_device"];
  const without = (row: string) => all.filter((each) => each !== row);
  assertEquals(ends(8, 1), without("8 to_device"));
  assertEquals(ends(8, 0), without("8 bidirectional"));
  assertEquals(ends(16, 1), without("16 bidirectional"));
  assertEquals(ends(24, 0), without("24 to_device"));
  const like = (device: string, request: number) =>
    likeness({ createdSeq: 0, device, request }, { device: "a", request: 1 } as never);
  const order = [like("a", 1), like("a", 2), like("b", 1), like("b", 2)];
  assertEquals([order.toSorted((a, b) => b - a), new Set(order).size], [order, 4]);
});
