import { assertEquals } from "@std/assert";
import type { PhysAddr } from "../address.ts";
import { deriveLimits, type QueueLimits } from "./queue_limits.ts";
import { whyCopied } from "./user_memory.ts";

Deno.test("a user's memory is copied where a part is unaligned, or two meet off the boundary (block.md 1.8)", () => {
  const why = (boundary: number, fixed: boolean, ...parts: [phys: number, sizeBytes: number][]) => {
    const limits = deriveLimits({ dmaAlignmentMask: 3, virtBoundaryMask: boundary }, 8192);
    const vecs = parts.map(([phys, sizeBytes]) => ({ phys: phys as PhysAddr, sizeBytes }));
    return whyCopied(vecs, limits as QueueLimits, fixed);
  };
  const far = 2 ** 40;
  assertEquals([far + 1, far + 2, far + 4].map((at) => why(4095, false, [at, 512])), [
    "alignment",
    "alignment",
    null,
  ]);
  assertEquals([1, 2, 4].map((size) => why(0, true, [far, 512], [far, size])), [
    "alignment",
    "alignment",
    null,
  ]);
  const ends: [number, number][] = [[far + 512, 3584], [far + 8192, 4096], [far, 512]];
  assertEquals(why(4095, false, ...ends), null, "the first start and the last end are free");
  const gaps: [number, number][][] = [
    [[far, 512], [far + 4096, 512]],
    [[far, 4096], [far + 512, 512]],
    [[far, 4096], [far, 4096], [far + 512, 512]],
    [[far, 4096], [far, 512], [far, 4096]],
  ];
  for (const parts of gaps) {
    assertEquals([why(4095, false, ...parts), why(4095, true, ...parts)], ["gap", null]);
    assertEquals([why(511, false, ...parts), why(0, false, ...parts)], [null, null]);
  }
});
