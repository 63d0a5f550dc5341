/**
 * The folder that `dmalab init` makes, by the package as a user has it: every way to run and to test it,
 * a clone, and a project of npm. `tests/package_test.ts` has the package itself.
 */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { codeBlocks } from "../cli/scenario/code_blocks.ts";
import {
  environment,
  has,
  installByDeno,
  ownCaches,
  shell,
  TWO_PASSES,
  withPackage,
} from "./package_shell.ts";
import { ROOT } from "./source_text.ts";
import { CTRL_D, CTRL_Z, hasPty, Pty, TAB } from "./pty.ts";

const MANUAL = codeBlocks(
  "docs/install.md",
  Deno.readTextFileSync(join(ROOT, "docs/install.md")),
);

/** The programs of the library's page, with what they print. */
const PROGRAMS = codeBlocks(
  "docs/typescript.md",
  Deno.readTextFileSync(join(ROOT, "docs/typescript.md")),
);

const SUMMARY = /^ok \| 1 passed \| 0 failed \| 4 assertions$/m;
const BROKEN = ["iommu.live_mappings == 1", "iommu.live_mappings == 2"] as const;

/** What a folder made by `dmalab init` can do. */
async function tryFolder(t: Deno.TestContext, base: string, lab: string): Promise<void> {
  const sh = (line: string, folder = lab) => shell(base, folder, line);

  await t.step("runs scenarios, in it and in folders below", () => {
    assertMatch(sh("deno run -R=. first.dma").output, SUMMARY);
    assertMatch(sh("deno run -R=. dma first.dma").output, SUMMARY);
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
    // At once: each check reads all of the package's declarations.
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
    assertMatch(sh("deno task test").output, /^ok \| 2 passed/m);

    Deno.writeTextFileSync(
      join(lab, "answer_test.ts"),
      'import { answer } from "./below/answer.ts";\nDeno.test("answer", () => void answer);\n',
    );
    const covered = sh(`deno test -R=. --no-check --coverage=${base}/coverage`).output;
    Deno.removeSync(join(lab, "answer_test.ts"));
    Deno.removeSync(join(base, "coverage"), { recursive: true });
    // None of the files in the table is one of ours.
    const files = [...covered.matchAll(/^\| ([\w./-]+\.[jt]s) /gm)].map(([, file]) => file);
    assertEquals(files, ["answer.ts"], covered);

    const second = join(lab, "below/second.dma");
    const text = Deno.readTextFileSync(second);
    Deno.writeTextFileSync(second, text.replace(...BROKEN));
    const bad = sh("deno test -R=.");
    Deno.writeTextFileSync(second, text);
    assertEquals(bad.code, 1);
    assertStringIncludes(bad.output, "--> below/second.dma:22:10");
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

  await t.step("has the tasks it names", () => {
    assertStringIncludes(sh("deno task check").output, "ok | 2 files | 0 errors | 0 warnings");
    assertStringIncludes(sh("deno task fmt").output, "ok | 2 files | 0 changed");
    assertStringIncludes(sh("deno task dmalab explain dma.3.3").output, "dma_iova_link");
    assertStringIncludes(sh('deno task hunt --quirks "none" --cases 5').output, "nothing found");
    assertStringIncludes(sh("echo 'print 6 * 7' | deno task repl").output, "42\n");
    assertEquals(sh("deno fmt --check && deno lint").code, 0);
  });

  await t.step({
    name: "has a REPL at a terminal",
    ignore: !hasPty(),
    fn: async () => {
      await tryRepl(base, lab, "deno run --no-prompt -R -W .dmalab/bin.js repl", "stops");
      // A task would wait for who is stopped, and the shell for the task.
      await tryRepl(base, lab, "deno task repl", "stays");
    },
  });
}

/** Talks to a REPL at a pseudo-terminal, leaves it for the shell where that can be, and ends it. */
async function tryRepl(
  base: string,
  folder: string,
  command: string,
  atCtrlZ: "stops" | "stays",
): Promise<void> {
  const pty = new Pty(folder, environment(base));
  const prompt = /dma\[\d+( @ \w+)?\]> /;
  try {
    await pty.see(/\$ /);
    await pty.press(`stty cols 80; ${command}\n`);
    await pty.see(/a laboratory for DMA mapping. :help lists the commands/);
    await pty.see(prompt);
    await pty.press("let page = alloc_pages(1)\n");
    await pty.see(prompt);
    await pty.press("page.pa");
    await pty.see(/page\.pa/);
    await pty.press(TAB);
    await pty.see(/ges/);
    await pty.press("\n");
    await pty.see(/^\[0x4000_0000\]$/m);
    await pty.see(prompt);
    await pty.press(CTRL_Z);
    if (atCtrlZ === "stops") {
      await pty.see(/Stopped[^]*\$ /);
      await pty.press("fg\n");
    } else await pty.see(/would suspend only this process/);
    await pty.see(prompt);
    await pty.press("page.size + 38\n");
    await pty.see(/^4134B$/m);
    await pty.see(prompt);
    await pty.press(CTRL_D);
    await pty.see(/\$ /);
    await pty.press("echo left with $?\n");
    await pty.see(/^left with 0$/m);
  } finally {
    await pty.close();
  }
}

Deno.test("a folder made by the package works, in a clone and by npm too (docs/install.md)", (t) =>
  withPackage(async (base, dist) => {
    installByDeno(base);

    await t.step("compiles a driver in C and runs it, and says what to do where it cannot", () => {
      for (const name of ["map.c", "map.dma"]) {
        Deno.copyFileSync(join(ROOT, "drivers/map", name), join(base, name));
      }
      const found = /^FAILED \| 0 passed \| 1 failed \| 2 assertions \| 1 unexpected report$/m;
      assertMatch(shell(base, base, `${ownCaches()} dmalab run map.dma`).output, found);
      // What is compiled is kept.
      const kept = `${ownCaches()} deno run -R -W --allow-env dist/run.js map.dma`;
      assertMatch(shell(base, base, kept).output, found);
      for (const words of has("node") ? ["run map.dma", "tree compare ."] : []) {
        const node = shell(base, base, `node dist/bin.js ${words}`);
        assertMatch(node.output, /drivers in C need Deno: Node does not run them/i);
        assertEquals(node.code, 2);
      }
    });

    await t.step("makes a folder", async (t) => {
      const lab = join(base, "lab");
      const made = shell(base, base, "dmalab init lab");
      assertEquals(made.code, 0, made.output);
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
      name: "whose clone works at once with an empty cache, and has the same files",
      ignore: !has("git"),
      fn: () => {
        const commit = "git -c user.name=x -c user.email=x@x commit -qm x";
        const lab = join(base, "lab");
        assertEquals(shell(base, lab, `git init -q && git add -A && ${commit}`).code, 0);
        assertEquals(shell(base, base, "git clone -q lab clone").code, 0);
        Deno.removeSync(join(base, "cache"), { recursive: true });
        const clone = join(base, "clone");
        assertMatch(shell(base, clone, "deno run -R=. first.dma").output, SUMMARY);
        assertMatch(shell(base, clone, "deno test -R=.").output, /^ok \| 2 passed/m);
        assertEquals(shell(base, clone, "git status --short").output, "");
        // What is the same needs no second look; what dmalab leaves there is in no clone.
        const compared = "diff -r -x .git -x history -x failed lab clone";
        assertEquals(shell(base, base, compared).output, "");
      },
    });

    await t.step({
      name: "by npm, for Node",
      ignore: !has("npm"),
      fn: async (t) => {
        const project = join(base, "project");
        Deno.mkdirSync(project);
        Deno.writeTextFileSync(join(project, "package.json"), '{ "type": "module" }\n');
        assertEquals(shell(base, project, `npm publish --dry-run ${dist}`).code, 0);
        const packed = shell(base, project, `npm pack --silent ${dist} && npm install ./*.tgz`);
        assertEquals(packed.code, 0, packed.output);
        const run = shell(base, project, "npx dmalab run ../two.dma");
        const dmalab = "node_modules/.bin/dmalab";
        assertMatch(run.output, TWO_PASSES);
        assertEquals(run.code, 0);
        assertEquals(shell(base, project, `${dmalab} run three.dma`).code, 2);
        assertStringIncludes(
          shell(base, project, `${dmalab} explain dma.3.3`).output,
          "dma_iova_link",
        );
        Deno.writeTextFileSync(
          join(project, "scenarios.test.js"),
          'import { registerScenarios } from "dmalab/test";\nregisterScenarios("../two.dma");\n',
        );
        const tested = shell(base, project, "node --test");
        assertEquals(tested.code, 0, tested.output);
        assertMatch(tested.output, /pass 4$/m);
        Deno.writeTextFileSync(join(project, "wide.dma"), 'test "t" {assert  1==1}\n');
        assertEquals(shell(base, project, `${dmalab} fmt wide.dma`).code, 0);
        assertEquals(
          Deno.readTextFileSync(join(project, "wide.dma")),
          'test "t" { assert 1 == 1 }\n',
        );
        Deno.writeTextFileSync(join(project, "bad.dma"), 'test "t" { assert 1 == 2 }\n');
        const bad = shell(base, project, `${dmalab} test bad.dma`);
        assertEquals(bad.code, 1);
        assertStringIncludes(bad.output, "--> bad.dma:1:19");
        // By what Node 20 lacks of the language.
        const typed = shell(
          base,
          project,
          `printf 'let a = 1\\nassert a == 2\\n' | ${dmalab} repl`,
        );
        assertEquals(typed.code, 1, typed.output);
        const releases = shell(base, project, `${dmalab} releases wide.dma`);
        assertEquals(releases.code, 0, releases.output);
        Deno.writeTextFileSync(
          join(project, "scenarios.test.js"),
          'import { registerScenarios } from "dmalab/test";\nregisterScenarios("bad.dma");\n',
        );
        const failed = shell(base, project, "node --test");
        assertEquals(failed.code, 1, failed.output);
        assertStringIncludes(failed.output, "--> bad.dma:1:19");
        if (hasPty()) await tryRepl(base, project, "npx dmalab repl", "stays");
        assertEquals(shell(base, project, `${dmalab} init lab`).code, 0);
        await t.step("makes the same folder", () => {
          const { output } = shell(
            base,
            base,
            "diff -r -x history -x failed lab/.dmalab project/lab/.dmalab",
          );
          assertEquals(output, "");
        });
      },
    });
  }));
