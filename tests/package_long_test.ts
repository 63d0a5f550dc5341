/**
 * The folder that `dmalab init` makes, used with the package that a user has: every way to run and test
 * the folder. `tests/package_test.ts` tests the package itself, and `tests/init_long_test.ts` tests a
 * clone of such a folder.
 */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { join } from "node:path";
import { codeBlocks } from "@dmalab/cli/scenario";
import {
  environment,
  giveDeno,
  has,
  installByDeno,
  ownCaches,
  shell,
  withPackage,
} from "./package_shell.ts";
import { PROMPT } from "./dmalab_program.ts";
import { ROOT } from "./source_text.ts";
import { CTRL_Z, hasPty, Pty, TAB } from "./pty.ts";

const MANUAL = codeBlocks(
  "docs/install.md",
  Deno.readTextFileSync(join(ROOT, "docs/install.md")),
);

/** The programs in the library's page, with their output. */
const PROGRAMS = codeBlocks(
  "docs/typescript.md",
  Deno.readTextFileSync(join(ROOT, "docs/typescript.md")),
);

const SUMMARY = /^ok \| 1 passed \| 0 failed \| 4 assertions$/m;
const BROKEN = ["iommu.live_mappings == 1", "iommu.live_mappings == 2"] as const;

/** Tries everything that a folder made by `dmalab init` can do. */
async function tryFolder(t: Deno.TestContext, base: string, lab: string): Promise<void> {
  const sh = (line: string, folder = lab) => shell(base, folder, line);

  await t.step("runs scenarios, in it and in folders below", () => {
    assertMatch(sh("deno run -R=. first.dma").output, SUMMARY);
    Deno.mkdirSync(join(lab, "below"), { recursive: true });
    Deno.copyFileSync(join(lab, "first.dma"), join(lab, "below/second.dma"));
    assertMatch(sh("deno run -R=. below/second.dma").output, SUMMARY);
    assertMatch(sh("deno run -R=. second.dma", join(lab, "below")).output, SUMMARY);
  });

  await t.step("leaves TypeScript files what they are, and is a library to them", () => {
    Deno.writeTextFileSync(join(lab, "below/answer.ts"), "export const answer = 42;\n");
    Deno.writeTextFileSync(
      join(lab, "lab.ts"),
      `import { buildLab, defaultLabConfig } from "dmalab";
import { answer } from "./below/answer.ts";

const devices: number = buildLab(defaultLabConfig()).devices.size;
console.log(answer + devices);
`,
    );
    assertEquals(sh("deno run -R lab.ts"), { code: 0, output: "42\n" });
  });

  await t.step("runs every program of docs/typescript.md, and finds the only wrong type", () => {
    const programs = PROGRAMS.filter(({ language }) => language === "ts");
    Deno.writeTextFileSync(
      join(lab, "wrong.ts"),
      'import { buildLab } from "dmalab";\nbuildLab(1);\n',
    );
    for (const { code, line } of programs) {
      Deno.writeTextFileSync(join(lab, `program${line}.ts`), `${code}\n`);
    }
    // All files are checked in one run, because each check reads all declarations of the package.
    const checked = sh("deno check manual*.ts lab.ts scenarios_test.mjs program*.ts wrong.ts");
    assertEquals(checked.code, 1, checked.output);
    assertEquals(checked.output.match(/TS\d+ \[ERROR\]/g), ["TS2345 [ERROR]"], checked.output);
    assertMatch(checked.output, /not assignable to parameter[^]*\/wrong\.ts:2:10/);
    Deno.removeSync(join(lab, "wrong.ts"));
    for (const program of programs) {
      const file = `program${program.line}.ts`;
      const printed = PROGRAMS[PROGRAMS.indexOf(program) + 1]!.code;
      assertEquals(sh(`deno run ${file}`), { code: 0, output: `${printed}\n` });
      Deno.removeSync(join(lab, file));
    }
    for (const { name } of [...Deno.readDirSync(lab)]) {
      if (name.startsWith("manual")) Deno.removeSync(join(lab, name));
    }
  });

  await t.step("tests all of it by deno test, a scenario that fails included", () => {
    const good = sh("deno test -R=.");
    assertEquals(good.code, 0, good.output);
    assertMatch(good.output, /^ok \| 2 passed \(2 steps\) \| 0 failed/m);
    assertMatch(sh("deno test -R=. --filter first").output, /^ok \| 1 passed .* 1 filtered out/m);
    assertMatch(sh("deno test -R=. --parallel").output, /^ok \| 2 passed/m);

    Deno.writeTextFileSync(
      join(lab, "answer_test.ts"),
      'import { answer } from "./below/answer.ts";\nDeno.test("answer", () => void answer);\n',
    );
    const covered = sh(`deno test -R=. --no-check --coverage=${base}/coverage`).output;
    Deno.removeSync(join(lab, "answer_test.ts"));
    Deno.removeSync(join(base, "coverage"), { recursive: true });
    // The table contains no file of the package.
    const files = [...covered.matchAll(/^\| ([\w./-]+\.[jt]s) /gm)].map(([, file]) => file);
    assertEquals(files, ["answer.ts"], covered);

    const second = join(lab, "below/second.dma");
    const text = Deno.readTextFileSync(second);
    Deno.writeTextFileSync(second, text.replace(...BROKEN));
    const bad = sh("deno test -R=.");
    Deno.writeTextFileSync(second, text);
    assertEquals(bad.code, 1);
    assertStringIncludes(bad.output, "--> below/second.dma:21:10");
    assertMatch(bad.output, /^FAILED \| 1 passed \(1 step\) \| 1 failed \(1 step\)/m);
  });

  await t.step("fails where there is nothing to test, or what there is is wrong", () => {
    const scenario = join(lab, "odd.dma");
    for (
      const [written, called, complaint] of [
        ["print 1\n", "import.meta.dirname", "odd.dma has no test"],
        ['test "x" { asert 1 }\n', "import.meta.dirname", "--> odd.dma:1:12"],
        ["", '"nowhere"', 'Cannot read "nowhere": there is no such file'],
        ["", 'import.meta.dirname, { match: "no such" }', 'No test has "no such" in its name'],
        ["", "import.meta.dirname, { match: /^such/ }", "No test has /^such/ in its name"],
      ] as const
    ) {
      if (written !== "") Deno.writeTextFileSync(scenario, written);
      const test =
        `import { registerScenarios } from "dmalab/test";\nregisterScenarios(${called});`;
      Deno.writeTextFileSync(join(lab, "odd_test.ts"), test);
      const { code, output } = sh("deno test -R=. --no-check odd_test.ts");
      assertEquals(code, 1, output);
      assertStringIncludes(output, complaint);
      assert(!/^ +at /m.test(output), output);
      if (written !== "") Deno.removeSync(scenario);
    }
    Deno.removeSync(join(lab, "odd_test.ts"));
  });

  await t.step("is formatted and linted as Deno wants it", () => {
    assertEquals(sh("deno fmt --check && deno lint").code, 0);
  });

  await t.step({
    name: "has a REPL at a terminal",
    ignore: !hasPty(),
    fn: async () => {
      await tryRepl(base, lab, "dmalab repl", "stops");
      // npx would wait for the stopped process, and the shell would wait for npx.
      if (has("npx")) await tryRepl(base, lab, "npx dmalab repl", "stays");
    },
  });
}

/** Uses a REPL at a pseudo-terminal, stops it with Ctrl-Z if that is possible, and ends it. */
async function tryRepl(
  base: string,
  folder: string,
  command: string,
  atCtrlZ: "stops" | "stays",
): Promise<void> {
  await using pty = new Pty(folder, { env: environment(base) });
  await pty.see(/\$ /);
  await pty.press(`stty cols 80; ${command}\n`);
  await pty.see(/a laboratory for DMA mapping. :help lists the commands/);
  await pty.see(PROMPT);
  await pty.press("let page = alloc_pages(1)\n", PROMPT);
  await pty.press("page.pa", /page\.pa/);
  await pty.press(TAB, /ges/);
  await pty.press("\n", /^\[0x4000_0000\]$/m, PROMPT);
  await pty.press(CTRL_Z);
  if (atCtrlZ === "stops") {
    await pty.see(/Stopped[^]*\$ /);
    await pty.press("fg\n");
  } else await pty.see(/would suspend only this process/);
  await pty.see(PROMPT);
  await pty.press("page.size + 38\n", /^4134B$/m, PROMPT);
  await pty.leave();
}

Deno.test("a folder made by the package works, and tests of node --test too (docs/install.md)", (t) =>
  withPackage(async (base, dist) => {
    installByDeno(base);

    await t.step("compiles a driver in C and runs it, and says what to do where it cannot", () => {
      for (const name of ["map.c", "map.dma"]) {
        Deno.copyFileSync(join(ROOT, "extensions/c_drivers/drivers/map", name), join(base, name));
      }
      const found = /^FAILED \| 0 passed \| 1 failed \| 2 assertions \| 1 unexpected report$/m;
      assertMatch(shell(base, base, `${ownCaches()} dmalab run map.dma`).output, found);
      // The compiled driver is kept, so no compiler is needed.
      const kept = `${ownCaches()} deno run -R -W --allow-env dist/lib/run.js map.dma`;
      assertMatch(shell(base, base, kept).output, found);
    });

    await t.step("makes a folder", async (t) => {
      const lab = join(base, "lab");
      const made = shell(base, base, "dmalab init lab");
      assertEquals(made.code, 0, made.output);
      giveDeno(dist);
      installAsNpm(dist, lab);
      for (
        const [index, { code }] of MANUAL.filter(({ language }) => language === "ts").entries()
      ) {
        Deno.writeTextFileSync(join(lab, `manual${index}.ts`), `${code}\n`);
      }
      assertMatch(shell(base, lab, "deno run -R manual1.ts").output, /^0$/m);
      await tryFolder(t, base, lab);
      const again = shell(base, base, "dmalab init lab");
      assertEquals(again.code, 2);
      assertStringIncludes(again.output, "already; nothing was written");
    });

    await t.step({
      name: "node --test takes the tests from the command (docs/install.md)",
      ignore: !has("npx"),
      fn: () => {
        const project = join(base, "project");
        Deno.mkdirSync(project);
        installAsNpm(dist, project);
        const [program] = MANUAL.filter(({ language }) => language === "js");
        Deno.writeTextFileSync(join(project, "scenarios.test.mjs"), program!.code);
        Deno.writeTextFileSync(join(project, "good.dma"), 'test "holds" { assert 1 == 1 }\n');
        const good = shell(base, project, "node --test");
        assertEquals(good.code, 0, good.output);
        assertMatch(good.output, /^# pass 2$/m);
        Deno.writeTextFileSync(join(project, "bad.dma"), 'test "t" { assert 1 == 2 }\n');
        const bad = shell(base, project, "node --test");
        assertEquals(bad.code, 1, bad.output);
        assertMatch(bad.output, /^# fail 2$/m);
        assertStringIncludes(bad.output, "--> bad.dma:1:19");
      },
    });
  }));

/** Puts the package where npm installs it, with the link to its command. */
function installAsNpm(dist: string, project: string): void {
  const modules = join(project, "node_modules");
  Deno.mkdirSync(join(modules, ".bin"), { recursive: true });
  const { success } = new Deno.Command("cp", { args: ["-r", dist, join(modules, "dmalab")] })
    .outputSync();
  assert(success);
  Deno.symlinkSync("../dmalab/lib/bin.js", join(modules, ".bin/dmalab"));
}
