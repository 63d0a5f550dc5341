/** What `.ci/run` says at its end, with programs that stand for Deno, Chromium and apt-get. */
import { assertEquals, assertMatch } from "@std/assert";
import { TempFolder } from "@dmalab/tools";
import { join } from "node:path";
import { ROOT } from "../source_text.ts";

/** Programs that the script itself needs. */
const NEEDED = ["bash", "cat", "cp", "dirname", "env", "head", "mktemp", "rm", "sh", "tail", "tee"];

/** A Deno whose suites pass; it says which tasks it was given. */
const DENO = '#!/bin/sh\n[ "$1" = --version ] && echo deno 2.9.6 && exit\necho "$*"\n' +
  'case $2 in test | test-all) echo "3 passed, 0 failed" ;; esac\n';

/** Runs the script with these programs and no others. */
async function continuous(programs: Readonly<Record<string, string>>) {
  using folder = new TempFolder();
  for (const name of NEEDED) {
    const { stdout } = new Deno.Command("sh", { args: ["-c", `command -v ${name}`] }).outputSync();
    Deno.mkdirSync(folder.at("bin"), { recursive: true });
    Deno.symlinkSync(new TextDecoder().decode(stdout).trim(), folder.at("bin", name));
  }
  for (const [name, text] of Object.entries({ deno: DENO, ...programs })) {
    Deno.chmodSync(folder.write(`bin/${name}`, text), 0o755);
  }
  const { code, stdout } = await new Deno.Command(folder.at("bin", "bash"), {
    args: [join(ROOT, ".ci/run")],
    clearEnv: true,
    env: { PATH: folder.at("bin") },
    stdin: "null",
  }).output();
  return { code, output: new TextDecoder().decode(stdout) };
}

const ignore = Deno.build.os === "windows";
const TRUE = "#!/bin/sh\n";
const INSTALLS = '#!/bin/sh\ncase "$*" in *"install"*) cp "$0" "${0%/*}/chromium" ;; esac\n';

Deno.test({
  name: ".ci/run looks at the pages, and installs Chromium for that",
  ignore,
  async fn() {
    for (
      const programs of [{ chromium: TRUE }, {
        "apt-get": INSTALLS,
        sudo: '#!/bin/sh\nshift; "$@"\n',
      }]
    ) {
      const { code, output } = await continuous(programs);
      assertMatch(output, /^task web$[^]*^task test-web sizes .*$[^]*\n8 passed, 0 failed\n$/m);
      assertEquals(output.includes("installing Chromium"), "apt-get" in programs);
      assertEquals(code, 0);
    }
  },
});

Deno.test({
  name: ".ci/run without Chromium fails, and says so",
  ignore,
  async fn() {
    const fails = "#!/bin/sh\necho no network >&2; exit 100\n";
    for (const programs of [{}, { "apt-get": fails, sudo: fails }]) {
      const { code, output } = await continuous(programs);
      assertMatch(
        output,
        /^FAILED: Chromium is missing, and cannot be installed with apt-get\. .*\n.*\n7 passed, 1 failed\n$/m,
      );
      assertEquals(code, 1);
    }
  },
});
