import { assertEquals } from "@std/assert";
import { Iotlb } from "./iotlb.ts";

const PAGE = 4096;
const MIB_2 = 2 ** 21;

Deno.test("Iotlb tells whether an entry lets an access through, and looking uses no entry", () => {
  const tlb = new Iotlb(2);
  tlb.insert(1, 0x1000, 0x5000, PAGE, 3, 0);
  tlb.insert(1, MIB_2, 2 * MIB_2, MIB_2, 0, 0);
  const held = [0x1000, 0x1fff, 0x2000, 0x20_0000, 0x3f_ffff].map((iova) => tlb.holds(1, iova));
  assertEquals(held, [true, true, false, false, false]);
  assertEquals(tlb.holds(2, 0x1000), false);
  // `holds` does not count as a use: this entry is still the least recently used.
  tlb.insert(1, 0x9000, 0x7000, PAGE, 3, 0);
  assertEquals([tlb.holds(1, 0x1000), tlb.holds(1, 0x9000)], [false, true]);
});

Deno.test("Iotlb of no entries remembers nothing", () => {
  const iotlb = new Iotlb(0);
  iotlb.insert(0, 0, 0, PAGE, 3, 0);
  assertEquals(iotlb.lookup(0, 0), -1);
});
