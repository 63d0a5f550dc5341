/**
 * The code in the pages is correct: scenarios are run, fragments are parsed, transcripts are repeated.
 *
 * The word after `dma` in a fence decides the check. Without a word, the block is run and must pass. `quiz`: the block is run, must pass,
 * and must ask questions. `fails`: the block is run, and a test in it must fail. `fragment`: the block must have no syntax errors. `later`:
 * the block shows something that is not built yet: it must parse, and `dmalab check` must say that it is not built.
 */
import { assert, assertEquals } from "@std/assert";
import { join, relative } from "node:path";
import {
  HARD_WORDS,
  keywordsWhere,
  LoadError,
  parse,
  SOFT_WORDS,
  type SourceLoader,
} from "@dmalab/lang/syntax";
import { formatSource } from "@dmalab/lang/editor";
import { builtinsPages } from "@dmalab/tools/developers";
import { readRow } from "@dmalab/cli";
import { FUNCTIONS, TYPES } from "@dmalab/lang/builtins";
import { renderDiagnostics } from "@dmalab/lang/diagnostics";
import { loadProgram, SourceFile } from "@dmalab/lang";
import { runBench, runProgram } from "@dmalab/lang/program";
import { audited } from "@dmalab/lang/testing";
import { memberNames } from "@dmalab/lang/values";
import { type CodeBlock, codeBlocks } from "@dmalab/cli/scenario";
import { ScenarioError } from "@dmalab/cli/testing";
import { deadLinks } from "./page_links.ts";
import { filesBelow, ROOT } from "./source_text.ts";
import { place, readTranscript, runTranscript } from "./transcripts.ts";

/** The code of the diagnostic for planned parts that are not built. */
const NOT_BUILT = "E0601";

const PAGES = [
  ...["README.md", "CHANGELOG.md", "CONTRIBUTING.md", ...docs()].map((page) => ({
    page,
    text: Deno.readTextFileSync(join(ROOT, page)),
  })),
  // The first page about builtins is the list of all builtins. It is already among the pages above.
  ...[...builtinsPages()].slice(1).map(([path, text]) => ({ page: `docs/${path}`, text })),
];
/** The pages about the language. */
const LANGUAGE = PAGES.filter(({ page }) => /^docs\/language(?:\.md|\/)/.test(page))
  .map(({ text }) => text).join("\n");
const BLOCKS = PAGES.flatMap(({ page, text }) => codeBlocks(page, text));

function docs(): string[] {
  return filesBelow(join(ROOT, "docs"))
    .map((path) => relative(ROOT, path).replaceAll("\\", "/"))
    .filter((path) => path.endsWith(".md") && !/^docs\/(?:rules|builtins)\//.test(path));
}

const NO_FILES: SourceLoader = {
  load: (path) => new LoadError("not_found", `A page's block has no file "${path}"`),
};

function sourceOf(block: CodeBlock): SourceFile {
  // Line numbers are the ones of the page.
  return new SourceFile(block.page, "\n".repeat(block.line) + block.code);
}

function runBlock(block: CodeBlock): void {
  const { program, diagnostics } = loadProgram(sourceOf(block), NO_FILES);
  if (program === null || diagnostics.length > 0) {
    throw new ScenarioError(`${place(block)} is wrong`, renderDiagnostics(diagnostics).split("\n"));
  }
  const report = runProgram(audited(program), { attributeDefects: false });
  for (const { failure } of report.outcomes) {
    if (failure !== null) throw new ScenarioError(failure.message, failure.lines);
  }
  for (const bench of program.tests.filter(({ kind }) => kind === "bench")) {
    const { failure } = runBench(program, bench, { iterations: 10, warmup: 1 });
    if (failure !== null) throw new ScenarioError(failure.message, failure.lines);
  }
}

function failBlock(block: CodeBlock): void {
  const { program, diagnostics } = loadProgram(sourceOf(block), NO_FILES);
  assert(program !== null && diagnostics.length === 0, `${place(block)} is wrong`);
  const { outcomes } = runProgram(audited(program), { attributeDefects: false });
  const failures = outcomes.flatMap(({ failure }) => failure === null ? [] : [failure]);
  assert(failures.length > 0, `${place(block)} holds: drop the mark "fails"`);
  for (const { kind, code } of failures) assertEquals([kind, code], ["failed", "E0901"]);
}

function readBlock(block: CodeBlock): void {
  const { diagnostics } = parse(sourceOf(block), { mode: "repl" });
  if (diagnostics.length > 0) {
    throw new ScenarioError(
      `${place(block)} cannot be read`,
      renderDiagnostics(diagnostics).split("\n"),
    );
  }
}

function checkLater(block: CodeBlock): void {
  const { diagnostics } = loadProgram(sourceOf(block), NO_FILES);
  const errors = diagnostics.filter(({ severity }) => severity === "error");
  assert(errors.length > 0, `${place(block)} is built now: drop the mark "later"`);
  for (const { code, message } of errors) assertEquals(code, NOT_BUILT, message);
}

Deno.test("every block of the language in the pages runs, is read, or is marked as later", async (t) => {
  const blocks = BLOCKS.filter(({ language }) => language === "dma");
  assert(blocks.length >= 10, `Only ${blocks.length} blocks found`);
  for (const block of blocks) {
    await t.step(`${place(block)} ${block.marks.join(" ")}`.trim(), () => {
      switch (block.marks.join(" ")) {
        case "":
        case "quiz":
          return runBlock(block);
        case "fails":
          return failBlock(block);
        case "fragment":
          return readBlock(block);
        case "later":
          return checkLater(block);
        default:
          throw new Error(`No such mark: ${block.marks.join(" ")}`);
      }
    });
  }
});

// readme_test.ts repeats the transcripts of the README.
const TRANSCRIPTS = BLOCKS.filter(({ language, page }) =>
  language === "console" && page !== "README.md"
).flatMap((block) => readTranscript(block).map((transcript) => ({ block, ...transcript })));

/** Commands that run hundreds of cases, a scenario on each release, or twenty thousand reads. */
const LONG_COMMAND = /^dmalab (?:hunt|releases) |queues-and-locks/;

for (const long of [false, true]) {
  const name = long ? "transcripts of hunts, releases and queues" : "the other transcripts in docs";
  const size = long ? " (long)" : "";
  Deno.test(`${name} are what the commands print${size}`, async (t) => {
    const chosen = TRANSCRIPTS.filter(({ command }) => LONG_COMMAND.test(command) === long);
    assert(chosen.length > 3);
    for (const { block, command, output } of chosen) {
      await t.step(`${place(block)} ${command}`, async () => {
        assertEquals(await runTranscript(command), output);
      });
    }
  });
}

const INSTALL = "docs/install.md";
/** Pages with TypeScript; package_long_test.ts and typescript_long_test.ts check and run it. */
const TYPESCRIPT = [INSTALL, "docs/typescript.md"];

Deno.test("shell commands in the pages are ones that are known to work", () => {
  const known = [
    /^npx -y deno@2\.9\.6 task (?:demo|demo-c|test)$/,
    // Commands of the README. package_install_long_test.ts builds and installs the package with
    // these commands.
    /^npx -y deno@2\.9\.6 task package$/,
    /^npm install -g --install-links \.\/dist$/,
    /^dmalab run examples\/start\/01-first-look\.dma$/,
  ];
  for (const block of BLOCKS.filter(({ language }) => language === "sh")) {
    // package_install_long_test.ts runs the blocks of the install page one by one.
    if (block.page === INSTALL) continue;
    for (const line of block.code.split("\n")) {
      assert(known.some((form) => form.test(line)), `${place(block)}: ${line}`);
    }
  }
});

Deno.test("a block says what it is: fences without a language do not occur", () => {
  for (const block of BLOCKS) {
    // c_driver_test.ts compares C code with its file.
    const languages = ["c", "dma", "console", "sh", "text", "json", "mermaid"];
    if (TYPESCRIPT.includes(block.page)) languages.push("js", "ts");
    // Settings of editors; `deno task script test-neovim` runs the ones for Neovim.
    if (block.page === "docs/editors.md") languages.push("elisp", "lua", "toml");
    assert(languages.includes(block.language), place(block));
  }
});

Deno.test("pages link to pages and files that are there", () => {
  const pages = new Set(PAGES.map(({ page }) => page));
  for (const { page, text } of PAGES) {
    // Brackets inside of code are none of a link.
    const prose = text.replaceAll(/`[^`\n]*`/g, "``");
    for (const [, target] of prose.matchAll(/\]\((?!https?:)([^)#]+)(?:#[^)]*)?\)/g)) {
      const path = join(page, "..", target!);
      if (!pages.has(path)) Deno.statSync(join(ROOT, path));
    }
  }
});

Deno.test("the tutorial has ten steps with code, and its last finds the bug in the file that it names", () => {
  const text = textOf("docs/tutorial.md");
  const steps = [...text.matchAll(/^## (\d+)\. /gm)].map(([, number]) => Number(number));
  assertEquals(steps, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  const blocks = BLOCKS.filter(({ page, language }) =>
    page === "docs/tutorial.md" && language === "dma"
  );
  assertEquals(new Set(blocks.map(({ heading }) => heading)).size, steps.length);
  const failing = blocks.filter(({ marks }) => marks.includes("fails"));
  assertEquals(failing.map(({ code }) => `${code}\n`), [
    Deno.readTextFileSync(join(ROOT, "docs/tutorial/gaps.dma")),
  ]);
  for (const { code, line } of blocks) {
    const formatted = formatSource(new SourceFile(`docs/tutorial.md:${line}`, `${code}\n`));
    assert(formatted.ok);
    assertEquals(`${code}\n`, formatted.text, `docs/tutorial.md:${line} is not formatted`);
  }
});

Deno.test("architecture.md names every folder of sources", () => {
  const text = textOf("docs/dev/architecture.md");
  const folders = [...Deno.readDirSync(ROOT)]
    .filter(({ name, isDirectory }) => isDirectory && !name.startsWith("."))
    // The folder of built packages is not in Git.
    .map(({ name }) => name).filter((name) => name !== "dist");
  for (const folder of folders) assert(text.includes(`\`${folder}/`), folder);
});

Deno.test("the language pages have a row for each statement and declaration, and every reserved word", () => {
  const chapters = [
    languageChapter("declarations").split("\n| machine key")[0]!,
    languageChapter("statements").split("```")[0]!,
  ].join("\n");
  const text = LANGUAGE;
  const wordsOf = (markdown: string) =>
    new Set([...markdown.matchAll(/`([^`\n]+)`/g)].flatMap(([, code]) => code!.match(/[a-z]+/g)));
  const shown = wordsOf(chapters);
  const forms = keywordsWhere(({ form }) => form !== undefined);
  assertEquals(
    forms.filter((word) => !shown.has(word) && word !== "try"),
    [],
    "not in docs/language/",
  );
  const [, reserved] = text.match(/^- Reserved: `([^`]+)`/m)!;
  assertEquals(reserved!.split(" ").sort(), [...HARD_WORDS].sort());
  const [, opening] = text.match(/The soft words `([^`]+)` open a statement/)!;
  const soft = keywordsWhere((row) => row.class === "soft" && row.place === "statement");
  assertEquals(opening!.split(" ").sort(), [...soft].sort());
  const all = new Set(text.match(/[a-z]+/g));
  assertEquals(SOFT_WORDS.filter((word) => !all.has(word)), [], "not in docs/language/");
});

Deno.test("the language pages name every function, and mark those that are not built", () => {
  const chapter = languageChapter("calls").split("**Buffers.")[0]!;
  const rows = chapter.split("\n").filter((line) => line.startsWith("|"));
  const namesOf = (later: boolean) =>
    rows.filter((row) => row.includes("**later**") === later).flatMap((row) =>
      [...row.matchAll(/`([A-Za-z_0-9]+)\(/g)].map((match) => match[1]!)
    );
  const built = new Set(namesOf(false));
  assertEquals(
    [...FUNCTIONS.keys()].filter((name) => !built.has(name)),
    [],
    "not in docs/language/",
  );
  assertEquals([...built].filter((name) => !FUNCTIONS.has(name)), [], "not built: mark as later");
  assertEquals(namesOf(true).filter((name) => FUNCTIONS.has(name)), [], "built: no longer later");
});

Deno.test("the language pages name fields and methods that values have", () => {
  const calls = languageChapter("calls");
  const chapter = calls.slice(calls.indexOf("## What values have"));
  const rows = chapter.split("\n").filter((line) => line.startsWith("| ")).slice(2);
  assert(rows.length > 10);
  for (const row of rows) {
    const [name, members] = readRow(row);
    const type = TYPES.get(name!);
    assert(type !== undefined, `There is no type ${name}`);
    const known = new Set(memberNames(type));
    for (const [, member] of members!.matchAll(/`\.(\w+)`/g)) {
      assert(known.has(member!), `${name} has no .${member}`);
    }
  }
});

function languageChapter(name: string): string {
  return textOf(`docs/language/${name}.md`);
}

function textOf(page: string): string {
  return PAGES.find((each) => each.page === page)!.text;
}

Deno.test("every link of a page in the clone leads to a file and a heading", () => {
  const { dead, links } = deadLinks(ROOT);
  assert(links > 500, `${links} links`);
  assertEquals(dead, []);
});
