import { assertEquals, assertMatch } from "@std/assert";
import { applyPatch } from "../compiler/patched.ts";
import { ROOT, runDeno } from "@dmalab/tests";
import { NIC_DRIVER } from "./planted_nic.ts";
import { findPlanted, loadPlanted } from "./planted_bugs.ts";

const planted = await loadPlanted(NIC_DRIVER, "short");

Deno.test("the NIC in C: right in strict mode, and three planted bugs are found", (t) =>
  findPlanted(t, planted));

Deno.test("deno task demo-c shows the leak of the planted bug, with its line of C (long)", async () => {
  const { code, output } = await runDeno(["task", "--quiet", "demo-c"], {
    folder: ROOT,
    env: { NO_COLOR: "1" },
  });
  assertEquals(code, 0);
  assertMatch(output, /everything that can fail fails once \[iommu.mode = strict\] \.\.\. ok/);
  assertMatch(output, /leak when `dma_map_page` at \S+ fails the 5th time/);
  assertMatch(output, /--> extensions\/c_drivers\/drivers\/nic\/ring_nic\.c:213:8\n/);
});

Deno.test("applyPatch() changes what the patch says, and refuses another text", () => {
  const patch = "--- a/x\n+++ b/x\n@@ -2,2 +2,2 @@\n b\n-c\n+d\n";
  assertEquals(applyPatch("a\nb\nc\ne", patch), "a\nb\nd\ne");
  let message = "";
  try {
    applyPatch("a\nb\nx\ne", patch);
  } catch (error) {
    message = (error as Error).message;
  }
  assertEquals(message, "The patch does not fit line 3");
});
