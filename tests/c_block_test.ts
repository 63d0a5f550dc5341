import { BLOCK_DRIVER } from "./planted/block.ts";
import { findPlanted, holdsWithFew } from "./planted_bugs.ts";

Deno.test("the block driver in C: right in strict mode, and three planted bugs are found", (t) =>
  findPlanted(t, BLOCK_DRIVER, "short"));

Deno.test("drivers/block/block_many.dma: any requests, in any order, in every mode", () =>
  holdsWithFew("drivers/block/block_many.dma", "requests"));
