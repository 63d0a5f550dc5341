/**
 * Installs the package with Node and Deno, with the command lines of docs/install.md and the
 * README.
 */
import { TempFolder } from "@dmalab/tools";
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { join } from "node:path";
import { VERSION } from "@dmalab/cli/extend";
import { codeBlocks } from "@dmalab/cli/scenario";
import { buildPackage } from "@dmalab/tools/package";
import { has, installByDeno, ownCaches, shell, TWO_PASSES, withPackage } from "./package_shell.ts";
import { ROOT } from "./source_text.ts";

const MANUAL = codeBlocks(
  "docs/install.md",
  Deno.readTextFileSync(join(ROOT, "docs/install.md")),
);

Deno.test("the package installs and works without this project (docs/install.md)", (t) =>
  withPackage(async (base) => {
    await t.step({
      name: "does what its manual says, line by line",
      ignore: !has("npm"),
      fn: () => {
        Deno.copyFileSync(join(base, "two.dma"), join(base, "scenario.dma"));
        for (const { code, heading, language } of MANUAL) {
          if (language !== "sh" || heading === "Publishing") continue;
          // npm installs the package `deno`, too.
          const line = `set -e; ${ownCaches()} export NPM_CONFIG_PREFIX=${base}\n${code}`;
          const { code: exitCode, output } = shell(base, base, line);
          assertEquals(exitCode, 0, `${code}\n${output}`);
          assertMatch(output, /^ok \| [13] passed/m);
        }
      },
    });

    await t.step("as a command of Deno's", () => {
      installByDeno(base);
      assertMatch(shell(base, base, "dmalab run two.dma").output, TWO_PASSES);
      assertMatch(shell(base, base, "dmalab test --jobs 2 two.dma two.dma").output, /6 passed/);
      assertEquals(shell(base, base, "dmalab --version").output, `dmalab ${VERSION}\n`);
      const missing = shell(base, base, "dmalab run three.dma");
      assertEquals(missing.code, 2);
      assertStringIncludes(missing.output, 'Cannot read "three.dma": there is no such file');
    });
  }));

Deno.test("a package replaces an earlier one, whose bundles had other names", () => {
  using folder = new TempFolder({ "package.json": '{"name": "dmalab"}', "chunk-OLD.js": "" });
  assertEquals(buildPackage(folder.path, false), null);
  assert(![...Deno.readDirSync(folder.path)].some(({ name }) => name === "chunk-OLD.js"));
  assertStringIncludes(Deno.readTextFileSync(folder.at("package.json")), '"bin"');
});
