import { assert, assertEquals } from "@std/assert";
import { goldenFiles, goldenLines } from "../../tests/replay/golden_files.ts";
import type { TraceLine } from "./iova_trace.ts";
import { PageTableTrace } from "./pagetable_trace.ts";

const FILES = goldenFiles("pagetable");

Deno.test("the page tables answer every trace as the kernel's own code did", async (t) => {
  assert(FILES.length >= 10, `Expected at least 10 traces, found ${FILES.length}`);
  for (const name of FILES) {
    await t.step(name, async () => {
      const trace = new PageTableTrace();
      for (const [index, line] of (await goldenLines(`pagetable/${name}`)).entries()) {
        const difference = trace.run(line as TraceLine);
        assertEquals(difference, null, `line ${index + 1} differs: ${JSON.stringify(line)}`);
      }
    });
  }
});
