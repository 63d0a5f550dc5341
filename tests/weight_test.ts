/** What each folder weighs, in lines of TypeScript. The sum only falls: who raises a number says why in the commit. */
import { assertEquals } from "@std/assert";
import { join } from "node:path";
import { filesBelow, ROOT } from "./source_text.ts";
import weight from "./weight.json" with { type: "json" };

/** Lines of each folder; product and helpers apart from tests. */
function weigh(): Record<string, { product: number; tests: number }> {
  const sums: Record<string, { product: number; tests: number }> = {};
  for (const folder of Object.keys(weight)) {
    const sum = sums[folder] = { product: 0, tests: 0 };
    for (const path of filesBelow(join(ROOT, folder))) {
      if (!path.endsWith(".ts")) continue;
      const lines = Deno.readTextFileSync(path).split("\n").length - 1;
      sum[path.endsWith("_test.ts") ? "tests" : "product"] += lines;
    }
  }
  return sums;
}

Deno.test("no folder is heavier than tests/weight.json says", () => {
  const heavier = Object.entries(weigh()).filter(([folder, { product, tests }]) => {
    const known = weight[folder as keyof typeof weight];
    return product > known.product || tests > known.tests;
  });
  assertEquals(
    Object.fromEntries(heavier),
    {},
    "say why in the commit, and in tests/weight.json how much",
  );
});
