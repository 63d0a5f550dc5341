/** The library as its users see it: completely documented, and with example programs that work. */
import { TempFolder } from "@dmalab/tools";
import { assert, assertEquals } from "@std/assert";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { type CodeBlock, codeBlocks } from "@dmalab/cli/scenario";
import { blankAnsi, runDeno } from "./deno_process.ts";
import { ROOT } from "./source_text.ts";

const PAGE = "docs/typescript.md";

/** The package's exports, and the files that start it. */
const ENTRIES = [
  "mod.ts",
  "recording/library.ts",
  ...[...Deno.readDirSync(join(ROOT, "bin/entries"))]
    .map(({ name }) => `bin/entries/${name}`),
];

async function lint(...paths: string[]) {
  return await runDeno(["doc", "--lint", ...paths], { folder: ROOT, env: { NO_COLOR: "1" } });
}

Deno.test("everything that the library exports is documented, and so are the types it is made of", async () => {
  assert(ENTRIES.length >= 5);
  const { output, success } = await lint(...ENTRIES.sort());
  const findings = blankAnsi(output).match(/^error\[.*\n +--> .*$/gm) ?? [];
  assertEquals(findings, []);
  assert(success, output);
});

Deno.test("the lint sees an export without documentation, and a type that is not exported", async () => {
  using folder = new TempFolder();
  const file = folder.write(
    "planted.ts",
    "interface Own { a: 1 }\nexport const a: Own = { a: 1 };\n",
  );
  const { output, success } = await lint(file);
  assert(!success);
  const found = [...blankAnsi(output).matchAll(/^error\[([\w-]+)\]/gm)].map(([, code]) => code);
  assertEquals(found.sort(), ["missing-jsdoc", "private-type-ref"]);
});

Deno.test("the programs of docs/typescript.md compile, run, and print what stands below them", async (t) => {
  const blocks = codeBlocks(PAGE, Deno.readTextFileSync(join(ROOT, PAGE)));
  const programs = blocks.filter(({ language }) => language === "ts");
  assertEquals(programs.length, 7);
  using folder = new TempFolder();
  const fileOf = (program: CodeBlock) => folder.at(`line_${program.line}.ts`);
  const config = ["--config", join(ROOT, "deno.json")];
  for (const program of programs) {
    const code = program.code.replaceAll(
      /"dmalab(\/recording)?"/g,
      (_, recording) =>
        `"${pathToFileURL(join(ROOT, recording ? "recording/library.ts" : "mod.ts")).href}"`,
    );
    Deno.writeTextFileSync(fileOf(program), code);
  }
  const checked = await runDeno(["check", "--quiet", ...config, ...programs.map(fileOf)], {
    folder: ROOT,
  });
  assert(checked.success, checked.output);
  for (const program of programs) {
    const printed = blocks[blocks.indexOf(program) + 1];
    await t.step(program.heading, async () => {
      assertEquals([printed?.language, printed?.heading], ["text", program.heading]);
      const { output, success } = await runDeno(
        ["run", "--quiet", "--no-check", "--no-prompt", ...config, fileOf(program)],
        { folder: ROOT, env: { NO_COLOR: "1" } },
      );
      assert(success, output);
      assertEquals(output.trimEnd(), printed?.code);
    });
  }
});
