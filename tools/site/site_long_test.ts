/** The site builds as a whole: VitePress finds no dead link, and its search finds rules and functions. */
import { assertEquals, assertMatch } from "@std/assert";
import { PROJECT } from "../project.ts";
import { TempFolder } from "../temp_folder.ts";

Deno.test("the site builds without a dead link, and its search finds rules and functions", () => {
  using folder = new TempFolder();
  const { code, stderr, stdout } = new Deno.Command(Deno.execPath(), {
    args: ["run", "-R", "-W", "--allow-run", "tools/site_main.ts", folder.path],
    cwd: PROJECT,
  }).outputSync();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  assertEquals(code, 0, text(stdout) + text(stderr));
  assertMatch(text(stdout), /^.*: \d+ pages, \d+ links, 0 of them dead$/m);
});
