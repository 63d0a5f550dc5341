/** The drivers in C on other kernels. Also every bug planted in them that the short suite leaves out. */
import { loadFiles, loadOpened, programOf } from "./c_together.ts";
import { assertHolds, findPlanted, loadPlanted, openFew } from "./planted_bugs.ts";
import { BLOCK_DRIVER } from "./planted_block.ts";
import { NIC_DRIVER } from "./planted_nic.ts";
import { NVME_DRIVER } from "./planted_nvme.ts";

const [planted, [releases, nicKernels, nvmeKernels], [many]] = await Promise.all([
  Promise.all([BLOCK_DRIVER, NIC_DRIVER, NVME_DRIVER].map((each) => loadPlanted(each, "rest"))),
  loadFiles([
    "extensions/c_drivers/drivers/block/block_releases.dma",
    "extensions/c_drivers/drivers/nic/other_kernels.dma",
    "extensions/c_drivers/drivers/nvme/other_kernels.dma",
  ]),
  loadOpened([openFew("extensions/c_drivers/drivers/nic/ring_many.dma", "frames_in_all")]),
]);

for (const each of planted) {
  Deno.test(`each planted bug of ${each.driver.folder} is found by its test, in its words`, (t) =>
    findPlanted(t, each));
}

Deno.test("the block driver in C on other releases, and with pages of 64 KiB", () =>
  assertHolds(programOf(releases!), 7));

for (const [folder, kernels] of [["nic", nicKernels], ["nvme", nvmeKernels]] as const) {
  Deno.test(`the ${folder} driver in C with pages of 64 KiB, and on a release without the two-step API`, () =>
    assertHolds(programOf(kernels!), 2));
}

Deno.test("extensions/c_drivers/drivers/nic/ring_many.dma: any frames, in any order, in every mode", () =>
  assertHolds(programOf(many!), 10));
