import { assertEquals, assertThrows } from "@std/assert";
import { makePageTable, type PageTableConfig } from "./iommu_models.ts";
import { PTE_READ } from "./page_table.ts";

const [KIB_4, KIB_16, KIB_64] = [4096, 16384, 65536];
const ALL = Array.from({ length: 30 }, (_, bit) => KIB_4 * 2 ** bit);

function table(config: Partial<PageTableConfig>) {
  return makePageTable({
    model: "vtd",
    granuleBytes: KIB_4,
    addressBits: 48,
    pageSizesBytes: ALL,
    ...config,
  });
}

Deno.test("each model's tables have as many levels as its addresses take, and AMD's grow (dma.md 5.1)", () => {
  const tables = (config: Partial<PageTableConfig>) => {
    const made = table(config);
    assertEquals([made.tables, made.map(0, 0, made.granuleBytes, PTE_READ)], [1, 0]);
    return made.tables;
  };
  assertEquals([39, 48, 57].map((addressBits) => tables({ addressBits })), [3, 4, 5]);
  const x86 = (addressBits: number) => tables({ model: "vtd_first_stage", addressBits });
  assertEquals([48, 57].map(x86), [4, 5]);
  assertEquals([39, 48, 57].map((addressBits) => tables({ model: "amd", addressBits })), [3, 3, 3]);
  const arm = (granuleBytes: number) => tables({ model: "smmu", granuleBytes });
  assertEquals([arm(KIB_4), arm(KIB_16), arm(KIB_64)], [4, 4, 3]);
});

Deno.test("of the sizes that are asked for a model has those that its levels make, smallest first (dma.md 5.1)", () => {
  const sizes = (config: Partial<PageTableConfig>) => [...table(config).pageSizesBytes];
  const [MIB, GIB] = [2 ** 20, 2 ** 30];
  assertEquals(sizes({}), [KIB_4, 2 * MIB, GIB]);
  assertEquals(sizes({ pageSizesBytes: [GIB, 2 * MIB] }), [KIB_4, 2 * MIB, GIB]);
  assertEquals(sizes({ pageSizesBytes: [] }), [KIB_4]);
  assertEquals(sizes({ pageSizesBytes: [KIB_4] }), [KIB_4]);
  assertEquals(sizes({ model: "amd" }), ALL);
  assertEquals(sizes({ model: "amd", pageSizesBytes: [GIB, 8192, KIB_4] }), [KIB_4, 8192, GIB]);
  const arm = (granuleBytes: number) => sizes({ model: "smmu", granuleBytes });
  assertEquals(arm(KIB_4), [KIB_4, 2 * MIB, GIB]);
  assertEquals([arm(KIB_16), arm(KIB_64)], [[KIB_16, 32 * MIB], [KIB_64, 512 * MIB]]);
});

Deno.test("a granule that a model does not have is refused with those that it has", () => {
  const error = assertThrows(() => table({ granuleBytes: KIB_16 }), RangeError);
  assertEquals(
    error.message,
    'Cannot build an IOMMU of model "vtd" with a granule of 16384 bytes: it has 4096',
  );
  const arm = assertThrows(() => table({ model: "smmu", granuleBytes: 8192 }), RangeError);
  assertEquals(arm.message.endsWith("it has 4096, 16384, 65536"), true);
});
