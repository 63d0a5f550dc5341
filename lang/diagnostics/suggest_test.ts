import { assertEquals } from "@std/assert";
import { editDistance } from "@dmalab/runtime/basics";
import { didYouMean, nearestNames, similarNames } from "./suggest.ts";

const CALLS = [
  "dma_map_phys",
  "dma_unmap_phys",
  "dma_iova_link",
  "dma_iova_unlink",
  "dma_iova_try_alloc",
];

Deno.test("editDistance() counts changes, and an exchange of neighbours as one", () => {
  assertEquals(editDistance("", "abc"), 3);
  assertEquals(editDistance("test", "test"), 0);
  assertEquals(editDistance("tset", "test"), 1);
  assertEquals(editDistance("memry", "memory"), 1);
  assertEquals(editDistance("abcd", "dcba"), 3);
});

Deno.test("nearestNames() finds misspelled names, closest first", () => {
  assertEquals(nearestNames("dma_map_phy", CALLS), ["dma_map_phys"]);
  assertEquals(nearestNames("dma_iova_lnik", CALLS), ["dma_iova_link"]);
  assertEquals(nearestNames("DMA_MAP_PHYS", CALLS), ["dma_map_phys"]);
  assertEquals(nearestNames("dma_iova_alloc_try", CALLS), ["dma_iova_try_alloc"]);
  assertEquals(nearestNames("memset", CALLS), []);
  assertEquals(nearestNames("x", ["y", "z"]), []);
});

Deno.test("didYouMean() names one, or two that are equally close", () => {
  assertEquals(didYouMean("tset", ["test", "bench"]), "did you mean `test`?");
  assertEquals(didYouMean("rint", ["print", "hint", "lint"]), "did you mean `print`?");
  assertEquals(didYouMean("mint", ["hint", "lint"]), "did you mean `hint` or `lint`?");
  assertEquals(didYouMean("zzz", ["test"]), undefined);
});

Deno.test("a short word with two wrong letters must at least begin alike", () => {
  assertEquals(nearestNames("cuont", ["front", "count"]), ["count"]);
  assertEquals(nearestNames("cuont", ["front"]), []);
  assertEquals(nearestNames("fornt", ["front"]), ["front"]);
});

Deno.test("similarNames() puts those with most parts of the name first, short ones before long ones", () => {
  const names = ["dma_map_sg", "dma_map_page", "alloc_pages", "page", "pci_alloc_p2pmem"];
  assertEquals(
    similarNames("map_page", names),
    "similar names: `dma_map_page`, `page`, `dma_map_sg`",
  );
  assertEquals(similarNames("alloc", names), "similar names: `alloc_pages`, `pci_alloc_p2pmem`");
  assertEquals(similarNames("zorro", names), undefined);
});
