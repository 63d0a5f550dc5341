/**
 * The library in the package, on the releases of Node that it supports and on Deno. It must work, and must not
 * modify any built-in objects.
 */
import { TempFolder } from "@dmalab/tools";
import { assertEquals, assertMatch } from "@std/assert";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import ts from "typescript";
import { builtPackage } from "./built_package.ts";
import { codeBlocks } from "@dmalab/cli/scenario";
import { nodeRelease } from "./node_releases.ts";
import { ROOT } from "./source_text.ts";

const PAGE = "docs/typescript.md";
const LOOKS = join(ROOT, "tests/library_purity.mjs");

function run(command: string, args: readonly string[]): string {
  const { stderr, stdout, success } = new Deno.Command(command, { args: [...args] }).outputSync();
  const said = new TextDecoder().decode(stdout);
  assertEquals(success, true, said + new TextDecoder().decode(stderr));
  return said;
}

Deno.test("the library runs on Node 20, Node 22 and Deno, and changes none of the language's own objects", async (t) => {
  const nodes = [20, 22].map((major) => [major, nodeRelease(major)] as const);
  const dist = builtPackage();
  const deno = ["Deno", [Deno.execPath(), "run", "--no-prompt", "-R"]] as const;
  const hosts = [...nodes.map(([major, path]) => [`Node ${major}`, [path]] as const), deno];
  const modules = ["lib/mod.js", "lib/recording.js"].map((name) =>
    pathToFileURL(join(dist, name)).href
  );
  for (const [name, [command, ...args]] of hosts) {
    await t.step(`${name}: no global, no prototype`, () => {
      assertEquals(JSON.parse(run(command, [...args, LOOKS, ...modules])), []);
      const patch = "data:text/javascript,Array.prototype.own=1;globalThis.added=1";
      const seen = run(command, [...args, LOOKS, patch]);
      assertMatch(seen, /Array\.prototype\.own/);
      assertMatch(seen, /globalThis\.added/);
    });
  }
  const blocks = codeBlocks(PAGE, Deno.readTextFileSync(join(ROOT, PAGE)));
  using project = new TempFolder();
  Deno.mkdirSync(project.at("node_modules"));
  Deno.symlinkSync(dist, project.at("node_modules/dmalab"));
  for (const [index, { code, heading, language }] of blocks.entries()) {
    if (language !== "ts") continue;
    const { outputText } = ts.transpileModule(code, {
      compilerOptions: { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022 },
    });
    const file = project.write(`program${index}.mjs`, outputText);
    for (const [major, node] of nodes) {
      await t.step(`Node ${major}: ${heading}`, () => {
        // Node prints the strings of a list in single quotes, Deno in double quotes.
        const printed = run(node, [file]).trimEnd().replaceAll("'", '"');
        assertEquals(printed, blocks[index + 1]!.code);
      });
    }
  }
});
