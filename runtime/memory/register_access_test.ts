import { assertEquals } from "@std/assert";
import { at, testBench } from "../dma/testing.ts";
import {
  readLittleEndian,
  readRegister,
  readWideRegister,
  writeLittleEndian,
  writeRegister,
  writeWideRegister,
} from "./register_ports.ts";

const PHYS = at(0x10_0040);

Deno.test("of a number the lower bits are written, and 64 bits are two words of their own", () => {
  const { machine } = testBench();
  const { memory } = machine;
  writeLittleEndian(memory, PHYS, 1, 0x1ff);
  assertEquals(readLittleEndian(memory, PHYS, 2), 0xff);
  writeLittleEndian(memory, PHYS, 2, -2);
  assertEquals(readLittleEndian(memory, PHYS, 4), 0xfffe);
  for (const [low, high] of [[1, 0x8000_0000], [0xffff_ffff, 0xffff_ffff]] as const) {
    writeWideRegister(machine, PHYS, low, high);
    assertEquals(readWideRegister(machine, PHYS), [low, high]);
    assertEquals(memory.readU64Parts(PHYS), [low, high]);
  }
});

Deno.test("a register is a device's where one answers, and memory elsewhere", () => {
  const { machine } = testBench();
  const written: [number, number][] = [];
  machine.registers.add(PHYS, 8, {
    read32: (offset) => 0x100 + offset,
    write32: (offset, value) => void written.push([offset, value]),
  });
  const behind = at(PHYS + 8);
  for (const phys of [PHYS, behind]) writeRegister(machine, phys, 4, 9);
  assertEquals(written, [[0, 9]]);
  assertEquals([readRegister(machine, at(PHYS + 4), 4), readRegister(machine, behind, 4)], [
    0x104,
    9,
  ]);
  assertEquals(readLittleEndian(machine.memory, PHYS, 4), 0);
});
