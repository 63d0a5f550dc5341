/**
 * Plants changes in copies of the model, one at a time: the comparison with the recorded boots must
 * find each of them.
 */
import { copyProject, runDeno } from "@dmalab/tests";
import { TempFolder } from "@dmalab/tools";
import { assertEquals, assertMatch } from "@std/assert";
import { PLANTED_CHANGES } from "./planted_changes.ts";

const REPLAY = "extensions/real_kernel/tests/boots/replay_main.ts";
const GOLDEN = "tests/golden/";

/** The first difference that the comparison in a copy finds. */
async function replayed(tree: string): Promise<string> {
  const words = ["run", "-A", "--no-check", REPLAY];
  const { code, output } = await runDeno(words, { folder: tree });
  assertEquals(code, 0, output);
  return output.trim();
}

Deno.test("each planted change of the model is named", async (t) => {
  using folder = new TempFolder();
  const tree = folder.at("tree");
  copyProject(tree, (path) => !path.startsWith(GOLDEN));
  assertEquals(await replayed(tree), "same");
  for (const { file, from, name, to } of PLANTED_CHANGES) {
    await t.step(name, async () => {
      const path = `${tree}/${file}`;
      const text = Deno.readTextFileSync(path);
      assertEquals(text.split(from).length, 2, `"${from}" stands once in ${file}`);
      Deno.writeTextFileSync(path, text.replace(from, () => to));
      try {
        assertMatch(await replayed(tree), /^\d.*: /);
      } finally {
        Deno.writeTextFileSync(path, text);
      }
    });
  }
});
