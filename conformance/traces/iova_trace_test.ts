import { assert, assertEquals } from "@std/assert";
import { goldenFiles, goldenLines } from "../../tests/replay/golden_files.ts";
import { IovaTrace, type TraceLine } from "./iova_trace.ts";

const FILES = goldenFiles("iova").filter((name) => !name.startsWith("dma-"));

Deno.test("IovaAllocator answers every raw allocator trace as the kernel's own code did", async (t) => {
  assert(FILES.length >= 25, `Expected at least 25 traces, found ${FILES.length}`);
  for (const name of FILES) {
    await t.step(name, async () => {
      const trace = new IovaTrace();
      for (const [index, line] of (await goldenLines(`iova/${name}`)).entries()) {
        assertEquals(trace.run(line as TraceLine), null, `line ${index + 1} differs`);
      }
    });
  }
});
