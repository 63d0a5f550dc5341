import { assertEquals } from "@std/assert";
import { GenericPageTable } from "./generic_page_table.ts";
import { coverByHardware, type Invalidation, rangeBytes } from "./invalidation.ts";
import { IOMMU_MODELS, type IommuModel } from "./iommu_models.ts";

const TABLE = new GenericPageTable({ pageSizesBytes: [4096], addressBits: 48 });

function covered(
  model: IommuModel,
  first: number,
  last: number,
  allAbove = 0,
): [number, number, boolean] {
  const invalidation: Invalidation = {
    first,
    last,
    hardwareFirst: -1,
    hardwareLast: -1,
    whole: false,
  };
  coverByHardware(IOMMU_MODELS[model].flushes, allAbove, TABLE, invalidation);
  return [invalidation.hardwareFirst, invalidation.hardwareLast, invalidation.whole];
}

Deno.test("VT-d flushes the smallest aligned block around a range, the domain for one that is too large (dma.md ch. 5 assertion 4, 5.2)", () => {
  assertEquals(covered("vtd", 0x7000, 0x7fff), [0x7000, 0x7fff, false]);
  assertEquals(covered("vtd", 0x7000, 0x8fff), [0, 0xffff, false]);
  assertEquals(covered("vtd", 0xffff_e000, 0xffff_ffff), [0xffff_e000, 0xffff_ffff, false]);
  assertEquals(covered("vtd", 0, 2 ** 30 - 1), [0, 2 ** 30 - 1, false]);
  assertEquals(covered("vtd", 0, 2 ** 30), [0, 2 ** 48 - 1, true]);
});

Deno.test("AMD and Arm flush the range itself, Arm all above a number of pages (dma.md 5.2)", () => {
  for (const [model, allAbove] of [["amd", 0], ["smmu", 0], ["smmu", 2]] as const) {
    assertEquals(covered(model, 0x7000, 0x8fff, allAbove), [0x7000, 0x8fff, false]);
  }
  assertEquals(covered("smmu", 0x7000, 0x9fff, 2), [0, 2 ** 48 - 1, true]);
  assertEquals(covered("amd", 0x7000, 0x9fff, 2), [0x7000, 0x9fff, false]);
});

Deno.test("a range behind a whole domain is flushed as a range again (dma.md 5.2)", () => {
  const invalidation = {
    first: 0,
    last: 2 ** 30,
    hardwareFirst: -1,
    hardwareLast: -1,
    whole: false,
  };
  const { flushes } = IOMMU_MODELS.vtd;
  coverByHardware(flushes, 0, TABLE, invalidation);
  Object.assign(invalidation, { first: 0x7000, last: 0x7fff });
  coverByHardware(flushes, 0, TABLE, invalidation);
  assertEquals([invalidation.hardwareLast, invalidation.whole], [0x7fff, false]);
});

Deno.test("a range ends with its last byte, and one of all addresses is as long as its space", () => {
  const { lastAddress } = TABLE;
  assertEquals(rangeBytes(TABLE, 0, 0xfff), 0x1000);
  assertEquals(rangeBytes(TABLE, 0x1000, lastAddress), 2 ** 48 - 0x1000);
  assertEquals(rangeBytes(TABLE, 0, lastAddress), 2 ** 48);
});
