/**
 * Costs of simulated objects for the host: retained memory, and work. Limits for scripts are
 * computed from these numbers, so a limit is only as reliable as they are (docs/dev/code-rules.md).
 */
import { assertEquals } from "@std/assert";
import {
  eventId,
  EventRecorder,
  EventStream,
  HostBudget,
  layOutMemory,
  MIB,
  PageAllocator,
  type PhysAddr,
  PhysicalMemory,
  Random,
  VirtualClock,
} from "@dmalab/runtime";
import { PatternStore } from "./nvme/controller/media.ts";
import { block, lender, PeerBench } from "./pci/_lab.ts";

const at = (phys: number) => phys as PhysAddr;
const IRQ = eventId("irq");

function home() {
  const memory = new PhysicalMemory(
    layOutMemory({ ramSizeBytes: 64 * MIB, windows: [], regions: [] }),
  );
  return { memory, pages: new PageAllocator(memory), random: new Random(1) };
}

/** A row: the action's name, the memory retained after the action, its work, and the action. */
type Row = readonly [what: string, heldBytes: number, units: number, act: () => void];

function holds(budget: HostBudget, rows: readonly Row[]): void {
  const costs = rows.map(([what, , , act]) => {
    act();
    return [what, budget.heldBytes, budget.takeWork()];
  });
  assertEquals(costs, rows.map(([what, heldBytes, units]) => [what, heldBytes, units]));
}

Deno.test("memory: a page that was written holds its bytes, and a walk over pages is 8 units each", () => {
  const { memory } = home();
  const bytes = new Uint8Array(3 * 4096);
  holds(memory.budget, [
    ["read in a page", 0, 0, () => memory.read(at(0), bytes, 0, 4096)],
    ["read over an edge", 0, 16, () => memory.read(at(4095), bytes, 0, 2)],
    ["write nothing", 0, 0, () => memory.write(at(0), bytes, 0, 0)],
    ["write in a page", 4096, 0, () => memory.write(at(1), bytes, 0, 4095)],
    ["write over an edge", 8192, 16, () => memory.write(at(1), bytes, 0, 4096)],
    ["write over three pages", 12288, 24, () => memory.write(at(0), bytes, 0, 12288)],
    ["fill with zeros what is not there", 12288, 8, () => memory.fill(at(0x8000), 4096, 0)],
    ["fill two pages", 20480, 16, () => memory.fill(at(0x8000), 8192, 1)],
    ["copy nothing onto nothing", 20480, 8, () => memory.copy(at(0x10000), at(0x20000), 64)],
    ["copy a page to one place", 24576, 8, () => memory.copy(at(0x8000), at(0x20000), 4096)],
    ["copy where both have an edge", 28672, 24, () => memory.copy(at(0x8800), at(0x20400), 4096)],
  ]);
});

Deno.test("a disk: 4096 bytes a chunk that was written, 32 for a span of zeros", () => {
  const budget = new HostBudget();
  const store = new PatternStore(0x5a00_0000, 2 ** 30, budget);
  const bytes = new Uint8Array(16384);
  holds(budget, [
    ["a byte", 4096, 0, () => store.write(0, bytes, 0, 1)],
    ["the same chunk", 4096, 0, () => store.write(4095, bytes, 0, 1)],
    ["two more", 12288, 0, () => store.write(4096, bytes, 0, 8192)],
    ["zeros over all three", 32, 0, () => store.zero(0, 12288)],
    ["zeros beside them", 32, 0, () => store.zero(12288, 4096)],
    ["zeros somewhere else", 64, 0, () => store.zero(2 ** 20, 8192)],
    ["zeros between", 32, 0, () => store.zero(16384, 2 ** 20 - 16384)],
    ["zeros in the middle of a chunk", 4128, 0, () => store.zero(2 ** 21 + 1, 100)],
    ["zeros over an edge", 12320, 0, () => store.zero(2 ** 22 - 1, 2)],
  ]);
});

Deno.test("an event that is kept: 384 bytes, 100 units", () => {
  const budget = new HostBudget();
  const stream = new EventStream(new VirtualClock());
  const recorder = new EventRecorder(stream, 10, budget);
  const raise = () => {
    if (stream.tick(IRQ)) stream.emit(IRQ, { vector: 0, cpu: 0 });
  };
  holds(budget, [
    ["no listener", 0, 0, raise],
    ["the first", 384, 100, () => {
      recorder.start();
      raise();
    }],
    ["the second", 768, 100, raise],
    ["it has stopped", 768, 0, () => {
      recorder.stop();
      raise();
    }],
  ]);
});

Deno.test("peers: 64 bytes for a page that a program has mapped, 16 units to free it", () => {
  const bench = new PeerBench([block("root_port", "rp", [lender("p")])]);
  const { providers } = bench.lab.topology;
  const func = bench.func("p");
  const { budget } = bench.lab.machine;
  const before = budget.heldBytes;
  budget.takeWork();
  const mapping = providers.userMap(func, { sizeBytes: 8193 });
  if (typeof mapping === "number") throw new Error(`not mapped: ${mapping}`);
  // Three pages cost 64 bytes each, 192 bytes together, which are charged before the mapping is
  // made. Each 16 bytes cost one unit of work, so the work is 12 units.
  assertEquals([budget.heldBytes - before, budget.takeWork()], [192, 12]);
  const own = providers.alloc(func, 4096)!;
  // `free` searches the three pages that the program has mapped, at one unit each.
  assertEquals([providers.free(func, own), budget.takeWork()], [true, 3]);
  providers.userUnmap(func, mapping);
  assertEquals([budget.heldBytes - before, budget.takeWork()], [0, 48]);
});
