/** A recording that is written and read back is equal to the original. */
import { assertEquals, assertThrows } from "@std/assert";
import type { PhysAddr } from "../address.ts";
import { DMA_FROM_DEVICE, DMA_TO_DEVICE } from "../dma/attributes.ts";
import { DmaIovaState } from "../dma/iova_state.ts";
import { Scatterlist } from "../dma/scatterlist.ts";
import { testBench } from "../dma/testing.ts";
import { MachineRecording, type RecordedMachine } from "./machine_recording.ts";
import { RUNTIME_TABLES } from "./tables/runtime_tables.ts";
import { readMachine, writeMachine } from "./written_machine.ts";

const PAGE = 4096;

/**
 * A recording of maps, links, faults and writes: events of many shapes, on two CPUs, with and without
 * statements.
 */
function recorded(): MachineRecording {
  const { dev, machine } = testBench({ iommu: { mode: "lazy" }, machine: { cpus: 2 } });
  const recording = new MachineRecording(machine, RUNTIME_TABLES);
  const { bus, clock, dma, events } = machine;
  const phys = (page: number) => (0x10_0000 + page * PAGE) as PhysAddr;
  for (const round of [0, 1, 2]) {
    events.context.site = round === 0 ? null : round - 1;
    const outer = events.context.enterWork(dev.name, round === 2 ? null : round);
    events.context.cpu = round % 2;
    recording.statements.note(events.seq, 7 * round, 1 + round);
    const one = dma.dmaMapPhys(dev, phys(0), 700, DMA_FROM_DEVICE);
    bus.write(dev, one, Uint8Array.of(round, 1, 2, 3), 0, 4);
    clock.nowNs += 1e6 * round + 0.5;
    dma.dmaUnmapPhys(dev, one, 700, DMA_FROM_DEVICE);
    bus.read(dev, 0x5000, new Uint8Array(4), 0, 4);
    recording.statements.noteReturn(events.seq, 2);
    const list = new Scatterlist([3, 9].map((page) => ({ phys: phys(page), sizeBytes: PAGE })));
    dma.dmaMapSg(dev, list, DMA_TO_DEVICE);
    const state = new DmaIovaState();
    dma.dmaIovaTryAlloc(dev, state, phys(20), 2 * PAGE);
    dma.dmaIovaLink(dev, state, phys(20), 0, PAGE, DMA_TO_DEVICE, 0);
    dma.dmaIovaSync(dev, state, 0, PAGE);
    recording.activities.note(events.seq);
    events.context.leave(outer);
  }
  recording.stop();
  return recording;
}

/** The complete content of a recording. */
function contentOf({ activities, log, memory, statements, tables }: RecordedMachine) {
  const returns: number[][] = [];
  statements.forEachReturn((...each) => void returns.push(each));
  const ends: number[] = [];
  for (let at = activities.after(-1); at !== null; at = activities.after(at)) ends.push(at);
  return {
    events: Array.from({ length: log.count }, (_, index) => log.event(index + 1)),
    tables: [...tables].map(([name, table]) => [
      name,
      Array.from({ length: table.count }, (_, row) => table.row(row)),
    ]),
    statements: Array.from({ length: statements.count }, (_, index) => [
      statements.seqAt(index + 1),
      statements.numberAt(index + 1),
      statements.depthAt(index + 1),
    ]),
    returns,
    ends,
    writes: Array.from({ length: memory.count }, (_, index) => memory.write(index)),
  };
}

Deno.test("a recording that is written and read again has the same events, tables, statements and bytes", () => {
  const recording = recorded();
  const written = writeMachine(recording);
  const read = readMachine(written, RUNTIME_TABLES);
  const content = contentOf(recording);
  assertEquals(contentOf(read), content);
  assertEquals(read.granules, recording.granules);
  assertEquals(
    [
      content.events.length > 60,
      content.ends.length,
      content.returns.length,
      content.statements.length,
    ],
    [true, 3, 3, 3],
  );
  assertEquals(content.writes.length > 0, true);
  assertThrows(() => readMachine(written.slice(0, -1), RUNTIME_TABLES), RangeError, "cut off");
});

Deno.test("a recording's memory is that of its logs and of its tables", () => {
  const recording = recorded();
  const { activities, log, memory, statements, tables } = recording;
  const parts = [log, statements, activities, memory, ...tables.values()];
  assertEquals(recording.hostBytes, parts.reduce((sum, part) => sum + part.hostBytes, 0));
  assertEquals([...tables.values()].some(({ hostBytes }) => hostBytes > 0), true);
});
