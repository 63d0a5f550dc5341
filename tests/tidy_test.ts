/** The code is in order: each finding of `tests/tidy.ts` is corrected, or excused with a reason. */
import { memberEntries } from "@dmalab/tools";
import { assertEquals } from "@std/assert";
import { join } from "node:path";
import { builtinsPages } from "@dmalab/tools/developers";
import { FOLDER_FILES } from "@dmalab/cli/scenario";
import { readSources, ROOT, SOURCE_FOLDERS } from "./source_text.ts";
import { type Finding, House, judge } from "./tidy.ts";
import * as excuses from "./tidy_excuses.ts";

const FOLDERS = SOURCE_FOLDERS;
const STARTED = ["deno.json", "package.json", ".ci/run"];

function isFile(path: string): boolean {
  try {
    return Deno.statSync(join(ROOT, path)).isFile;
  } catch {
    return false;
  }
}

const house = new House(
  readSources([...FOLDERS, "tests", "mod.ts"]),
  // VS Code loads its extension by the name of the bundle.
  "extensions/editor/vscode/extension.ts" +
    STARTED.map((path) => Deno.readTextFileSync(join(ROOT, path))).join("\n"),
  memberEntries(),
);

/** The checks, each with its list of excuses. */
const RULES: readonly (readonly [string, () => Finding[], keyof typeof excuses])[] = [
  ["every file is imported or started", () => house.deadFiles(), "DEAD_FILES"],
  ["what is exported is imported", () => house.unusedExports(), "UNUSED_EXPORTS"],
  ["an exported type has a name of its own", () => house.repeatedTypes(), "REPEATED_TYPES"],
  [
    "no interface repeats the only class of its member that implements it",
    () => house.singleClassInterfaces(),
    "SINGLE_CLASS_INTERFACES",
  ],
  ["comments name what is there", () => house.staleComments(isFile), "STALE_COMMENTS"],
  ["no file is long", () => house.longFiles(), "LONG_FILES"],
  ["no function is long", () => house.longFunctions(), "LONG_FUNCTIONS"],
  ["no function takes many parameters", () => house.longParameterLists(), "LONG_PARAMETER_LISTS"],
  ["no module has a state", () => house.mutableModules(), "MODULE_STATE"],
  ["no closure keeps its machine", () => house.oldClosures(), "OLD_CLOSURES"],
  ["no cast is forced", () => house.forcedCasts(), "FORCED_CASTS"],
];

for (const [fact, find, list] of RULES) {
  Deno.test(`${fact}, or is excused in tests/tidy_excuses.ts`, () => {
    assertEquals(judge(list, find(), excuses[list]), []);
  });
}

Deno.test("pages name sources that are there", () => {
  // A page may name files in a folder made by `dmalab init`, and generated pages.
  const made = [...FOLDER_FILES.map(({ path }) => path), ...builtinsPages().keys()];
  const isThere = (path: string) => isFile(path) || made.includes(path);
  const pages = [
    "README.md",
    ...[...Deno.readDirSync(join(ROOT, "docs"))].map(({ name }) => `docs/${name}`),
  ]
    .filter((path) => path.endsWith(".md"));
  const gone = pages.flatMap((page) => {
    const text = Deno.readTextFileSync(join(ROOT, page));
    return house.missingFiles(page, text, isThere).map((name) => `${page} names ${name}`);
  });
  assertEquals(gone, []);
});

const planted = (...sources: readonly (readonly [path: string, text: string])[]) =>
  new House(sources.map(([path, text]) => ({ path, text })), "cli/main.ts");
const keys = (findings: readonly Finding[]) => findings.map(({ key }) => key);

Deno.test("judge() tells of what has no excuse, and of excuses that nothing needs", () => {
  const findings = [{ key: "a.ts f", text: "a.ts:1 f is long" }];
  assertEquals(judge("LONG", findings, { "a.ts f": "why" }), []);
  assertEquals(judge("LONG", findings, {}), ["a.ts:1 f is long"]);
  assertEquals(judge("LONG", [], { "a.ts f": "why" }), [
    'LONG: "a.ts f" needs no excuse any more; drop it',
  ]);
});

Deno.test("deadFiles() sees a file that only its own test imports", () => {
  const found = planted(
    ["cli/main.ts", 'import "./used.ts";\nnew Worker(new URL("./worker.ts", import.meta.url));'],
    ["cli/used.ts", ""],
    ["cli/worker.ts", ""],
    ["cli/dead.ts", ""],
    ["cli/dead_test.ts", 'import "./dead.ts"; import "./_rig.ts";'],
    ["cli/_rig.ts", ""],
    ["cli/_lost.ts", ""],
  ).deadFiles();
  assertEquals(keys(found), ["cli/dead.ts", "cli/_lost.ts"]);
});

Deno.test("unusedExports() sees values that no file takes, by any way of taking", () => {
  const found = planted(
    [
      "lang/a.ts",
      "export const one = 1, two = 2;\nexport function three() {}\nexport class Four {}",
    ],
    ["lang/all.ts", "export const five = 5;"],
    ["lang/b.ts", 'import { one as uno } from "./a.ts";\nimport * as all from "./all.ts";'],
    ["lang/c.ts", 'export { three } from "./a.ts";'],
  ).unusedExports();
  assertEquals(keys(found), ["lang/a.ts two", "lang/a.ts Four"]);
});

Deno.test("unusedExports() asks who takes what `export *` passes on", () => {
  const found = planted(
    ["lang/a.ts", "export const one = 1, two = 2;"],
    ["lang/mod.ts", 'export * from "./a.ts";'],
    ["cli/b.ts", 'import { one } from "../lang/mod.ts";'],
  ).unusedExports();
  assertEquals(keys(found), ["lang/a.ts two"]);
});

Deno.test("repeatedTypes() sees a name that two files export, and no second declaration in one", () => {
  const found = planted(
    ["lang/a.ts", "export class Row {}\nexport interface Row {}\nexport type Own = 1;"],
    ["cli/b.ts", "export interface Row {}\ntype Own = 2;"],
  ).repeatedTypes();
  assertEquals(keys(found), ["cli/b.ts Row"]);
});

Deno.test("singleClassInterfaces() sees an interface with one class in its member", () => {
  const found = planted(
    [
      "lang/a.ts",
      "export interface Once {}\nexport interface Twice {}\nexport interface Abroad {}\n" +
      "export interface Never {}\nexport interface Base {}\nexport interface Faked {}\n" +
      "interface More extends Base {}\nclass A implements Twice, More {}\ninterface Own {}",
    ],
    [
      "lang/b.ts",
      'import type { Once as Uno, Twice } from "./a.ts";\nimport type * as a from "./a.ts";\n' +
      "function f() { return class implements Uno {}; }\nclass B implements Twice, a.Faked {}\n" +
      "interface Own {}\nclass C extends B implements Own {}\ntype Whole = Pick<C, never>;\n" +
      "class D implements Whole {}",
    ],
    ["lang/b_test.ts", "interface OfTest {}\nclass E implements Faked, OfTest {}"],
    ["cli/c.ts", "class F implements Abroad {}"],
    ["extensions/one/a.ts", "export interface There {}\nexport interface Here {}"],
    ["extensions/one/b.ts", "class G implements Here {}"],
    ["extensions/two/a.ts", "class H implements There {}"],
  ).singleClassInterfaces();
  assertEquals(keys(found), [
    "lang/a.ts Once",
    "lang/a.ts Base",
    "lang/a.ts More",
    "lang/b.ts Own",
    "extensions/one/a.ts Here",
  ]);
  assertEquals(found[0]!.text, "lang/a.ts:1 only f of lang/b.ts implements Once: use the class");
});

Deno.test("staleComments() sees files and names that are gone, and no words of the kernel", () => {
  const found = planted(
    [
      "lang/a.ts",
      "// See lang/gone.ts and b.ts, `Machine.isGone()`, `dma_map_phys` and `goneToo`.\n",
    ],
    ["lang/vm/b.ts", 'class Machine {}\nconst text = "// lang/lost.ts `notThere`";'],
  ).staleComments(() => false);
  assertEquals(keys(found), ["lang/a.ts lang/gone.ts", "lang/a.ts isGone", "lang/a.ts goneToo"]);
});

Deno.test("longFunctions() and longFiles() see what does not fit, tests apart", () => {
  const body = "  go();\n".repeat(69);
  const long: [string, string] = [
    "lang/a.ts",
    `class A {\n  #b() {\n${body}  }\n  c() {\n${body.slice(8)}  }\n}`,
  ];
  const file = "go();\n".repeat(1501);
  const found = planted(long, ["lang/a_test.ts", long[1]], ["lang/b.ts", file], [
    "tests/b.ts",
    file,
  ]);
  assertEquals(keys(found.longFunctions()), ["lang/a.ts A.#b"]);
  assertEquals(keys(found.longFiles()), ["lang/b.ts"]);
});

Deno.test("longParameterLists() sees a seventh parameter", () => {
  const found = planted([
    "lang/a.ts",
    "function f(a, b, c, d, e, g) {}\nclass A { constructor(a, b, c, d, e, f, g) {} }",
  ]);
  assertEquals(keys(found.longParameterLists()), ["lang/a.ts A.constructor"]);
});

Deno.test("mutableModules() sees variables, tables that are written later, and static fields", () => {
  const text = [
    "let count = 0;",
    "const table = new Map();",
    "table.set(1, 2);",
    "const cache = new Map();",
    "const list: number[] = [];",
    "const fixed = [1];",
    "function f(fixed: number[]) { cache.set(1, 2); list[0]++; fixed.push(1); }",
    "class A { static made = 0; static readonly limit = 1; }",
  ].join("\n");
  assertEquals(keys(planted(["lang/a.ts", text]).mutableModules()).sort(), [
    "lang/a.ts A.made",
    "lang/a.ts cache",
    "lang/a.ts count",
    "lang/a.ts list",
  ]);
});

Deno.test("forcedCasts() sees `as unknown as`", () => {
  const text = "const a = b as unknown as C;\nconst d = e as unknown;";
  assertEquals(keys(planted(["lang/a.ts", text]).forcedCasts()), ["lang/a.ts C"]);
});

Deno.test("oldClosures() sees functions that are assigned, and getters of literals", () => {
  const text = "a.b = () => 1;\nc[0] = function () {};\nconst d = { get e() { return 1; } };\n" +
    "const f = () => 1;\na.b = f;\nclass G { h = () => 1; get i() { return 1; } }";
  const found = planted(["runtime/a.ts", text], ["cli/a.ts", text]).oldClosures();
  assertEquals(keys(found), ["runtime/a.ts a.b", "runtime/a.ts c[0]", "runtime/a.ts e"]);
});
