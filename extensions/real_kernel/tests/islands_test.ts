import { assertEquals } from "@std/assert";
import type { PhysAddr } from "@dmalab/runtime";
import { Islands } from "../plan/islands.ts";

const vec = (phys: number, sizeBytes: number) => ({ phys: phys as PhysAddr, sizeBytes });

Deno.test("pages that follow each other are one island, and their order stays", () => {
  const islands = new Islands([vec(0x9000, 0x1000), vec(0x4200, 0x1800), vec(0x6000, 0x1000)]);
  assertEquals(islands.list, [{ firstPage: 4, pages: 3 }, { firstPage: 9, pages: 1 }]);
  assertEquals(islands.pieceOf(vec(0x4200, 0x1800)), {
    island: 0,
    offsetBytes: 0x200,
    sizeBytes: 0x1800,
  });
  const starts = new Map([[0, 0x100000], [1, 0x104000]]);
  assertEquals(islands.guestPhys(0x6010, starts), 0x102010);
  assertEquals(islands.guestPhys(0x9fff, starts), 0x104fff);
  assertEquals(islands.guestPhys(0x8000, starts), null);
});

Deno.test("a piece is cut only where its island is larger than a huge page", () => {
  const small = new Islands([vec(0x1ff000, 0x2000)]);
  assertEquals(small.isCut(vec(0x1ff000, 0x2000)), false);
  const large = new Islands([vec(0x200000, 0x400000)]);
  assertEquals(large.isCut(vec(0x200000, 0x200000)), false);
  assertEquals(large.isCut(vec(0x300000, 0x200000)), true);
});
