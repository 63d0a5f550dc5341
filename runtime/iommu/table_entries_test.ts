/**
 * Compares the bits of entries with the interpretation by hardware according to the specifications
 * (dma.md 5.1).
 */
import { assertEquals } from "@std/assert";
import { IOMMU_MODEL_NAMES, IOMMU_MODELS, type IommuModel, makePageTable } from "./iommu_models.ts";
import {
  pageCuts,
  PTE_CACHE,
  PTE_MMIO,
  PTE_PRIVILEGED,
  PTE_READ,
  PTE_WRITE,
} from "./page_table.ts";
import { entryBits, type EntryFacts, entryWords, tablePagePhys } from "./table_entries.ts";

const MIB = 2 ** 20;
/** The bits of an address in every format, with granules of 4 KiB. */
const ADDRESS_MASK = 0x000f_ffff_ffff_f000n;
const LEAF: EntryFacts = {
  phys: 0x1234_5000,
  level: 0,
  isLeaf: true,
  flags: PTE_READ | PTE_WRITE | PTE_CACHE,
  sizeBytes: 4096,
  spanBytes: 4096,
  granuleBytes: 4096,
};
const POINTER: EntryFacts = { ...LEAF, level: 1, isLeaf: false, flags: 0 };
const LARGE: EntryFacts = {
  ...LEAF,
  phys: 0x1240_0000,
  level: 1,
  sizeBytes: 2 * MIB,
  spanBytes: 2 * MIB,
};

function bits(model: IommuModel, entry: EntryFacts): string {
  return entryBits(IOMMU_MODELS[model].entries!, entry).toString(16);
}

Deno.test("entries have the bits of their format: a page, a large page, a table (VT-d 9.7, 9.8; AMD 2.2.3; Arm VMSAv8-64)", () => {
  const seen = (model: IommuModel) => [LEAF, LARGE, POINTER].map((entry) => bits(model, entry));
  assertEquals(seen("vtd"), ["12345003", "12400083", "12345003"]);
  assertEquals(seen("vtd_scalable"), seen("vtd"));
  assertEquals(seen("vtd_first_stage"), ["12345067", "124000e7", "12345027"]);
  assertEquals(seen("amd_v2"), seen("vtd_first_stage"));
  assertEquals(seen("amd"), ["7000000012345001", "7000000012400001", "6000000012345201"]);
  assertEquals(seen("smmu"), ["12345f47", "12400f45", "12345003"]);
});

Deno.test("a permission that is not given is a bit that is not set, where the format has one (dma.md 1.6)", () => {
  const words = (model: IommuModel, flags: number) =>
    entryWords(IOMMU_MODELS[model].entries!, { ...LEAF, flags }).join(" ");
  assertEquals(words("vtd", PTE_READ), "R");
  assertEquals(words("vtd", PTE_WRITE), "W");
  assertEquals(words("vtd_first_stage", PTE_READ), "P US A");
  assertEquals(words("amd", PTE_WRITE), "PR FC IW");
  assertEquals(words("smmu", PTE_READ | PTE_MMIO), "V T Attr=2 AP=3 SH=2 AF nG");
  assertEquals(words("smmu", PTE_READ | PTE_WRITE | PTE_PRIVILEGED), "V T SH=2 AF nG");
});

Deno.test("with granules of 64 KiB an Arm descriptor has the highest address bits at its lowest place (Arm VMSAv8-64)", () => {
  const far = { ...LEAF, phys: 0xa_0000_1234_0000, sizeBytes: 65536, granuleBytes: 65536 };
  assertEquals(bits("smmu", far), "1234af47");
});

/** Whether a hardware walk ends at an entry, judged by its bits alone. */
function endsWalk(model: IommuModel, level: number, word: bigint): boolean {
  const next = word >> 9n & 7n;
  if (model === "amd") return next === 0n || next === 7n;
  return level === 0 || (model === "smmu" ? (word & 2n) === 0n : (word & 0x80n) !== 0n);
}

Deno.test("hardware that follows the bits from table to table gets to the memory that was mapped (dma.md 5.1)", () => {
  for (const model of IOMMU_MODEL_NAMES) {
    if (IOMMU_MODELS[model].entries === null) continue;
    const pageSizesBytes = [4096, 2 * MIB];
    const table = makePageTable({ model, granuleBytes: 4096, pageSizesBytes, addressBits: 48 });
    assertEquals(table.map(0xffe0_0000, 0x1234_5000, 2 * MIB, PTE_READ | PTE_WRITE), 0);
    assertEquals(table.map(0x4000_0000, 0x1240_0000, 2 * MIB, PTE_READ | PTE_WRITE), 0);
    for (const iova of [0xffe0_3000, 0x4000_0000]) {
      assertEquals(table.walk(iova), true);
      const memory = table.walkPhys - iova % table.walkSizeBytes;
      const path = table.path(iova);
      const tables = path.map((entry) => tablePagePhys(2 ** 32, 0, 4096, entry.table));
      const words = path.map(({ below, level, spanBytes }) =>
        entryBits(IOMMU_MODELS[model].entries!, {
          ...LEAF,
          level,
          spanBytes,
          isLeaf: below === 0,
          phys: below === 0 ? memory : tablePagePhys(2 ** 32, 0, 4096, below),
          sizeBytes: table.walkSizeBytes,
        })
      );
      const ends = words.map((word, at) => endsWalk(model, path[at]!.level, word));
      assertEquals(ends.indexOf(true), path.length - 1, model);
      const reached = words.map((word) => Number(word & ADDRESS_MASK));
      assertEquals(reached, [...tables.slice(1), memory], model);
      assertEquals(path.at(-1)!.spanBytes, table.walkSizeBytes);
    }
    // AMD's tables add levels only when needed.
    assertEquals(table.path(table.lastAddress).length > 0, model !== "amd", model);
    assertEquals(table.path(table.lastAddress + 1), [], "beyond the tables");
    assertEquals(table.path(2 ** 52), [], "beyond the tables");
  }
});

Deno.test("a domain's tables lie behind all memory and behind those of the domains before it", () => {
  const first = (domain: number) => tablePagePhys(2 ** 32 + 4096, domain, 4096, 1);
  assertEquals<number>(first(0), 2 ** 33);
  for (const domain of [0, 1, 2]) {
    assertEquals(tablePagePhys(2 ** 32 + 4096, domain, 4096, 2) - first(domain), 4096);
    assertEquals(first(domain + 1) > tablePagePhys(2 ** 32 + 4096, domain, 4096, 2 ** 20), true);
  }
});

Deno.test("each page of a map says what kept it from the next larger size (dma.md 5.1)", () => {
  const why = (iova: number, phys: number, size: number, sizes = [4096, 2 * MIB]) =>
    pageCuts(sizes, iova, phys, size).map(({ count, obstacle, sizeBytes }) =>
      `${count} × ${sizeBytes}: ${obstacle}`
    );
  assertEquals(why(0xffc0_0000, 0x1234_5000, 4 * MIB), ["1024 × 4096: phys"]);
  assertEquals(why(0xffc0_1000, 0x1234_5000, 4 * MIB), ["1024 × 4096: iova"]);
  assertEquals(why(0xffc0_0000, 0x1240_0000, MIB), ["256 × 4096: length"]);
  assertEquals(why(0xffc0_0000, 0x1240_0000, 4 * MIB, [4096]), ["1024 × 4096: no_larger"]);
  assertEquals(why(0x1f_f000, 0x3f_f000, 2 * MIB + 8192), [
    "1 × 4096: iova",
    "1 × 2097152: no_larger",
    "1 × 4096: length",
  ]);
});
