/** The search of a device's answers: each small driver probes with it, and none without. */
import { assertEquals } from "@std/assert";
import { withKeptCompiler } from "./c_together.ts";
import { checkSearched, checkWithTree } from "./searched.ts";
import { DRIVERS_WITH_TREE, SEARCHED_DRIVERS } from "./searched_drivers.ts";

Deno.test("a search finds what each of the small drivers wants of its device", async (t) => {
  assertEquals(SEARCHED_DRIVERS.length >= 20, true);
  await withKeptCompiler(
    t,
    Object.fromEntries([
      ...SEARCHED_DRIVERS.map((driver) => [driver.wants, () => checkSearched(driver)] as const),
      ...DRIVERS_WITH_TREE.map(([wants, source]) => [wants, () => checkWithTree(source)] as const),
    ]),
  );
});
