import { assert, assertThrows } from "@std/assert";
import { join } from "node:path";
import { ROOT } from "@dmalab/tests";
import { REFERENCE_COMMAND } from "./builtins_page.ts";
import { withCommandTable, withPermissionTable } from "./command_table.ts";

Deno.test("the README has all commands, as their help describes them", () => {
  const page = Deno.readTextFileSync(join(ROOT, "README.md"));
  assert(page === withCommandTable(page), `README.md is old: ${REFERENCE_COMMAND}`);
  assertThrows(() => withCommandTable("no place"), RangeError);
});

Deno.test("docs/install.md has the permissions of all commands", () => {
  const page = Deno.readTextFileSync(join(ROOT, "docs/install.md"));
  assert(page === withPermissionTable(page), `docs/install.md is old: ${REFERENCE_COMMAND}`);
});
