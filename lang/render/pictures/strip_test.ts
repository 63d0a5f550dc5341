import { assertEquals } from "@std/assert";
import { Random } from "@dmalab/runtime";
import { stripCells, usedBar } from "./strip.ts";

Deno.test("a cell of a strip shows the first kind of those whose ranges lie in it", () => {
  const random = new Random(1);
  const order = ["new", "gone", "mapped"] as const;
  for (let round = 0; round < 300; round++) {
    const scale = { start: 100 * random.below(5), cellBytes: 1 + random.below(9), cells: 20 };
    const pieces = Array.from({ length: random.below(8) }, () => ({
      start: 100 * random.below(5) + random.below(200),
      sizeBytes: 1 + random.below(60),
      kind: order[random.below(3)]!,
    }));
    const expected = Array.from({ length: scale.cells }, (_, cell) => {
      const from = scale.start + cell * scale.cellBytes;
      const here = pieces.filter(({ sizeBytes, start }) =>
        start < from + scale.cellBytes && start + sizeBytes > from
      );
      return order.find((kind) => here.some((each) => each.kind === kind)) ?? null;
    });
    assertEquals(stripCells(pieces, scale, order), expected);
  }
  const scale = { start: 0, cellBytes: 2, cells: 4 };
  assertEquals(usedBar([{ start: 3, sizeBytes: 2 }], scale), "▕░██░▏");
});
