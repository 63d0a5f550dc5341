import { assertEquals } from "@std/assert";
import { DMA_MAPPING_ERROR, type DmaAddr, GIB, type PhysAddr } from "../../address.ts";
import { ERRNO } from "../../errno.ts";
import { layOutMemory } from "../../memory/layout.ts";
import { RangeMap } from "./range_map.ts";

function map(...ranges: readonly (readonly [cpu: number, dma: number, sizeBytes: number])[]) {
  return new RangeMap(
    ranges.map(([cpuPhys, dma, sizeBytes]) => ({
      cpuPhys: cpuPhys as PhysAddr,
      dma: dma as DmaAddr,
      sizeBytes,
    })),
  );
}

const RAM = layOutMemory({ ramSizeBytes: 3 * GIB, windows: [], regions: [] });

Deno.test("a range leads memory to another address, and memory outside of all nowhere (dma.md ch. 1 assertion 1)", () => {
  const one = map([0x8000_0000, 0, GIB]);
  assertEquals(one.dmaOf(0x8000_1000), 0x1000);
  assertEquals(one.dmaOf(0x7fff_f000), DMA_MAPPING_ERROR);
  assertEquals(one.dmaOf(0xc000_0000), DMA_MAPPING_ERROR);
  assertEquals(one.physOf(0x1000), 0x8000_1000);
  assertEquals(one.physOf(GIB), -1);
});

Deno.test("of several ranges the first that holds the address answers (dma.md 1.1)", () => {
  const two = map([0, 0x4000_0000, GIB], [0, 0x8000_0000, 2 * GIB]);
  assertEquals(two.dmaOf(0x1000), 0x4000_1000);
  assertEquals(two.dmaOf(GIB), 0xc000_0000);
  assertEquals(two.physOf(0x8000_1000), 0x1000);
});

Deno.test("ranges are told as memory, with their addresses where these differ, and as addresses", () => {
  const two = map([0x4000_0000, 0, GIB], [0x1_0000_0000, 0x1_0000_0000, GIB]);
  assertEquals(
    two.memoryText,
    "0x4000_0000-0x7fff_ffff at 0x0, 0x1_0000_0000-0x1_3fff_ffff",
  );
  assertEquals(two.addressText, "0x0-0x3fff_ffff, 0x1_0000_0000-0x1_3fff_ffff");
  assertEquals(two.lastDma, 0x1_3fff_ffff);
  assertEquals(map([0, GIB, GIB], [GIB, 0, GIB]).lastDma, 2 * GIB - 1);
});

Deno.test("RAM is covered by one range or by several together (dma.md 1.7, addressing limited)", () => {
  assertEquals(map([0, 0, 3 * GIB]).coversRam(RAM), true);
  assertEquals(map([GIB, 0, 2 * GIB], [0, 4 * GIB, GIB]).coversRam(RAM), true);
  assertEquals(map([0, 0, GIB], [2 * GIB, GIB, GIB]).coversRam(RAM), false);
});

Deno.test("gaps lie below, between and above the ranges; each takes a byte of the range behind it (dma.md 4.1, 4.6)", () => {
  const last = 2 ** 32 - 1;
  assertEquals(map([0, 0x1000_0000, 0x1000_0000], [GIB, 0x4000_0000, 0x1000]).gaps(last), [
    { start: 0, end: 0x1000_0001 },
    { start: 0x2000_0000, end: 0x4000_0001 },
    { start: 0x4000_1000, end: 2 ** 32 },
  ]);
  // The order of the ranges does not matter.
  assertEquals(
    map([GIB, 0x4000_0000, 0x1000], [0, 0x1000_0000, 0x1000_0000], [2 * GIB, 0, 0x1000]).gaps(last),
    [
      { start: 0x1000, end: 0x1000_0001 },
      { start: 0x2000_0000, end: 0x4000_0001 },
      { start: 0x4000_1000, end: 2 ** 32 },
    ],
  );
  assertEquals(map([0, 0x1000, 2 ** 32 - 0x1000]).gaps(last), [{ start: 0, end: 0x1001 }]);
  assertEquals(map([0, 0x1000, 2 ** 32 - 0x2000]).gaps(last), [
    { start: 0, end: 0x1001 },
    { start: 2 ** 32 - 0x1000, end: 2 ** 32 },
  ]);
  // A gap may extend up to the last address; a range that begins after it is out of reach.
  assertEquals(map([0, last, 1]).gaps(last), [{ start: 0, end: last + 1 }]);
  assertEquals(map([0, last + 1, 1]).gaps(last), -ERRNO.EFAULT);
  assertEquals(map([0, 0, 4 * GIB]).gaps(last), []);
  assertEquals(map([0, 0, 0x2000], [GIB, 0x1000, 0x1000]).gaps(last), -ERRNO.EINVAL);
  assertEquals(map([0, 2 ** 32, GIB]).gaps(last), -ERRNO.EFAULT);
});
