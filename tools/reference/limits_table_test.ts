import { assert, assertThrows } from "@std/assert";
import { join } from "node:path";
import { ROOT } from "@dmalab/tests";
import { REFERENCE_COMMAND } from "./builtins_page.ts";
import { withLimitTable } from "./limits_table.ts";

Deno.test("docs/language/running.md has the limits, and the commands that have the option", () => {
  const page = Deno.readTextFileSync(join(ROOT, "docs/language/running.md"));
  assert(page === withLimitTable(page), `docs/language/running.md is old: ${REFERENCE_COMMAND}`);
  assertThrows(() => withLimitTable("no place"), RangeError);
});
