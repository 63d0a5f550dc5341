import { assert, assertEquals } from "@std/assert";
import { FUNCTIONS, TYPES, wordSpecs } from "../../lang/builtins/mod.ts";
import { builtinsPage, REFERENCE_COMMAND } from "./builtins_page.ts";

const PAGE = new URL("../../docs/builtins.md", import.meta.url);

Deno.test("docs/builtins.md is what the entries of lang/builtins/ say", () => {
  assertEquals(
    Deno.readTextFileSync(PAGE),
    builtinsPage(),
    `docs/builtins.md is old: ${REFERENCE_COMMAND}`,
  );
});

Deno.test("the page has every function, method, field and constant, and its links lead somewhere", () => {
  const page = builtinsPage();
  for (const name of FUNCTIONS.keys()) assert(page.includes(`\n### ${name}\n`), name);
  for (const { fields, methods, name } of TYPES.values()) {
    assert(page.includes(`\n### Type ${name}\n`), name);
    for (const method of methods) assert(page.includes(`\n#### ${name}.${method.name}\n`));
    for (const field of fields()) assert(page.includes(`| \`.${field.name}\` |`), field.name);
  }
  for (const { name } of wordSpecs()) assert(page.includes(`| \`${name}\` |`), name);
  const anchors = new Set(
    [...page.matchAll(/^#+ (.*)$/gm)].map(([, title]) =>
      title!.toLowerCase().replaceAll(" ", "-").replaceAll(/[^\w-]+/g, "")
    ),
  );
  for (const [, target] of page.matchAll(/\]\(#([^)]*)\)/g)) assert(anchors.has(target!), target);
});
