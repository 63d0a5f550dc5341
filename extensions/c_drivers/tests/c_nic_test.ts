import { assertEquals, assertMatch } from "@std/assert";
import { runProgramWith } from "@dmalab/lang/run";
import { applyPatch, loadPatched } from "../compiler/patched.ts";
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

Deno.test("a failure that is injected in C has the call stack of the failing call, with the line of each function", async () => {
  const file = `${ROOT}/extensions/c_drivers/drivers/nic`;
  const text = Deno.readTextFileSync(`${file}/bugs/03-leak-in-error-path.patch`);
  const [loaded] = await loadPatched(`${file}/ring_nic.dma`, [{ file: "ring_nic.c", text }]);
  const match = ["everything that can fail fails once [iommu.mode = strict]"];
  const { outcomes } = runProgramWith(null, loaded!.program!, { only: "tests", match });
  const { lines } = outcomes.find(({ failure }) => failure !== null)!.failure!;
  const at = lines.findIndex((line) => line.trim() === "call stack of the failing call:");
  const frames = lines.slice(at + 1, at + 3).map((line) => line.replace(/\S+\//, "").trim());
  assertEquals(frames, ["nic_send() at ring_nic.c:220:9", "nic_xmit() at ring_nic.c:259:10"]);
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
