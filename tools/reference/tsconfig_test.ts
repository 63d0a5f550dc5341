import { assert } from "@std/assert";
import { join } from "node:path";
import { ROOT } from "@dmalab/tests";
import { REFERENCE_COMMAND } from "./builtins_page.ts";
import { tsconfigText } from "./tsconfig.ts";

Deno.test("tsconfig.json has the entries of all members", () => {
  const text = Deno.readTextFileSync(join(ROOT, "tsconfig.json"));
  assert(text === tsconfigText(), `tsconfig.json is old: ${REFERENCE_COMMAND}`);
});
