/** Functions and attributes that a release does not have. @see rules/dma.md 7.3 */
import { assertEquals } from "@std/assert";
import { failureOf } from "../../testing/test_support.ts";

const on = (kernel: string, call: string) =>
  failureOf(
    `machine { kernel = "${kernel}"; pci { root_port rp0 { nvme ssd { } } } }\n` +
      `let b = alloc_pages(1)\n${call}`,
  );

Deno.test("6.12 has neither dma_map_phys nor dma_need_unmap: a call says when they came (dma.md 7.3)", () => {
  const physical = "the mapping calls by physical address came with 6.18";
  const calls = {
    dma_map_phys: "dma_map_phys(ssd, b, 4KiB, to_device)",
    dma_unmap_phys: "dma_unmap_phys(ssd, 0x1000, 4KiB, to_device)",
    dma_need_unmap: "dma_need_unmap(ssd)",
  };
  for (const [name, call] of Object.entries(calls)) {
    assertEquals(on("6.12.117", call), `E0927 There is no ${name}() in 6.12.117: ${physical}`);
  }
  assertEquals(
    on(
      "7.2.6",
      "let m = dma_map_phys(ssd, b, 4KiB, to_device); dma_unmap_phys(ssd, m, 4KiB, to_device)",
    ),
    null,
  );
  assertEquals(
    on(
      "6.12.117",
      "let m = dma_map_single(ssd, b, 4KiB, to_device); dma_unmap_single(ssd, m, 4KiB, to_device)",
    ),
    null,
  );
});
