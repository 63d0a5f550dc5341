import { assert, assertEquals } from "@std/assert";
import { FUNCTIONS, GROUPS, TYPES, wordSpecs } from "../../lang/builtins/mod.ts";
import { builtinsPages, REFERENCE_COMMAND } from "./builtins_page.ts";

const DOCS = new URL("../../docs/", import.meta.url);
const PAGES = builtinsPages();

/** Lines of an entry: what a person sees of it at once. */
const SCREEN_LINES = 45;

Deno.test("docs/builtins.md and docs/builtins/ are what the entries of lang/builtins/ say", () => {
  for (const [path, text] of PAGES) {
    const written = Deno.readTextFileSync(new URL(path, DOCS));
    assertEquals(written, text, `docs/${path} is old: ${REFERENCE_COMMAND}`);
  }
  const there = [...Deno.readDirSync(new URL("builtins/", DOCS))].map(({ name }) => name);
  const wanted = [...PAGES.keys()].flatMap((path) => path.match(/^builtins\/(.*)$/)?.[1] ?? []);
  assertEquals(there.sort(), wanted.sort());
});

Deno.test("each function and each type is on one page, with all it has, and in the list of pages", () => {
  const index = PAGES.get("builtins.md")!;
  const names = GROUPS.flatMap(({ functions }) => functions.map(({ name }) => name));
  assertEquals([names.length, new Set(names).size], [FUNCTIONS.size, FUNCTIONS.size]);
  for (const { functions, page: name, types } of GROUPS) {
    const page = PAGES.get(`builtins/${name}.md`)!;
    for (const { name } of functions) {
      assert(page.includes(`\n## ${name}\n`), name);
      assert(index.includes(`#${name})`), name);
    }
    for (const { fields, methods, name } of types) {
      assert(page.includes(`\n## Type ${name}\n`), name);
      assert(index.includes(`#type-${name.replaceAll(".", "")})`), name);
      for (const method of methods) assert(page.includes(`\n### ${name}.${method.name}\n`));
      for (const field of fields()) assert(page.includes(`| \`.${field.name}\` |`), field.name);
    }
  }
  assertEquals(GROUPS.flatMap(({ types }) => types).length, TYPES.size);
  const constants = PAGES.get("builtins/constants.md")!;
  for (const { name } of wordSpecs()) assert(constants.includes(`| \`${name}\` |`), name);
});

Deno.test("every link of the pages leads to a heading that is there", () => {
  const anchorsOf = (text: string) =>
    new Set(
      [...text.matchAll(/^#+ (.*)$/gm)].map(([, title]) =>
        title!.toLowerCase().replaceAll(" ", "-").replaceAll(/[^\w-]+/g, "")
      ),
    );
  for (const [path, text] of PAGES) {
    const folder = path.slice(0, path.lastIndexOf("/") + 1);
    for (const [, file, anchor] of text.matchAll(/\]\(([^)#]*)#([^)]*)\)/g)) {
      const target = file === "" ? path : folder + file;
      assert(anchorsOf(PAGES.get(target) ?? "").has(anchor!), `${path}: ${target}#${anchor}`);
    }
  }
});

Deno.test("no function or method takes more than a screen", () => {
  for (const [path, text] of PAGES) {
    if (path === "builtins.md") continue;
    for (const entry of text.split(/^(?=###? )/m)) {
      const [title] = entry.split("\n");
      if (!/^(### |## \w+$)/.test(title!) || path.endsWith("constants.md")) continue;
      const lines = entry.trimEnd().split("\n").length;
      assert(lines <= SCREEN_LINES, `${path}: ${title} takes ${lines} lines`);
    }
  }
});
