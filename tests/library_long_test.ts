/**
 * The library in the package, on Node 22 and on Deno. It must work, and must not modify any
 * built-in objects.
 */
import { TempFolder } from "@dmalab/tools";
import { assertEquals, assertMatch } from "@std/assert";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
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

Deno.test("the library runs on Node 22 and on Deno, and changes none of the language's own objects", async (t) => {
  const node = nodeRelease(22);
  const dist = builtPackage();
  const hosts = { node: [node], deno: [Deno.execPath(), "run", "--no-prompt", "-R"] } as const;
  const modules = ["lib/mod.js", "lib/recording.js"].map((name) =>
    pathToFileURL(join(dist, name)).href
  );
  for (const [name, [command, ...args]] of Object.entries(hosts)) {
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
    await t.step(`node: ${heading}`, () => {
      const file = project.write(`program${index}.ts`, code);
      const types = ["--experimental-strip-types", "--no-warnings"];
      // Node prints the strings of a list in single quotes, Deno in double quotes.
      const printed = run(node, [...types, file]).trimEnd().replaceAll("'", '"');
      assertEquals(printed, blocks[index + 1]!.code);
    });
  }
});
