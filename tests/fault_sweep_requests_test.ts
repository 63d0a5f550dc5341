/** The sweeps over requests for one release, and for each leaking defect alone. */
import { assertEquals } from "@std/assert";
import { KERNELS, type QuirkName } from "@dmalab/runtime/kernels";
import {
  at,
  DIRECT,
  LAZY,
  leaksWith,
  LOW_MASK,
  pages,
  SHAPES,
  STRICT,
  testOwnDefects,
  testWithoutDefects,
  WITNESS,
  WITNESS_SHAPES,
} from "./sweeps/request_sweeps.ts";

testWithoutDefects(WITNESS, WITNESS_SHAPES);
testOwnDefects(WITNESS);

Deno.test("partial_destroy_on_link_failure: of a range as much is lost as was not linked yet", () => {
  const quirks = new Set<QuirkName>(["partial_destroy_on_link_failure"]);
  const twelve = { controller: {}, shape: pages(12), op: "read" as const };
  for (const environment of [STRICT, LAZY]) {
    // If the first link fails, nothing is linked yet, and the whole range is freed. The size of a
    // later free is rounded up to a size class, because rcaches have no other sizes (dma.md 3.5). A
    // free of 3 pages frees 4 pages, and a free of 5 to 8 pages frees 8. A free of 9 pages is
    // rounded up to the class of the whole range, so nothing is lost.
    const freed = [1, 2, 4, 4, 8, 8, 8, 8];
    assertEquals(
      leaksWith(quirks, { ...twelve, environment }),
      freed.map((pages, index) => `dma_iova_link ${index + 2}: iova ${(12 - pages) * 4096}`),
    );
  }
  assertEquals(leaksWith(quirks, { ...twelve, environment: DIRECT }), []);
});

Deno.test("partial_destroy_on_list_failure: 31 of 32 pages stay mapped for each try", () => {
  const quirks = new Set<QuirkName>(["partial_destroy_on_list_failure"]);
  const each = { controller: {}, shape: pages(32), op: "read" as const };
  const lost = `page_table ${31 * 4096}, iova ${31 * 4096}, mapping 1`;
  // The allocation of the pool's block fails, or an allocation of the memory by which the pool
  // grows.
  assertEquals(leaksWith(quirks, { ...each, environment: STRICT }), [
    `dma_pool_alloc 1: ${lost}`,
    `dma_alloc_coherent 1: ${lost}`,
    `alloc_pages 1: ${lost}`,
    `iova.alloc 2: ${lost}`,
  ]);
  assertEquals(leaksWith(quirks, { ...each, environment: DIRECT }), []);
  // One range is one SGL data block: no list is needed.
  assertEquals(leaksWith(quirks, { ...each, controller: { sgl: true }, environment: STRICT }), []);
});

Deno.test("bounce_slot_lost_on_array_failure: the first bounce inside a request is never freed", () => {
  const quirks = new Set<QuirkName>(["bounce_slot_lost_on_array_failure"]);
  const shape = SHAPES["low, then high"]!;
  const each = { controller: {}, shape, op: "read" as const };
  assertEquals(leaksWith(quirks, { ...each, environment: LOW_MASK }), [
    "mempool_alloc 1: bounce_slots 2",
  ]);
  // If the first segment itself bounces, its mapping is undone: the defect leaks only a bounce
  // after other segments.
  const high = at(4096, 0x1_2000_0000, 0x1_2000_8000);
  assertEquals(leaksWith(quirks, { ...each, shape: high, environment: LOW_MASK }), []);
});

Deno.test("6.12 has none of these defects", () => {
  const these: readonly QuirkName[] = [
    "partial_destroy_on_link_failure",
    "partial_destroy_on_list_failure",
    "bounce_slot_lost_on_array_failure",
  ];
  assertEquals(these.filter((name) => KERNELS["6.12.117"].quirks.has(name)), []);
});
