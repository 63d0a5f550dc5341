/** `dmalab test`: its selection of tests, its reports, and its comparison of output with snapshots. */
import { TempFolder } from "@dmalab/tools";
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { join } from "node:path";
import { assertOutOfTime, dmalab, programWords, runProgram } from "./dmalab_program.ts";
import { countedWorkers } from "./job_suites.ts";
import { runDeno } from "./deno_process.ts";
import { ROOT } from "./source_text.ts";

const TEXT = `machine {
  iommu { mode = strict }
  pci { root_port rp0 { nvme ssd { } } }
}

test "maps & <unmaps>" matrix { iommu.mode = [strict, lazy] } {
  let m = dma_map_phys(ssd, 0x10_0000, 4KiB, to_device)
  print "mapped {m.size}"
  dma_unmap_phys(ssd, m, 4KiB, to_device)
}

skip test "later" { }

# (dma.md 3.3 row 1)
test "refuses" {
  let state = iova_state()
  assert dma_iova_try_alloc(ssd, state, phys: 0x10_0000, size: 64KiB)
  dma_iova_link(ssd, state, 0x20_0800, 4KiB, 4KiB, to_device) fails EIO
  dma_iova_free(ssd, state)
}
`;
const FAILS = 'test "is wrong" {\n  print "said"\n  assert 1 == 2, "a \\"b\\" & c"\n}\n';

Deno.test("with --jobs the output is the same, in the order of the files", async () => {
  const files = Object.fromEntries(
    ["a", "b", "c", "d"].map((name) => [`${name}.dma`, TEXT.replaceAll("maps", `maps ${name}`)]),
  );
  using folder = new TempFolder(files);
  using _ = countedWorkers();
  const one = await dmalab("test", folder.path, "--jobs", "1");
  const three = await dmalab("test", folder.path, "--jobs", "3");
  assertEquals(three, one);
  assertStringIncludes(one.output, "ok | 4 files | 12 passed | 0 failed | 4 ignored");
});

Deno.test("a JUnit report replaces an earlier one, and no scenario", async () => {
  using folder = new TempFolder({ "a.dma": FAILS });
  const report = (name: string) => dmalab("test", folder.path, "--junit-path", folder.at(name));
  assertEquals([(await report("t.xml")).code, (await report("t.xml")).code], [1, 1]);
  const { code, errors } = await report("a.dma");
  assertEquals(code, 2);
  assertStringIncludes(errors, "error[E1103]: Cannot write");
  assertEquals(Deno.readTextFileSync(folder.at("a.dma")), FAILS);
});

Deno.test("a folder in which nothing can be kept does not change how a run ends", async () => {
  using folder = new TempFolder({ "a.dma": FAILS });
  Deno.mkdirSync(folder.at(".dmalab"));
  folder.write(".dmalab/failed", "");
  Deno.chmodSync(folder.at(".dmalab/failed"), 0o444);
  const { code, output } = await dmalabAloneIn(folder.path, "test");
  assertEquals(code, 1);
  assertStringIncludes(output, 'warning: Cannot write ".dmalab/failed": it is write-protected');
});

Deno.test("with --jobs each file has its limits, and Ctrl-C loses no report (long)", async () => {
  // The warning is written when the file is loaded, so Ctrl-C comes while the file runs.
  const endless = 'test "fails at once" { let unused = 1; assert 1 == 2 }\n' +
    'test "never ends" { while true { } }\ntest "not come to" { assert true }\n';
  using folder = new TempFolder({ "a.dma": FAILS, "b.dma": endless, "c.dma": FAILS });
  const options = ["--jobs", "2", "--limit", "steps=1_000_000_000_000"];
  const start = performance.now();
  const long = await dmalab("test", folder.path, ...options, "--limit", "time-seconds=1");
  assertEquals(long.code, 3);
  assertOutOfTime(long.output, performance.now() - start);

  folder.write("0.dma", "let\n");
  const { code, output } = await runProgram(
    ["test", folder.path, ...options, "--reporter", "tap"],
    { folder: ROOT, interruptAfter: "warning[W0301]" },
    "-R",
  );
  assertEquals(code, 130, output);
  assertMatch(output, /^not ok 2 - \S*a\.dma: is wrong$/m);
  assertMatch(output, /^not ok 3 - \S*b\.dma: fails at once$/m);
  assertStringIncludes(output, "error[E0807]: interrupted");
});

Deno.test("`deno test` fails for what `dmalab test` fails for, and for no warning about a text", async () => {
  const LEAKS = `machine { pci { root_port rp0 { nvme ssd { } } } }
test "warned" { let unused = 1 }
test "forgets" { dma_map_phys(ssd, 0x10_0000, 4KiB, to_device) }
`;
  using folder = new TempFolder({ "a.dma": LEAKS });
  const registered = async (options: string) => {
    const { href } = new URL("../cli/testing/register_scenarios.ts", import.meta.url);
    const text = `import { registerScenarios } from "${href}";\n` +
      `registerScenarios(import.meta.dirname, ${options});\n`;
    folder.write("a_test.ts", text);
    const args = ["test", "-A", "--no-check", "--config", join(ROOT, "deno.json"), "a_test.ts"];
    return await runDeno(args, { folder: folder.path });
  };
  const { code, output } = await registered("{}");
  assertEquals(code, 1, output);
  assertStringIncludes(output, "warning[W0301]");
  assertStringIncludes(output, "error[E0926]");
  assertMatch(output, /warned \(line 2\) \.\.\. .*ok.*[^]*forgets \(line 3\) \.\.\. .*FAILED/);
  const lenient = await registered("{ lenient: true }");
  assertEquals(lenient.code, 0, lenient.output);
  assertStringIncludes(lenient.output, "leak[mapping]");
});

Deno.test("--snapshot writes beside the scenario only on request, and checks later runs against it", async () => {
  using folder = new TempFolder({ "a.dma": TEXT });
  const [file, snap] = [folder.at("a.dma"), folder.at("a.dma.snap")];
  const none = await dmalab("test", file, "--snapshot", "check");
  assertEquals(none.code, 1);
  assertStringIncludes(none.output, "there is no snapshot yet");
  assertEquals([...Deno.readDirSync(folder.path)].length, 1);
  assertEquals((await dmalab("test", file, "--snapshot", "update")).code, 0);
  assertStringIncludes(Deno.readTextFileSync(snap), "== maps & <unmaps> [iommu.mode = lazy]\n| ");
  assertEquals((await dmalab("test", file, "--snapshot", "check")).code, 0);
  Deno.writeTextFileSync(file, TEXT.replace("mapped", "Mapped"));
  const changed = await dmalab("test", file, "--snapshot", "check");
  assertEquals(changed.code, 1);
  assertStringIncludes(changed.output, "- mapped 4KiB\n+ Mapped 4KiB");
  assertMatch(changed.output, /^FAILED \| .* \| 0 failed \| .* \| 2 snapshots differ$/m);
});

Deno.test("--coverage without a driver in C says that there are no lines to count", async () => {
  using folder = new TempFolder({ "a.dma": TEXT });
  const { output } = await dmalab("test", folder.path, "--coverage");
  assert(output.endsWith("\n\nno test compiles a driver in C: no lines to count\n"), output);
});

Deno.test("--watch runs again when a scenario or a file in C changes, below a folder and beside a file", async () => {
  for (const isFile of [false, true]) {
    using folder = new TempFolder({ "a.dma": 'test "one" { }\n' });
    const [command, ...args] = programWords("-R");
    const child = new Deno.Command(command, {
      args: [...args, "test", isFile ? folder.at("a.dma") : folder.path, "--watch"],
      cwd: ROOT,
      stdout: "piped",
      stderr: "null",
    }).spawn();
    const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
    let output = "";
    const until = async (text: string) => {
      while (!output.includes(text)) {
        const { value, done } = await reader.read();
        if (done) break;
        output += value;
      }
      assertStringIncludes(output, text);
      output = output.slice(output.indexOf(text) + text.length);
    };
    await until("watching for changes");
    folder.write("a.dma", 'test "two" { }\n');
    await until("two ... ok");
    await until("watching for changes");
    folder.write("d.c", "int one(void);\n");
    await until("two ... ok");
    await until("watching for changes");
    // The test saves as an editor does: an editor writes another file and renames it.
    folder.write("a.dma~", 'test "three" { }\n');
    Deno.renameSync(folder.at("a.dma~"), folder.at("a.dma"));
    await until("three ... ok");
    child.kill("SIGKILL");
    await reader.cancel();
    await child.status;
  }
});

Deno.test("dmalab test needs to read and nothing else", async () => {
  const { code, output } = await runProgram(
    ["test", "examples/start/01-first-look.dma", "--jobs", "2"],
    { folder: ROOT },
    "-R=.",
  );
  assertEquals(code, 0, output);
});

/** Runs the command in a separate process that may write to `folder`. */
async function dmalabAloneIn(folder: string, ...words: string[]) {
  return await runProgram(words, { folder }, "-R", "-W=.", "--config", join(ROOT, "deno.json"));
}

/** Runs the command in this process, with `folder` as the current folder. */
async function dmalabIn(folder: string, ...words: string[]) {
  const here = Deno.cwd();
  Deno.chdir(folder);
  try {
    const { code, errors, output } = await dmalab(...words);
    return { code, output: output + errors };
  } finally {
    Deno.chdir(here);
  }
}

const ONE = 'test "one" { assert 1 == 2 }\n';
const TWO = 'test "two" { assert 1 == 2 }\n';
const NAMES = `test "maps" { }
test "maps twice" { }
test "unmaps it (all)" { }
`;

Deno.test("--failed runs what failed the last time, until nothing does", async () => {
  using folder = new TempFolder({ "a.dma": FAILS + NAMES, "b.dma": NAMES });
  const unknown = await dmalabAloneIn(folder.path, "test", "--failed");
  assertEquals(unknown.code, 2);
  assertStringIncludes(unknown.output, "this folder has no record of failed tests");
  assertStringIncludes(
    (await dmalabAloneIn(folder.path, "test")).output,
    "| 6 passed | 1 failed |",
  );
  const again = await dmalabAloneIn(folder.path, "test", "--failed");
  assertEquals(again.code, 1);
  assertStringIncludes(again.output, "| 0 passed | 1 failed | 3 filtered out |");
  folder.write("a.dma", FAILS.replace("1 == 2", "1 == 1"));
  assertStringIncludes(
    (await dmalabAloneIn(folder.path, "test", "--failed")).output,
    "| 1 passed |",
  );
  const nothing = await dmalabAloneIn(folder.path, "test", "--failed");
  assertEquals([nothing.code, nothing.output], [
    0,
    "No test of this folder is recorded as failed\n",
  ]);
});

/** Second runs, each with the tests that `test --failed` repeats after it. */
const SECOND_RUNS: readonly {
  readonly fact: string;
  readonly words: readonly string[];
  readonly change?: readonly [file: string, text: string];
  readonly undo?: readonly [file: string, text: string];
  readonly repeats: string;
}[] = [
  {
    fact: "one of two failures was run alone",
    words: ["test", "--match", "/^one$/"],
    repeats: "| 0 passed | 2 failed |",
  },
  {
    fact: "a passing test was run alone",
    words: ["test", "a.dma", "--match", "maps"],
    repeats: "| 0 passed | 2 failed |",
  },
  {
    fact: "another file was run",
    words: ["test", "b.dma"],
    repeats: "| 0 passed | 2 failed |",
  },
  {
    fact: "the run stopped at the first failure",
    words: ["test", "--fail-fast"],
    repeats: "| 0 passed | 2 failed |",
  },
  {
    fact: "the file had an error meanwhile",
    words: ["test"],
    change: ["a.dma", "let\n"],
    undo: ["a.dma", ONE + TWO],
    repeats: "| 0 passed | 2 failed |",
  },
  {
    fact: "one was repaired, and run alone by another name of its file",
    words: ["test", "./a.dma", "--match", "one"],
    change: ["a.dma", ONE.replace("1 == 2", "1 == 1") + TWO],
    repeats: "| 0 passed | 1 failed |",
  },
  {
    fact: "one was renamed, and everything was run",
    words: ["test"],
    change: ["a.dma", ONE.replace("one", "uno") + TWO],
    repeats: "| 0 passed | 2 failed |",
  },
];

for (const { fact, words, change, undo, repeats } of SECOND_RUNS) {
  Deno.test(`--failed repeats every test that failed when it last ran: ${fact}`, async () => {
    using folder = new TempFolder({ "a.dma": ONE + TWO, "b.dma": NAMES });
    assertEquals((await dmalabIn(folder.path, "test")).code, 1);
    if (change !== undefined) folder.write(...change);
    await dmalabIn(folder.path, ...words);
    if (undo !== undefined) folder.write(...undo);
    const { code, output } = await dmalabIn(folder.path, "test", "--failed");
    assertStringIncludes(output, repeats);
    assertEquals(code, 1);
  });
}

Deno.test("--failed names failed tests that no file has, and does not pass", async () => {
  using folder = new TempFolder({ "a.dma": ONE + TWO, "b.dma": ONE });
  await dmalabIn(folder.path, "test");
  folder.write("a.dma", ONE.replace("one", "uno") + TWO.replace("1 == 2", "1 == 1"));
  Deno.removeSync(folder.at("b.dma"));
  const { code, output } = await dmalabIn(folder.path, "test", "--failed");
  assertEquals(code, 1);
  assertStringIncludes(output, "| 1 passed |");
  assertStringIncludes(output, 'error: a.dma has no test "one"; it failed when it last ran\n');
  assertStringIncludes(
    output,
    'error: there is no file b.dma; its test "one" failed when it last ran\n',
  );
  // Only tests that no longer exist are left.
  const again = await dmalabIn(folder.path, "test", "--failed");
  assertEquals(again.code, 1);
  assertStringIncludes(again.output, 'a.dma has no test "one"; it failed');
  assert(!again.output.includes("No test found"), again.output);
  await dmalabIn(folder.path, "test");
  const renamed = await dmalabIn(folder.path, "test", "--failed");
  assert(!renamed.output.includes("when it last ran"), renamed.output);
  assertStringIncludes(renamed.output, "| 0 passed | 1 failed |");
});

Deno.test("a branch that passes leaves its test recorded as failed", async () => {
  const text = `machine { iommu { mode = strict } pci { root_port rp0 { nvme ssd { } } } }
test "leaks" {
  inject each {
    let m = try dma_map_phys(ssd, 0x10_0000, 4KiB, to_device)
    let n = try dma_map_phys(ssd, 0x20_0000, 4KiB, to_device)
    if m.ok { dma_unmap_phys(ssd, m.value, 4KiB, to_device) }
    if m.ok and n.ok { dma_unmap_phys(ssd, n.value, 4KiB, to_device) }
  }
}
`;
  using folder = new TempFolder({ "a.dma": text });
  assertStringIncludes((await dmalabIn(folder.path, "test")).output, "| 0 passed | 1 failed |");
  const branch = await dmalabIn(folder.path, "test", "--branch", "1:dma_map_phys@2");
  assertStringIncludes(branch.output, "| 1 passed |");
  const { output } = await dmalabIn(folder.path, "test", "--failed");
  assertStringIncludes(output, "| 0 passed | 1 failed |");
});

Deno.test("the line that repeats a failure repeats that test alone", async () => {
  const text = ["maps", "maps it's $HOME", "/x/"]
    .map((name) => `test "${name}" { assert 1 == 2 }\n`).join("");
  using folder = new TempFolder({ "a.dma": text });
  const { output } = await dmalab("test", folder.at("a.dma"));
  const repeats = [...output.matchAll(/^repeat it: dmalab (.*)$/gm)].map(([, line]) => line!);
  assertEquals(repeats.length, 3);
  assertStringIncludes(repeats[0]!, "--match '/^maps$/'");
  for (const [index, line] of repeats.entries()) {
    const shell = new Deno.Command("sh", {
      args: ["-c", `printf '%s\\n' ${line}`],
      env: { HOME: "elsewhere" },
    });
    const words = new TextDecoder().decode(shell.outputSync().stdout).trimEnd().split("\n");
    const repeated = await dmalab(...words);
    assertStringIncludes(
      repeated.output,
      "| 0 passed | 1 failed | 2 filtered out",
      repeats[index],
    );
  }
});

Deno.test("--trace json gives every event of all files to programs, and all else to people", async () => {
  using folder = new TempFolder({ "a.dma": TEXT, "b.dma": FAILS });
  const { code, errors, output } = await dmalab(
    "test",
    folder.path,
    "--trace",
    "json",
    "--jobs",
    "2",
  );
  assertEquals(code, 1);
  const lines = output.trimEnd().split("\n").map((line) => JSON.parse(line));
  assertEquals(lines[0].dmatrace, 1);
  const runs = lines.filter((line) => "run" in line);
  assertEquals(runs.map(({ name, run }) => `${run} ${name}`), [
    "1 maps & <unmaps>",
    "2 maps & <unmaps>",
    "3 refuses",
    "4 is wrong",
  ]);
  const events = lines.filter((line) => "seq" in line);
  assertEquals(lines.at(-1), { runs: 4, events: events.length });
  assertEquals(events.filter(({ name }) => name === "dma.map").length, 2);
  assertEquals(lines.filter(({ outcome }) => outcome === "failed").length, 1);
  assertStringIncludes(errors, "maps & <unmaps> [iommu.mode = strict] ... ok");
  assertStringIncludes(errors, "1 failed");
});
