import { assert, assertEquals } from "@std/assert";
import { join } from "node:path";
import { ROOT } from "@dmalab/tests";
import { SCRIPTS } from "../scripts.ts";
import { REFERENCE_COMMAND } from "./builtins_page.ts";
import { withScriptTable } from "./scripts_table.ts";

const PAGE = Deno.readTextFileSync(join(ROOT, "docs/dev/commands.md"));

Deno.test("docs/dev/commands.md has the table of all scripts", () => {
  assert(PAGE === withScriptTable(PAGE), `docs/dev/commands.md is old: ${REFERENCE_COMMAND}`);
});

Deno.test("every script is a file", () => {
  for (const [name, { module }] of Object.entries(SCRIPTS)) {
    assert(Deno.statSync(join(ROOT, module)).isFile, name);
  }
});

Deno.test("every task has a sentence and a row in docs/dev/commands.md, and there are at most 16", () => {
  const { tasks } = JSON.parse(Deno.readTextFileSync(join(ROOT, "deno.json")));
  const names = Object.keys(tasks);
  assertEquals(names.filter((name) => !tasks[name].description), []);
  assertEquals(names.filter((name) => !new RegExp(`^\\| \`${name}[ \`]`, "m").test(PAGE)), []);
  assert(names.length <= 16, `${names.length} tasks: a program that is wanted rarely is a script`);
});
