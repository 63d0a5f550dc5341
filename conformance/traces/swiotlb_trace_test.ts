import { assert, assertEquals } from "@std/assert";
import type { TraceLine } from "./iova_trace.ts";
import { SwiotlbTrace } from "./swiotlb_trace.ts";
import { goldenFiles, goldenLines } from "../../tests/replay/golden_files.ts";

const FILES = goldenFiles("swiotlb");

Deno.test("SwiotlbPool answers every line of the pool's traces as the kernel's pool", async (t) => {
  assert(FILES.length >= 15, `Expected at least 15 traces, found ${FILES.length}`);
  for (const name of FILES) {
    await t.step(name, async () => {
      const trace = new SwiotlbTrace();
      for (const [index, line] of (await goldenLines(`swiotlb/${name}`)).entries()) {
        assertEquals(trace.run(line as TraceLine), null, `line ${index + 1} differs`);
      }
    });
  }
});
