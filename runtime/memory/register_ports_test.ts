import { assertEquals, assertThrows } from "@std/assert";
import type { PhysAddr } from "../address.ts";
import { RegisterPorts } from "./register_ports.ts";

function rig() {
  const values = new Map<number, number>();
  const written: [number, number][] = [];
  const ports = new RegisterPorts();
  ports.add(0x1000 as PhysAddr, 0x100, {
    read32: (offset) => values.get(offset) ?? 0,
    write32: (offset, value) => void written.push([offset, value]),
  });
  return { ports, values, written };
}

Deno.test("a window answers in words of 32 bits", () => {
  const { ports, values, written } = rig();
  values.set(0, 0xffff_ffff).set(4, 1);
  assertEquals(ports.read(0x1000, 4), 0xffff_ffff);
  assertEquals(ports.read(0x1004, 4), 1);
  assertEquals(ports.write(0x1010, 4, 3), true);
  assertEquals(ports.write(0x10fc, 4, 5), true);
  assertEquals(written, [[0x10, 3], [0xfc, 5]]);
});

Deno.test("8 and 16 bits are a part of the word of a device that knows words only, which ignores such a write", () => {
  const { ports, values, written } = rig();
  values.set(4, 0x1234_5678);
  assertEquals([4, 5, 6, 7].map((at) => ports.read(0x1000 + at, 1)), [0x78, 0x56, 0x34, 0x12]);
  assertEquals([ports.read(0x1004, 2), ports.read(0x1006, 2)], [0x5678, 0x1234]);
  assertEquals(ports.write(0x1004, 2, 7), true);
  assertEquals(written, []);
});

Deno.test("a device that knows 8 and 16 bits is given them, cut to their width", () => {
  const ports = new RegisterPorts();
  const writes: (readonly number[])[] = [];
  ports.add(0x1000 as PhysAddr, 0x100, {
    read32: () => 0,
    write32() {},
    readNarrow: (offset, sizeBytes) => offset * 10 + sizeBytes,
    writeNarrow: (...all) => void writes.push(all),
  });
  assertEquals([ports.read(0x1003, 1), ports.read(0x1002, 2)], [31, 22]);
  ports.write(0x1001, 1, 0x1ff);
  ports.write(0x1002, 2, 0x1_2345);
  assertEquals(writes, [[1, 1, 0xff], [2, 2, 0x2345]]);
});

Deno.test("outside the windows no device answers, and two windows do not overlap", () => {
  const { ports, written } = rig();
  assertEquals([ports.read(0xfff, 4), ports.read(0x1100, 4)], [null, null]);
  assertEquals(ports.write(0x1100, 4, 1), false);
  assertEquals(written, []);
  const port = { read32: () => 0, write32() {} };
  assertThrows(() => ports.add(0x0fff as PhysAddr, 2, port), Error, "Two devices answer");
});
