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

Deno.test("a window answers in words of 32 bits, of 64 the lower half first", () => {
  const { ports, values, written } = rig();
  values.set(0, 0xffff_ffff).set(4, 1);
  assertEquals(ports.read(0x1000, 4), 0xffff_ffff);
  assertEquals(ports.read(0x1000, 8), 0x1_ffff_ffff);
  values.set(4, 0xffff_ffff);
  assertEquals(ports.read(0x1000, 8), -1);
  assertEquals(ports.write(0x1010, 8, 0x2_0000_0003), true);
  assertEquals(ports.write(0x10fc, 4, 5), true);
  assertEquals(written, [[0x10, 3], [0x14, 2], [0xfc, 5]]);
});

Deno.test("beside the windows nobody answers, and two windows do not overlap", () => {
  const { ports, written } = rig();
  assertEquals([ports.read(0xfff, 4), ports.read(0x1100, 4)], [null, null]);
  assertEquals(ports.write(0x1100, 4, 1), false);
  assertEquals(written, []);
  const port = { read32: () => 0, write32() {} };
  assertThrows(() => ports.add(0x0fff as PhysAddr, 2, port), Error, "Two devices answer");
});
