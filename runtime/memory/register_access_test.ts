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

Deno.test("1, 2 and 4 bytes are written and read the lowest byte first, and none beside them", () => {
  const { memory } = testBench().machine;
  const value = 0x4455_6677;
  const bytes = [0x77, 0x66, 0x55, 0x44];
  const around = new Uint8Array(12);
  for (const sizeBytes of [1, 2, 4] as const) {
    memory.write(at(PHYS - 2), new Uint8Array(12).fill(0xee), 0, 12);
    const written = value % 256 ** sizeBytes;
    writeLittleEndian(memory, PHYS, sizeBytes, written);
    memory.read(at(PHYS - 2), around, 0, 12);
    const others = (count: number) => new Array<number>(count).fill(0xee);
    const whole = [...others(2), ...bytes.slice(0, sizeBytes), ...others(10 - sizeBytes)];
    assertEquals([...around], whole, `${sizeBytes}`);
    assertEquals(readLittleEndian(memory, PHYS, sizeBytes), written);
  }
});

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
