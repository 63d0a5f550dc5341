/**
 * `deno task script repin FILE…`: runs tests. If a text differs from the text in the test, the task writes the
 * new text into the test. Tests with expected texts in files write those files. Check the changes
 * afterwards: git shows them.
 */
import { join } from "node:path";
import { ROOT } from "./source_text.ts";

const { imports, scopes } = JSON.parse(Deno.readTextFileSync(join(ROOT, "deno.json")));
// The map is written next to deno.json, because the paths in an import map are relative to the
// map's folder.
const map = Deno.makeTempFileSync({ dir: ROOT, prefix: ".repin-", suffix: ".json" });
try {
  const assertions = { "@std/assert": "./tests/repin/assert.ts" };
  Deno.writeTextFileSync(map, JSON.stringify({ imports: { ...imports, ...assertions }, scopes }));
  const { code } = await new Deno.Command(Deno.execPath(), {
    args: [
      "test",
      "-A",
      "--no-check",
      "--quiet",
      `--import-map=${map}`,
      ...Deno.args,
      "--",
      "--update",
    ],
  }).spawn().status;
  const fmt = ["fmt", "--quiet", "--config", join(ROOT, "deno.json"), ...Deno.args];
  await new Deno.Command(Deno.execPath(), { args: fmt }).output();
  Deno.exitCode = code;
} finally {
  Deno.removeSync(map);
}
