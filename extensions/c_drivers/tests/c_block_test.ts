import { loadOpened, programOf } from "./c_together.ts";
import { BLOCK_DRIVER } from "./planted_block.ts";
import { assertHolds, findPlanted, loadPlanted, openFew } from "./planted_bugs.ts";

const [planted, [many]] = await Promise.all([
  loadPlanted(BLOCK_DRIVER, "short"),
  loadOpened([openFew("extensions/c_drivers/drivers/block/block_many.dma", "requests")]),
]);

Deno.test("the block driver in C: right in strict mode, and three planted bugs are found", (t) =>
  findPlanted(t, planted));

Deno.test("extensions/c_drivers/drivers/block/block_many.dma: any requests, in any order, in every mode", () =>
  assertHolds(programOf(many!), 10));
