/**
 * The package's declarations, read by a plain TypeScript compiler without Deno, and with nothing
 * skipped.
 */
import { TempFolder } from "@dmalab/tools";
import { assert, assertEquals } from "@std/assert";
import { join } from "node:path";
import ts from "typescript";
import { builtPackage } from "./built_package.ts";
import { codeBlocks } from "@dmalab/cli/scenario";
import { ROOT } from "./source_text.ts";

const PAGE = "docs/typescript.md";

/**
 * A program that uses the exports of `dmalab/test`. The programs of the library's page do not use
 * them.
 */
const TESTS = `import { registerScenarios } from "dmalab/test";
registerScenarios("ring.dma", { match: /wraps/, seed: 7, lenient: true });
`;

const OPTIONS: ts.CompilerOptions = {
  module: ts.ModuleKind.NodeNext,
  moduleResolution: ts.ModuleResolutionKind.NodeNext,
  noEmit: true,
  skipLibCheck: false,
  strict: true,
  target: ts.ScriptTarget.ES2022,
  types: [],
};

/** The compiler's errors for some programs in a project with the package. */
function complaints(programs: Readonly<Record<string, string>>): readonly string[] {
  using project = new TempFolder({ "package.json": '{ "type": "module" }\n' });
  Deno.mkdirSync(project.at("node_modules"));
  Deno.symlinkSync(builtPackage(), project.at("node_modules/dmalab"));
  const paths = Object.entries(programs).map(([name, text]) => project.write(name, text));
  return ts.getPreEmitDiagnostics(ts.createProgram(paths, OPTIONS)).map((each) => {
    const text = ts.flattenDiagnosticMessageText(each.messageText, "\n");
    return `${each.file?.fileName}:${each.start}: TS${each.code} ${text}`;
  });
}

Deno.test("tsc finds no error in the package's declarations and in programs that use them, but in wrong ones", () => {
  const programs = codeBlocks(PAGE, Deno.readTextFileSync(join(ROOT, PAGE)))
    .filter(({ language }) => language === "ts")
    .map(({ code, line }) => [`program${line}.ts`, `${code}\n`]);
  assert(programs.length > 3);
  const found = complaints({
    ...Object.fromEntries(programs),
    "tests.ts": TESTS,
    "wrong.ts": 'import { buildLab } from "dmalab";\nbuildLab(1);\n',
  });
  assertEquals(found.map((each) => each.replace(/^.*\/|(?<=TS\d+) [^]*/g, "")), [
    "wrong.ts:44: TS2345",
  ], found.join("\n"));
});
