/** Boots one kernel of this machine: see `booted_kernel.ts`. */
import { dmalab } from "@dmalab/tests";
import { assertEquals, assertMatch } from "@std/assert";
import { KERNEL, kernelOptions } from "./booted_kernel.ts";

Deno.test({
  name: "a kernel of this machine does what the model does, in QEMU",
  ignore: KERNEL === null,
  fn: async () => {
    const { code, errors, output } = await dmalab(
      "kernel",
      "run",
      "extensions/real_kernel/tests/data/two_requests.dma",
      ...kernelOptions(),
    );
    assertMatch(output, /^same .*: 2 calls, \d+ requests, \d+ steps, \d+ accesses$/m, errors);
    assertMatch(output, /^1 same, 0 differ, 0 not run$/m);
    assertEquals(code, 0);
  },
});

Deno.test({
  name: "a driver of a kernel of this machine unmaps what it maps, in QEMU",
  ignore: KERNEL === null,
  fn: async () => {
    const { code, errors, output } = await dmalab(
      "kernel",
      "trace",
      "--device",
      "nvme",
      ...["read", "write", "unbind"].flatMap((work) => ["--work", work]),
      ...kernelOptions(),
    );
    assertMatch(output, /^done +bound to nvme; read: 48 of 48 requests; write: 48 of 48/m, errors);
    assertMatch(output, /^left after unbind +nothing, of [\d_]+ mappings$/m);
    assertMatch(output, /^nvme on .*: nothing is proved or likely to be wrong$/m);
    assertEquals(code, 0);
  },
});
