import { assert, assertEquals } from "@std/assert";
import { DmaTrace } from "./dma_trace.ts";
import { goldenFiles, goldenLines } from "../../tests/replay/golden_files.ts";
import type { TraceLine } from "./iova_trace.ts";

const FILES = goldenFiles("iova").filter((name) => name.startsWith("dma-"));

Deno.test("the mapping layer answers every trace as the kernel's own code did", async (t) => {
  assert(FILES.length >= 25, `Expected at least 25 traces, found ${FILES.length}`);
  for (const name of FILES) {
    await t.step(name, async () => {
      const trace = new DmaTrace();
      for (const [index, line] of (await goldenLines(`iova/${name}`)).entries()) {
        const difference = trace.run(line as TraceLine);
        assertEquals(difference, null, `line ${index + 1} differs: ${JSON.stringify(line)}`);
      }
    });
  }
});
