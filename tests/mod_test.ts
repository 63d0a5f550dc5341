/**
 * Runs the examples in mod.ts and recording/library.ts.
 *
 * `deno test --doc` cannot run examples of a file in the top folder. It generates files next to that
 * file, and the import map resolves the generated files to the package itself. So this test writes
 * each example to a separate file.
 */
import { TempFolder } from "@dmalab/tools";
import { assert } from "@std/assert";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { codeBlocks } from "@dmalab/cli/scenario";
import { ROOT } from "./source_text.ts";

for (const [name, least] of [["mod.ts", 2], ["recording/library.ts", 1]] as const) {
  Deno.test(`the examples of ${name} do what they say`, async (t) => {
    const module = join(ROOT, name);
    const text = Deno.readTextFileSync(module).replace(/^ \* ?/gm, "");
    const examples = codeBlocks(name, text).filter(({ language }) => language === "ts");
    assert(examples.length >= least);
    for (const { code, line } of examples) {
      await t.step(`${name}:${line}`, async () => {
        using folder = new TempFolder();
        const file = folder.write(
          "program.ts",
          code.replace(/"dmalab(?:\/recording)?"/, `"${pathToFileURL(module)}"`),
        );
        await import(pathToFileURL(file).href);
      });
    }
  });
}
