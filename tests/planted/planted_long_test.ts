/** The drivers in C on other kernels, and every planted bug of theirs that the short suite leaves out. */
import { assertHolds, findPlanted, holdsWithFew, loadDriver } from "../planted_bugs.ts";
import { BLOCK_DRIVER } from "./block.ts";
import { NIC_DRIVER } from "./nic.ts";
import { NVME_DRIVER } from "./nvme.ts";

for (const driver of [BLOCK_DRIVER, NIC_DRIVER, NVME_DRIVER]) {
  Deno.test(`each planted bug of ${driver.folder} is found by its test, in its words`, (t) =>
    findPlanted(t, driver, "rest"));
}

Deno.test("the block driver in C on other releases, and with pages of 64 KiB", async () => {
  assertHolds(await loadDriver("drivers/block/block_releases.dma"), 7);
});

for (const folder of ["nic", "nvme"]) {
  Deno.test(`the ${folder} driver in C with pages of 64 KiB, and on a release without the two-step API`, async () => {
    assertHolds(await loadDriver(`drivers/${folder}/other_kernels.dma`), 2);
  });
}

Deno.test("drivers/nic/ring_many.dma: any frames, in any order, in every mode", () =>
  holdsWithFew("drivers/nic/ring_many.dma", "frames_in_all"));
