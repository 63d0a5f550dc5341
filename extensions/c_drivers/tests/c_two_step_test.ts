/** The two-step API from C: ranges, copies of their states, attributes of links, mappings that need no unmap. */
import { assertEquals, assertMatch } from "@std/assert";
import { dmalab } from "@dmalab/tests";

Deno.test("a copy of a dma_iova_state ends its range, and one of other values is refused", async () => {
  const { code, errors, output } = await dmalab(
    "test",
    "extensions/c_drivers/tests/c/two_step.dma",
  );
  assertEquals([code, errors], [0, ""], output);
  assertMatch(output, /a copy of the state ends its range \[iommu\.mode = strict\] \.\.\. ok/);
  assertMatch(output, /\n\nok \| 11 passed/);
});
