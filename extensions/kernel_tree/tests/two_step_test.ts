/**
 * Scenarios of drivers that use the two-step API. Each scenario includes one unmodified file of a tree, and the manual
 * mentions the scenario.
 */
import { assert, assertEquals } from "@std/assert";
import { join } from "node:path";
import { ROOT } from "@dmalab/tests";

const FOLDER = join(ROOT, "extensions/kernel_tree/drivers/two_step");
const USERS = {
  blk_mq_dma: "block/blk-mq-dma.c",
  dma_buf: "drivers/dma-buf/dma-buf-mapping.c",
  drm_gpusvm: "drivers/gpu/drm/drm_gpusvm.c",
  drm_pagemap: "drivers/gpu/drm/drm_pagemap.c",
  hmm: "mm/hmm.c",
  mlx5_vfio: "drivers/vfio/pci/mlx5/cmd.c",
  rdma_rw: "drivers/infiniband/core/rw.c",
  tso: "net/core/tso.c",
};

Deno.test("each user of the two-step API in 7.3 has a scenario that includes its file and maps by it", () => {
  const manual = Deno.readTextFileSync(join(ROOT, "docs/kernel-tree.md"));
  const rows = [...manual.matchAll(/^\| \[(\w+)\.dma\]\(\S*\/two_step\/\S+\) \| `(\S+)` \|/gm)];
  assertEquals(Object.fromEntries(rows.map(([, name, file]) => [name, file])), USERS);
  for (const [name, file] of Object.entries(USERS)) {
    const code = Deno.readTextFileSync(join(FOLDER, `${name}.c`));
    assertEquals([...code.matchAll(/^#include "(.*)"$/gm)].map(([, path]) => path), [file]);
    const scenario = Deno.readTextFileSync(join(FOLDER, `${name}.dma`));
    assert(scenario.includes(`c "${name}.c" { tree = `), name);
    // Each scenario asserts a result of the mapping: addresses, data, or that nothing is left.
    assert(/nic\.dma_read|assert_pages|gpu\.dma_write/.test(scenario), name);
  }
});
