import { TempFolder } from "../temp_folder.ts";
import { assert, assertEquals } from "@std/assert";
import { FUNCTIONS, GROUPS, TYPES, wordSpecs } from "@dmalab/lang/builtins";
import { builtinsPages, REFERENCE_COMMAND, writeBuiltinsPages } from "./builtins_page.ts";

const DOCS = new URL("../../docs/", import.meta.url);
const PAGES = builtinsPages();

/** Maximum number of lines of an entry that fit on a screen. */
const SCREEN_LINES = 45;

Deno.test("docs/builtins.md is what the entries of lang/builtins/ say", () => {
  const written = Deno.readTextFileSync(new URL("builtins.md", DOCS));
  assert(written === PAGES.get("builtins.md"), `docs/builtins.md is old: ${REFERENCE_COMMAND}`);
});

Deno.test("writeBuiltinsPages() leaves every page in a folder, and no page of a group that is gone", () => {
  using docs = new TempFolder({ "builtins/gone.md": "# Gone" });
  writeBuiltinsPages(docs.path);
  const paths = ["", "builtins/"].flatMap((folder) =>
    [...Deno.readDirSync(docs.at(folder))].filter(({ isFile }) => isFile)
      .map(({ name }) => `${folder}${name}`)
  );
  assertEquals(paths.sort(), [...PAGES.keys()].sort());
  for (const path of paths) {
    assert(Deno.readTextFileSync(docs.at(path)) === PAGES.get(path), path);
  }
});

Deno.test("each function and each type is on one page, with all it has, and in the list of pages", () => {
  const index = PAGES.get("builtins.md")!;
  const names = GROUPS.flatMap(({ functions }) => functions.map(({ name }) => name));
  assertEquals([names.length, new Set(names).size], [FUNCTIONS.size, FUNCTIONS.size]);
  for (const { functions, page: name, types } of GROUPS) {
    const page = PAGES.get(`builtins/${name}.md`)!;
    for (const { name } of functions) {
      assert(page.includes(`\n## ${name}\n`), name);
      assert(index.includes(`#${name.toLowerCase()})`), name);
    }
    for (const { fields, methods = [], name } of types) {
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
