/**
 * Runs the README's commands, in their order, in a fresh copy of the project, with only Node and
 * npm.
 */
import { TempFolder } from "@dmalab/tools";
import { assert, assertEquals, assertMatch } from "@std/assert";
import { dirname, join } from "node:path";
import { codeBlocks } from "@dmalab/cli/scenario";
import { copyProject } from "./copied_project.ts";
import { nodeRelease } from "./node_releases.ts";
import { ROOT } from "./source_text.ts";

/**
 * Commands that replace the README's test command, because this test is part of the suite and
 * cannot run itself: one test is run in place of all.
 */
const INSTEAD: Readonly<Record<string, readonly string[]>> = {
  "task test": [
    "test -A --no-check tests/docs_test.ts --filter architecture",
  ],
};

/** The lines of the README for a shell. */
function commands(): string[] {
  const text = Deno.readTextFileSync(join(ROOT, "README.md"));
  return codeBlocks("README.md", text)
    .filter(({ language }) => language === "sh")
    .flatMap(({ code }) => code.split("\n"))
    .flatMap((line) => {
      const [, program, command] = /^(npx -y deno@\S+) (.*)$/.exec(line) ?? [];
      const others = INSTEAD[command ?? ""];
      return others === undefined ? [line] : others.map((other) => `${program} ${other}`);
    });
}

Deno.test("the README's commands work in its order, with Node and npm alone", async (t) => {
  using base = new TempFolder();
  const clone = base.at("clone");
  copyProject(clone);
  const npm = join(dirname(Deno.realPathSync(nodeRelease(20))), "npm");
  assert(Deno.statSync(npm).isFile, npm);
  const bin = base.at("bin");
  Deno.mkdirSync(bin);
  // Only these programs are on the path. Deno is not.
  for (const name of ["node", "npm", "npx"]) {
    Deno.symlinkSync(join(dirname(npm), name), join(bin, name));
  }
  for (const name of ["sh", "env", "ls", "cat"]) {
    Deno.symlinkSync(`/usr/bin/${name}`, join(bin, name));
  }
  const env = {
    NO_COLOR: "1",
    NPM_CONFIG_PREFIX: base.at("prefix"),
    PATH: `${base.at("prefix/bin")}:${bin}`,
  };
  for (const line of commands()) {
    await t.step(line, async () => {
      const { code, stderr, stdout } = await new Deno.Command("/bin/sh", {
        args: ["-c", line],
        cwd: clone,
        env,
      }).output();
      const said = new TextDecoder().decode(stdout);
      assertEquals(code, 0, said + new TextDecoder().decode(stderr));
      if (/^dmalab run|task demo/.test(line)) assertMatch(said, /^ok \| 1 passed \| 0 failed/m);
      if (/task package/.test(line)) assert(Deno.statSync(join(clone, "dist/lib/bin.js")).isFile);
    });
  }
});
