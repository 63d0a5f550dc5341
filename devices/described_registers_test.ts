import { assertEquals } from "@std/assert";
import { type PhysAddr, PhysicalMemory } from "@dmalab/runtime";
import { DescribedRegisters } from "./described_registers.ts";

const BASE = 0x1_0000 as PhysAddr;

function rig() {
  const memory = new PhysicalMemory([
    { name: "nic", basePhys: BASE, sizeBytes: 4096, type: "mmio" },
  ]);
  return { memory, registers: new DescribedRegisters(memory, BASE, 4096) };
}

Deno.test("a register without a handler is memory", () => {
  const { memory, registers } = rig();
  registers.write32(0x10, 7);
  assertEquals([registers.read32(0x10), memory.readU32(BASE + 0x10 as PhysAddr)], [7, 7]);
  assertEquals(registers.read32(0x14), 0);
});

Deno.test("the handler set last runs after a write, with the value without a sign", () => {
  const { registers } = rig();
  const writes: string[] = [];
  registers.onWrite(0x10, (value) => void writes.push(`first ${value}`));
  registers.onWrite(0x10, (value) => void writes.push(`${value} ${registers.read32(0x10)}`));
  registers.write32(0x10, -1);
  registers.write32(0x14, 3);
  assertEquals(writes, ["4294967295 4294967295"]);
});

Deno.test("what a register is said to hold is read in place of what was written", () => {
  const { registers } = rig();
  let reads = 0;
  registers.onRead(0x20, () => ++reads);
  registers.write32(0x20, 99);
  assertEquals([registers.read32(0x20), registers.read32(0x20)], [1, 2]);
});

Deno.test("one and two bytes are those of the memory, or the lowest of what answers", () => {
  const { memory, registers } = rig();
  registers.write32(0x10, 0x1234_5678);
  const narrow = (offset: number) => [1, 2].map((size) => registers.readNarrow(offset, size as 1));
  assertEquals([narrow(0x10), narrow(0x12)], [[0x78, 0x5678], [0x34, 0x1234]]);
  registers.onRead(0x10, () => 0x0102_fedc);
  assertEquals(narrow(0x10), [0xdc, 0xfedc]);
  const writes: number[] = [];
  registers.onWrite(0x22, (value) => void writes.push(value));
  registers.writeNarrow(0x22, 2, 0xbeef);
  registers.writeNarrow(0x20, 1, 0x77);
  assertEquals([writes, memory.readU32(BASE + 0x20 as PhysAddr)], [[0xbeef], 0xbeef_0077]);
});
