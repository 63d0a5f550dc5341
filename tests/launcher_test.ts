/**
 * The command as npm installs it. Tests the permissions and arguments that the launchers for the shell and
 * for Node pass to Deno.
 */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { join } from "node:path";
import { PROMPT } from "./dmalab_program.ts";
import { environment, giveDeno, shell, withPackage } from "./package_shell.ts";
import { CTRL_C, CTRL_Z, hasPty, Pty } from "./pty.ts";

const ENDLESS = 'test "never ends" { while true { } }\n';
const PATIENT = "--limit steps=1_000_000_000_000 --limit time-seconds=300";

/** A shell line that waits until a command succeeds, for three seconds at most. */
function until(command: string): string {
  return `for n in $(seq 60); do ${command} 2> /dev/null && break; sleep 0.05; done`;
}

/**
 * Pattern of a line in the /proc/PID/status of a process that handles SIGINT. A run begins to
 * handle SIGINT within its first second.
 */
const LISTENS = "^SigCgt:.*[2367abef]$";

/** A shell line that prints the paths of the /proc/PID/status files of the package's processes. */
function statusFiles(dist: string): string {
  return `pgrep -f '${dist}/[m]ain.js' | sed 's|.*|/proc/&/status|'`;
}

Deno.test("the launcher starts Deno with the permissions of the command, and passes on what happens", (t) =>
  withPackage(async (base, built) => {
    // This is where npm puts the package. Only in a folder named node_modules, the installation of
    // the package sets the command up so that the shell starts it.
    const dist = join(base, "node_modules/dmalab");
    Deno.mkdirSync(join(base, "node_modules"));
    Deno.renameSync(built, dist);
    giveDeno(dist);
    // Without Deno on the PATH, the one installed next to the package is used.
    Deno.removeSync(join(base, "bin/deno"));
    const node = new TextDecoder().decode(
      new Deno.Command("sh", { args: ["-c", "command -v node"] }).outputSync().stdout,
    ).trim();
    for (const [name, path] of [["node", node], ["dmalab", join(dist, "lib/bin.js")]] as const) {
      Deno.symlinkSync(path, join(base, "bin", name));
    }
    const work = join(base, "work");
    Deno.mkdirSync(work);
    // Without this folder, the shell launcher does not run commands that compile: the launcher for
    // Node runs them.
    Deno.mkdirSync(join(base, "home/.cache"));
    const write = (name: string, text: string) => Deno.writeTextFileSync(join(base, name), text);
    const path = `PATH=${join(base, "bin")}:/usr/bin:/bin`;
    const sh = (line: string) => shell(base, work, `export ${path}; ${line}`);
    write("work/good.dma", 'test "holds" { assert 1 == 1 }\n');
    write("work/bad.dma", 'test "fails" { assert 1 == 2 }\n');
    write("work/endless.dma", ENDLESS);
    write("lib.dma", "const ONE = 1\n");
    write("package.json", "{}");
    write("work/uses.dma", 'use "../lib.dma"\ntest "uses" { assert ONE == 1 }\n');

    await t.step("npm's installation has the shell start the command", () => {
      const first = () => Deno.readTextFileSync(join(dist, "lib/bin.js")).split("\n")[0];
      assertEquals(first(), "#!/usr/bin/env node");
      // The installation leaves a linked folder as it is, because the folder may be packed again,
      // for other systems.
      const linked = join(base, "linked");
      Deno.mkdirSync(join(linked, "lib"), { recursive: true });
      for (const name of ["lib/bin.js", "package.json", "lib/postinstall.js"]) {
        Deno.copyFileSync(join(dist, name), join(linked, name));
      }
      assertEquals(sh(`node '${join(linked, "lib/postinstall.js")}'`), { code: 0, output: "" });
      assertEquals(
        Deno.readTextFileSync(join(linked, "lib/bin.js")),
        Deno.readTextFileSync(join(dist, "lib/bin.js")),
      );
      assertEquals(sh(`node '${join(dist, "lib/postinstall.js")}'`), { code: 0, output: "" });
      assertEquals(first(), "#!/bin/sh");
      const traced = sh(`sh -x "$(command -v dmalab)" run good.dma`);
      assertEquals(traced.code, 0, traced.output);
      assertMatch(traced.output, /^\+ exec .*\/deno run --no-prompt/m);
      assertEquals(/^\+ exec node/m.test(traced.output), false);
    });

    await t.step("exit codes, and the end of a pipe", () => {
      const codes = [["run good.dma", 0], ["run bad.dma", 1], ["run none.dma", 2], ["rnu", 2]];
      for (const [words, code] of codes) assertEquals(sh(`dmalab ${words}`).code, code, `${words}`);
      assertEquals(sh("dmalab run --limit steps=100 endless.dma").code, 3);
      const first = sh("dmalab vectors | head -1; echo ${PIPESTATUS}");
      assertEquals(first.output.split("\n").length, 3, first.output);
    });

    await t.step("reads below the current folder, and what is named", () => {
      const refused = sh("dmalab run uses.dma");
      assertEquals(refused.code, 2, refused.output);
      assertStringIncludes(refused.output, "or with -R=DIR for it");
      assertEquals(sh("dmalab -R=.. run uses.dma").code, 0);
      assertEquals(sh("cd / && dmalab run $OLDPWD/good.dma").code, 0);
      assertMatch(sh("dmalab check ../lib.dma").output, /^ok \| 1 file/m);
    });

    await t.step(
      "a failure is repeated and opened with the permissions that the run was given",
      () => {
        write("work/wrong.dma", 'use "../lib.dma"\ntest "wrong" { assert ONE == 2 }\n');
        const failed = sh("dmalab -R=.. test wrong.dma");
        const words = '-R=.. test wrong.dma --match "wrong" --seed 0x1';
        assertStringIncludes(failed.output, `repeat it: dmalab ${words}\n`);
        assertStringIncludes(
          failed.output,
          `debug it: dmalab ${words.replace(" test ", " debug ")}\n`,
        );
        assertStringIncludes(sh(`dmalab ${words}`).output, "E0901");
        assertStringIncludes(sh("dmalab test bad.dma").output, "repeat it: dmalab test bad.dma");
      },
    );

    await t.step(
      "the hint for a module's folder that may not be read works as it is printed",
      () => {
        for (const name of ["module", "here"]) Deno.mkdirSync(join(base, name));
        write("module/card.c", "int x;\n");
        write("module/Makefile", "obj-m += card.o\n");
        for (const name of ["module", "none"]) {
          write(`work/${name}.dma`, `driver d = c "card.c" { module = "../here/../${name}" }\n`);
        }
        const hinted = (name: string) => {
          const { output } = sh(`dmalab check ${name}.dma`);
          assertStringIncludes(output, `cannot read the module's folder "${join(base, name)}"`);
          const [, line] = /start `([^`]*)`/.exec(output)!;
          assertEquals(line, `dmalab -R=${join(base, name)} check ${name}.dma`);
          return sh(line!).output;
        };
        assertEquals(hinted("module").includes("E0706"), false);
        const missing = hinted("none");
        assertStringIncludes(missing, "E0706");
        assertEquals(missing.includes("-R="), false, missing);
      },
    );

    await t.step("writes what options name, and its own folder", () => {
      assertEquals(sh("dmalab run good.dma --export ../run.json").code, 0);
      assert(Deno.statSync(join(base, "run.json")).isFile);
      const report = sh("dmalab test good.dma bad.dma --junit-path r.xml --report ../pages");
      assertEquals(report.code, 1, report.output);
      assert(Deno.statSync(join(base, "pages/index.html")).isFile);
      assertMatch(sh("dmalab test --failed").output, /^FAILED \| 0 passed \| 1 failed/m);
      // Longer than the time after which workers start.
      write("work/long.dma", 'test "t" { let n = 0; while n < 15_000_000 { n += 1 } }\n');
      write("work/wide.dma", 'test "t" {assert  1==1}\n');
      assertEquals(sh("dmalab fmt wide.dma && dmalab fmt --check wide.dma").code, 0);
      const made = sh("dmalab init ../lab");
      assertEquals(made.code, 0, made.output);
      assertMatch(sh("dmalab report good.dma").output, /^Wrote good\.dma\.html\.$/m);
      Deno.symlinkSync("../lib.dma", join(work, "bad.dma.html"));
      assertMatch(
        sh("dmalab report bad.dma").output,
        /error\[E1101\]: Cannot write "bad\.dma\.html"/,
      );
      assertMatch(sh("cat good.dma | dmalab fmt -").output, /^test "holds"/);
      const trace = join(base, "t.trace.txt");
      Deno.copyFileSync(join(dist, "examples/traces/data/leaky-driver.trace.txt"), trace);
      assertEquals(sh("cat ../t.trace.txt | dmalab trace check -").code, 1);
    });

    await t.step("workers, a debugger's lines, and an adapter at a port", () => {
      assertMatch(
        sh("dmalab test --jobs 2 long.dma long.dma good.dma").output,
        /^ok \| 2 files \| 3 passed/m,
      );
      assertMatch(sh("echo 'print 6 * 7' | dmalab repl").output, /^42$/m);
      assertEquals(sh("dmalab explain dma.3.3").code, 0);
      const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
      const { port } = listener.addr;
      listener.close();
      const isReady = "grep -q 'listening on' ../dap.txt";
      const dap = sh(
        `dmalab dap --port ${port} > ../dap.txt 2>&1 & ${until(isReady)}; ` +
          "kill -TERM $!; wait $!; echo is $?; cat ../dap.txt",
      );
      assertMatch(dap.output, /is 143$/m);
      assertStringIncludes(dap.output, `listening on 127.0.0.1:${port}`);
    });

    const byNode = `node '${join(dist, "lib/bin.js")}'`;
    for (
      const [signal, code, command] of [
        ["INT", 130, "dmalab"],
        ["TERM", 143, "dmalab"],
        ["INT", 130, byNode],
        ["TERM", 143, byNode],
      ] as const
    ) {
      const name = command === "dmalab" ? "shell" : "Node";
      await t.step(`SIG${signal} ends the run, and the launcher of the ${name} with it`, () => {
        const listens = `grep -q '${LISTENS}' /dev/null $(${statusFiles(dist)})`;
        const line = `${command} run ${PATIENT} endless.dma & ${until(listens)}; sleep 0.2; ` +
          `kill -${signal} $!; wait $!`;
        const { code: ended, output } = sh(`set -m; ${line}; echo ended with $?; jobs -p`);
        assertEquals(ended, 0, output);
        assertMatch(output, new RegExp(`ended with ${code}$`, "m"));
        assertEquals(sh(`pgrep -f '${dist}/[m]ain.js' || echo none`).output, "none\n");
      });
    }

    for (const [name, command] of [["shell", "dmalab"], ["Node", byNode]] as const) {
      await t.step({
        name: `started by ${name}, Ctrl-C ends the work, Ctrl-Z stops all, and Ctrl-D leaves`,
        ignore: !hasPty(),
        fn: async () => {
          const env = environment(base);
          await using pty = new Pty(work, {
            env: { ...env, PATH: `${join(base, "bin")}:/usr/bin:/bin` },
          });
          await pty.see(/\$ /);
          await pty.press(
            `stty cols 80; ${command} repl ${PATIENT}\n`,
            PROMPT,
          );
          await pty.press("while true { }\n");
          await new Promise((done) => setTimeout(done, 1500));
          await pty.press(CTRL_C, /interrupted/, PROMPT);
          await pty.press(CTRL_Z, /Stopped[^]*\$ /);
          await pty.press("fg\n", PROMPT);
          await pty.press("print 40 + 2\n", /^42$/m);
          await pty.leave();
        },
      });
    }

    await t.step(
      "without the package's Deno it takes a suitable one on the PATH, else says so",
      () => {
        Deno.removeSync(join(dist, "node_modules"), { recursive: true });
        const none = sh("dmalab run good.dma");
        assertEquals(none.code, 2);
        assertMatch(
          none.output,
          /^error: There is no Deno: .*; put Deno \d+\.\d+\.\d+ on the PATH\n$/,
        );
        write("bin/deno", '#!/bin/sh\necho \'["1.46.3", "/bin/false"]\'\n');
        Deno.chmodSync(join(base, "bin/deno"), 0o755);
        assertEquals(sh("dmalab run good.dma"), none);
        write("bin/deno", `#!/bin/sh\nexec '${Deno.execPath()}' "$@"\n`);
        assertEquals(sh("dmalab run good.dma").code, 0);
      },
    );
  }));
