import { assertEquals } from "@std/assert";
import { at, testBench } from "../dma/testing.ts";
import {
  readLittleEndian,
  readRegister,
  writeLittleEndian,
  writeRegister,
} from "./register_access.ts";

const PHYS = at(0x10_0040);

Deno.test("1, 2, 4 and 8 bytes are written and read the lowest byte first, and none beside them", () => {
  const { memory } = testBench().machine;
  const value = 0x11_2233_4455_6677;
  const bytes = [0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11, 0x00];
  const around = new Uint8Array(12);
  for (const sizeBytes of [1, 2, 4, 8] as const) {
    memory.write(at(PHYS - 2), new Uint8Array(12).fill(0xee), 0, 12);
    const written = sizeBytes === 8 ? value : value % 256 ** sizeBytes;
    writeLittleEndian(memory, PHYS, sizeBytes, written);
    memory.read(at(PHYS - 2), around, 0, 12);
    const others = (count: number) => new Array<number>(count).fill(0xee);
    const whole = [...others(2), ...bytes.slice(0, sizeBytes), ...others(10 - sizeBytes)];
    assertEquals([...around], whole, `${sizeBytes}`);
    assertEquals(readLittleEndian(memory, PHYS, sizeBytes), written);
  }
});

Deno.test("of a number the lower bits are written, and all ones are -1 where they are 64", () => {
  const { memory } = testBench().machine;
  writeLittleEndian(memory, PHYS, 1, 0x1ff);
  assertEquals(readLittleEndian(memory, PHYS, 2), 0xff);
  writeLittleEndian(memory, PHYS, 2, -2);
  assertEquals(readLittleEndian(memory, PHYS, 4), 0xfffe);
  writeLittleEndian(memory, PHYS, 4, -1);
  assertEquals(readLittleEndian(memory, PHYS, 8), 0xffff_ffff);
  memory.write(PHYS, new Uint8Array(8).fill(0xff), 0, 8);
  assertEquals(readLittleEndian(memory, PHYS, 8), -1);
  // Beyond 2^53 where a number says it, bit for bit.
  for (
    const [low, high, said] of [
      [0, 0x8000_0000, 2 ** 63],
      [0x800, 0x8000_0000, 2 ** 63 + 2048],
      [1, 0x8000_0000, NaN],
      [0xffff_ff00, 0xffff_ffff, NaN],
      [0xffff_ffff, 0x1f_ffff, 2 ** 53 - 1],
    ] as const
  ) {
    memory.writeU32(PHYS, low);
    memory.writeU32(at(PHYS + 4), high);
    assertEquals(readLittleEndian(memory, PHYS, 8), said);
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
