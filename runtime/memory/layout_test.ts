import { assertEquals, assertThrows } from "@std/assert";
import { GIB, MIB, type PhysAddr } from "../address.ts";
import { layOutMemory, ramEndPhys } from "./layout.ts";

const at = (phys: number): PhysAddr => phys as PhysAddr;

Deno.test("layOutMemory() fills 0 to 4 GiB when nothing is in the way", () => {
  const ranges = layOutMemory({ ramSizeBytes: 4 * GIB, windows: [], regions: [] });
  assertEquals(ranges, [{ name: "ram", basePhys: at(0), sizeBytes: 4 * GIB, type: "ram" }]);
  assertEquals(ramEndPhys(ranges), 0x1_0000_0000);
});

Deno.test("layOutMemory() moves the RAM that a PC's hole displaces above 4 GiB", () => {
  const ranges = layOutMemory({
    ramSizeBytes: 8 * GIB,
    windows: [{ name: "hole", basePhys: at(0xc000_0000), sizeBytes: GIB }],
    regions: [],
  });
  assertEquals(ranges, [
    { name: "ram", basePhys: at(0), sizeBytes: 3 * GIB, type: "ram" },
    { name: "hole", basePhys: at(0xc000_0000), sizeBytes: GIB, type: "mmio" },
    { name: "ram", basePhys: at(0x1_0000_0000), sizeBytes: 5 * GIB, type: "ram" },
  ]);
  assertEquals(ramEndPhys(ranges), 0x2_4000_0000);
});

Deno.test("layOutMemory() leaves whole pages to a window that starts or ends inside one", () => {
  const ranges = layOutMemory({
    ramSizeBytes: MIB,
    windows: [{ name: "port", basePhys: at(0x8_0200), sizeBytes: 0x100 }],
    regions: [],
  });
  assertEquals(ranges.map(({ basePhys, sizeBytes }) => [basePhys, sizeBytes]), [
    [0, 0x8_0000],
    [0x8_0200, 0x100],
    [0x8_1000, 0x8_0000],
  ]);
});

Deno.test("layOutMemory() makes windows of MMIO regions and only names those of RAM", () => {
  const ranges = layOutMemory({
    ramSizeBytes: 64 * MIB,
    windows: [],
    regions: [
      { name: "low", basePhys: at(MIB), sizeBytes: MIB, type: "ram" },
      { name: "window", basePhys: at(0xe000_0000), sizeBytes: 256 * MIB, type: "mmio" },
    ],
  });
  assertEquals(ranges.map(({ name, type }) => [name, type]), [["ram", "ram"], ["window", "mmio"]]);
});

Deno.test("layOutMemory() leaves a window far above the RAM where it is", () => {
  const ranges = layOutMemory({
    ramSizeBytes: GIB,
    windows: [{ name: "bar", basePhys: at(0x40_0000_0000), sizeBytes: GIB }],
    regions: [],
  });
  assertEquals(ranges.map(({ basePhys }) => basePhys as number), [0, 0x40_0000_0000]);
});

Deno.test("layOutMemory() refuses windows that overlap, and names both", () => {
  const windows = [0, 0x2000, 0x1fff].map((start, index) => ({
    name: `window${index}`,
    basePhys: at(start),
    sizeBytes: 0x1000,
  }));
  assertThrows(
    () => layOutMemory({ ramSizeBytes: GIB, windows, regions: [] }),
    RangeError,
    'window "window1" overlaps "window2"',
  );
});
