import { assertEquals } from "@std/assert";
import { Iotlb } from "./iotlb.ts";

const PAGE = 4096;
const MIB_2 = 2 ** 21;

/** Where an entry leads, or -1. */
function led(iotlb: Iotlb, domain: number, iova: number): number {
  const entry = iotlb.lookup(domain, iova);
  return entry < 0 ? -1 : iotlb.physOf(entry, iova);
}

const range = (hardwareFirst: number, hardwareLast: number) => ({ hardwareFirst, hardwareLast });

Deno.test("Iotlb keeps the offset in the page, and the domains apart", () => {
  const iotlb = new Iotlb(4);
  iotlb.insert(1, 0xffff_f123, 0x5123, PAGE, 3, 0);
  assertEquals(led(iotlb, 1, 0xffff_f456), 0x5456);
  assertEquals(led(iotlb, 2, 0xffff_f456), -1);
});

Deno.test("Iotlb covers a page of the leaf's size", () => {
  const iotlb = new Iotlb(4);
  iotlb.insert(0, 5 * MIB_2 + 0x3000, 9 * MIB_2 + 0x3000, MIB_2, 3, 0);
  assertEquals(led(iotlb, 0, 5 * MIB_2), 9 * MIB_2);
  assertEquals(led(iotlb, 0, 6 * MIB_2 - 1), 10 * MIB_2 - 1);
  assertEquals(led(iotlb, 0, 6 * MIB_2), -1);
});

Deno.test("Iotlb replaces the entry used longest ago", () => {
  const iotlb = new Iotlb(2);
  iotlb.insert(0, 1 * PAGE, 0x1_0000, PAGE, 3, 0);
  iotlb.insert(0, 2 * PAGE, 0x2_0000, PAGE, 3, 0);
  assertEquals(led(iotlb, 0, 1 * PAGE), 0x1_0000);
  iotlb.insert(0, 3 * PAGE, 0x3_0000, PAGE, 3, 0);
  assertEquals(led(iotlb, 0, 2 * PAGE), -1);
  assertEquals(led(iotlb, 0, 1 * PAGE), 0x1_0000);
  assertEquals(iotlb.used, 2);
});

Deno.test("Iotlb forgets what a flush touches, whatever the page size, and nothing else", () => {
  const iotlb = new Iotlb(8);
  iotlb.insert(0, 0, 0x1_0000, PAGE, 3, 0);
  iotlb.insert(0, PAGE, 0x2_0000, PAGE, 3, 0);
  iotlb.insert(0, MIB_2, 4 * MIB_2, MIB_2, 3, 0);
  iotlb.insert(1, PAGE, 0x3_0000, PAGE, 3, 0);
  iotlb.invalidate(0, range(PAGE, MIB_2));
  assertEquals(led(iotlb, 0, 0), 0x1_0000);
  assertEquals(led(iotlb, 0, PAGE), -1);
  assertEquals(led(iotlb, 0, MIB_2 + 5), -1);
  assertEquals(led(iotlb, 1, PAGE), 0x3_0000);
});

Deno.test("Iotlb forgets a range larger than itself, or a domain, by looking at every entry", () => {
  const iotlb = new Iotlb(4);
  for (let page = 0; page < 3; page++) iotlb.insert(0, page * PAGE, page * PAGE, PAGE, 3, 0);
  iotlb.insert(1, 0, 0, PAGE, 3, 0);
  iotlb.invalidate(0, range(PAGE, 2 ** 40));
  assertEquals(iotlb.used, 2);
  iotlb.invalidateDomain(0);
  assertEquals(iotlb.used, 1);
  assertEquals(led(iotlb, 1, 0), 0);
});

Deno.test("Iotlb tells whether an entry lets an access through, and looking uses no entry", () => {
  const tlb = new Iotlb(2);
  tlb.insert(1, 0x1000, 0x5000, PAGE, 3, 0);
  tlb.insert(1, MIB_2, 2 * MIB_2, MIB_2, 0, 0);
  const held = [0x1000, 0x1fff, 0x2000, 0x20_0000, 0x3f_ffff].map((iova) => tlb.holds(1, iova));
  assertEquals(held, [true, true, false, false, false]);
  assertEquals(tlb.holds(2, 0x1000), false);
  // The entry looked at is still the one used longest ago.
  tlb.insert(1, 0x9000, 0x7000, PAGE, 3, 0);
  assertEquals([tlb.holds(1, 0x1000), tlb.holds(1, 0x9000)], [false, true]);
});

Deno.test("Iotlb of no entries remembers nothing", () => {
  const iotlb = new Iotlb(0);
  iotlb.insert(0, 0, 0, PAGE, 3, 0);
  assertEquals(led(iotlb, 0, 0), -1);
});
