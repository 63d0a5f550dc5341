import { assertEquals, assertMatch } from "@std/assert";
import { applyPatch } from "../cli/c/patched.ts";
import { runDeno } from "./deno_process.ts";
import { findPlanted, type FoundBug } from "./planted_bugs.ts";
import { ROOT } from "./source_text.ts";

/** How each planted bug is found: by which test, and what is said of it. */
const FOUND: Readonly<Record<string, FoundBug>> = {
  "01-wrong-length": { by: "frames go out", says: /report\[unmap_size\]/ },
  "02-missing-sync": { by: "frames go out", says: /report\[cpu_touches_device_buffer\]/ },
  "03-leak-in-error-path": { by: "can fail", says: /Something leaks when `dma_map_page` fails/ },
  "04-freed-while-mapped": { by: "frames go out", says: /report\[freed_while_mapped\]/ },
  "05-read-before-sync": { by: "frames go out", says: /report\[cpu_touches_device_buffer\]/ },
  "06-one-descriptor-too-few": { by: "full ring", says: /E090\d|leak/ },
  "07-error-unchecked": { by: "frames go out", says: /report\[error_unchecked\]/ },
  "08-wrong-direction": { by: "frames go out", says: /report\[unmap_direction\]/ },
  "09-one-slot-too-many": {
    by: "frames go out",
    says:
      /reads 8 bytes 0 bytes behind a block of 64 bytes .*ring_nic\.c:\d+:\d+ \(in nic_rx_empty\(\)/,
  },
  "10-use-after-free": {
    by: "frames go out",
    says:
      /after the end of a block of 80 bytes .*in nic_free_rings\(\) at drivers\/nic\/ring_nic\.c/,
  },
  "11-page-kept": { by: "frames go out", says: /4096 bytes of memory at .* not freed/ },
  "12-not-unmapped-at-close": { by: "full ring", says: /report\[freed_while_mapped\]/ },
  "13-head-in-every-slot": { by: "frames go out", says: /kfree\(\) is given .*given back before/ },
};

Deno.test("the NIC in C: right in every mode, and each planted bug is found as it is said", (t) =>
  findPlanted(t, {
    folder: "drivers/nic",
    scenario: "ring_nic.dma",
    cFile: "ring_nic.c",
    testCount: 14,
    found: FOUND,
  }));

Deno.test("deno task demo-c shows the leak of the planted bug, with its line of C", async () => {
  const { code, output } = await runDeno(["task", "--quiet", "demo-c"], {
    folder: ROOT,
    env: { NO_COLOR: "1" },
  });
  assertEquals(code, 0);
  assertMatch(output, /everything that can fail fails once \[iommu.mode = strict\] \.\.\. ok/);
  assertMatch(output, /something leaks when `dma_map_page` fails the 5th time/);
  assertMatch(output, /--> drivers\/nic\/ring_nic\.c:213:8\n/);
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
