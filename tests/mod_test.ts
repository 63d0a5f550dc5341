/**
 * The examples in mod.ts run.
 *
 * `deno test --doc` cannot do it for a file of the top folder: the import map sends what it makes up
 * beside the file to the package itself. So each example becomes a file of its own here.
 */
import { assert } from "@std/assert";
import { join, toFileUrl } from "@std/path";
import { codeBlocks } from "./code_blocks.ts";
import { ROOT } from "./source_text.ts";

const MODULE = join(ROOT, "mod.ts");

Deno.test("the examples of mod.ts do what they say", async (t) => {
  const text = Deno.readTextFileSync(MODULE).replace(/^ \* ?/gm, "");
  const examples = codeBlocks("mod.ts", text).filter(({ language }) => language === "ts");
  assert(examples.length >= 2);
  for (const { code, line } of examples) {
    await t.step(`mod.ts:${line}`, async () => {
      const file = Deno.makeTempFileSync({ suffix: ".ts" });
      try {
        Deno.writeTextFileSync(file, code.replaceAll('"./mod.ts"', `"${toFileUrl(MODULE)}"`));
        await import(toFileUrl(file).href);
      } finally {
        Deno.removeSync(file);
      }
    });
  }
});
