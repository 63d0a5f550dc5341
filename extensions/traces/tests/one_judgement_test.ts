/** `explain` and `trace check` of one text end with one result, one exit code and the same steps. */
import { assert, assertEquals } from "@std/assert";
import { dmalab } from "@dmalab/tests";
import { fileURLToPath } from "node:url";

const FOLDER = fileURLToPath(new URL("texts", import.meta.url));
/** Inputs of other commands. */
const IS_INPUT = /\.(?:txt|log)(?:\.gz)?$/;
const RESULT = "\nResult: ";

/** The end of an answer, from its result on; null for a text of which nothing is read. */
function endingOf(output: string): string | null {
  const at = output.lastIndexOf(RESULT);
  return at < 0 ? null : output.slice(at);
}

Deno.test("explain and trace check of one text have one result and one exit code", async () => {
  const here = Deno.cwd();
  Deno.chdir(FOLDER);
  try {
    let results = 0;
    for (const { name } of Deno.readDirSync(".")) {
      if (!IS_INPUT.test(name)) continue;
      const [explained, checked] = [
        await dmalab("explain", `./${name}`),
        await dmalab("trace", "check", `./${name}`),
      ];
      assertEquals(explained.code, checked.code, name);
      const ending = endingOf(explained.output);
      assertEquals(ending, endingOf(checked.output), name);
      if (checked.code === 2) {
        assertEquals(explained.errors, checked.errors, name);
        continue;
      }
      results++;
      assert(ending !== null && /\nNext:\n {2}- \S/.test(ending), `${name} ends without a step`);
    }
    assert(results > 200, `${results} texts have a result`);
  } finally {
    Deno.chdir(here);
  }
});
