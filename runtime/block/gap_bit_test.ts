import { assertEquals } from "@std/assert";
import type { PhysAddr } from "../address.ts";
import { Bio, BIO_FLAG, type BioVec } from "./bio.ts";
import { bioGap, lowestBit } from "./gap_bit.ts";

Deno.test("lowestBit() counts from 1 and works above 31 bits", () => {
  assertEquals(lowestBit(0), 0);
  assertEquals(lowestBit(1), 1);
  assertEquals(lowestBit(0x200), 10);
  assertEquals(lowestBit(0x1000), 13);
  assertEquals(lowestBit(0x1200), 10);
  assertEquals(lowestBit(0x8000_0000), 32);
  assertEquals(lowestBit(2 ** 32), 33);
  assertEquals(lowestBit(2 ** 40 + 2 ** 35), 36);
});

Deno.test("bioGap() counts from where a bio begins in its first vector, and to where it ends (block.md 1.6)", () => {
  const part = (phys: number, sizeBytes: number): BioVec => ({ phys: phys as PhysAddr, sizeBytes });
  const vecs = [part(0x1000, 0x1000), part(0x5000, 0x1000), part(0x9000, 0x400)];
  const bio = new Bio("read", 0, vecs, 0x2400);
  assertEquals(bioGap(bio), 13);
  bio.advance(0x600);
  assertEquals(bioGap(bio), 13);
  bio.advance(0xa00);
  assertEquals([bio.vecIndex, bioGap(bio)], [1, 13]);
  // No vector follows the end of the last vector, or the end of a vector that the bio uses only in
  // part. Therefore these ends do not count.
  assertEquals(bioGap(bio.clone(0x800)), 0);
  const odd = new Bio("read", 0, [part(0x1200, 0x600), part(0x5000, 0x1000)], 0x1600);
  assertEquals(bioGap(odd), 12);
  odd.advance(0x200);
  assertEquals(bioGap(odd), 12);
});

Deno.test("each flag of a bio is a bit of its own", () => {
  const flags = Object.values(BIO_FLAG);
  assertEquals(flags.reduce((all: number, flag) => all | flag, 0), 2 ** flags.length - 1);
  assertEquals(flags.every((flag) => Number.isInteger(Math.log2(flag))), true);
});
