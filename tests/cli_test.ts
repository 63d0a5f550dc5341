/**
 * The command line: its output on each stream and its exit codes. Most commands are run in this
 * process, by the program's main function.
 */
import "@dmalab/bin/provide";
import { TempFolder } from "@dmalab/tools";
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { join } from "node:path";
import { COMMANDS } from "@dmalab/bin/all_commands";
import { MemoryScreen } from "@dmalab/cli";
import { main } from "@dmalab/cli/program";
import {
  assertOutOfTime,
  dmalab,
  programLine,
  programWords,
  runProgram,
} from "./dmalab_program.ts";
import { ROOT } from "./source_text.ts";

const GOOD = 'test "holds" { assert 1 + 1 == 2 }\n';
const FAILS = 'print "before"\ntest "does not hold" { assert 1 + 1 == 3 }\n' + GOOD;
const WRONG_FILE = 'test "x" { asert 1 == 1 }\nlet a = 4KB\n';

Deno.test("time is a limit as well, and its error says how to raise it", async () => {
  using folder = new TempFolder({ "long.dma": 'test "takes long" { while true { } }\n' });
  const start = performance.now();
  const long = await dmalab(
    "run",
    folder.at("long.dma"),
    "--limit",
    "time-seconds=1",
    "--limit=steps=1_000_000_000_000",
  );
  assertEquals(long.code, 3);
  assertOutOfTime(long.output, performance.now() - start);
  assertStringIncludes(long.output, "`--limit time-seconds=2` allows twice as much");
});

Deno.test("every command that runs a script has its limits as options", async () => {
  for (const name of ["run", "test", "bench", "repl"]) {
    const { output } = await dmalab(name, "--help");
    for (const limit of ["steps=", "memory-bytes=", "output-lines=", "depth=", "time-seconds="]) {
      assertStringIncludes(output, limit, name);
    }
  }
});

Deno.test("Ctrl-C ends a run with what it has found so far, and exit code 130", async () => {
  const text = 'test "fails at once" { assert 1 == 2 }\n' +
    'test "never ends" { print "here"; while true { } }\ntest "not come to" { assert true }\n';
  const files = { "before.dma": WRONG_FILE, "endless.dma": text, "next.dma": GOOD };
  using folder = new TempFolder(files);
  // The messages about a wrong file are written at once.
  const { code, output } = await runProgram(
    ["run", "--limit=steps=1_000_000_000_000", folder.path],
    { folder: ROOT, interruptAfter: "error[" },
    "-R",
  );
  assertEquals(code, 130);
  assertStringIncludes(output, "fails at once ... FAILED");
  assertStringIncludes(output, "error[E0807]: interrupted");
  assertMatch(output, /0 passed \| 2 failed \| 1 not run/);
});

Deno.test("a failure ends with the line that repeats it, and the line does", async () => {
  using folder = new TempFolder({ "fails.dma": FAILS });
  const { output } = await dmalab("run", folder.at("fails.dma"));
  const repeat = output.match(/^repeat it: dmalab (test \S+ --match "[^"]*" --seed \S+)$/m)?.[1];
  assert(repeat !== undefined, output);
  const words = repeat.match(/"[^"]*"|\S+/g)!.map((word) => word.replaceAll('"', ""));
  const again = await dmalab(...words);
  assertEquals(again.code, 1);
  assertStringIncludes(again.output, "FAILED | 0 passed | 1 failed | 1 filtered out");
  const debug = output.match(/^debug it: dmalab (debug \S+ --match "[^"]*" --seed \S+)$/m)?.[1];
  assert(debug !== undefined, output);
  const opened = await dmalab(
    ...debug.match(/"[^"]*"|\S+/g)!.map((word) => word.replaceAll('"', "")),
  );
  assertStringIncludes(opened.output, "error[E0901]");
  assertMatch(opened.output, /^event \d+\/\d+ {2}\S*fails\.dma:2/m);
});

Deno.test("a property that fails on purpose ends with its smallest case as a test, which fails when pasted", async () => {
  const property = `property "small enough" forall pages in 1..=512, skipped in 0B..4KiB {
  let size = pages * 4KiB - skipped
  assert size < 64KiB or skipped < 8B
}
`;
  using folder = new TempFolder({ "p.dma": property });
  const { code, output } = await dmalab("run", folder.at("p.dma"));
  assertEquals(code, 1);
  const lines = output.split("\n");
  const start = lines.findIndex((line) => line.includes("as a test to paste:"));
  const end = lines.findIndex((line) => line.startsWith("repeat it:"));
  const pasted = lines.slice(start + 1, end).join("\n");
  assertStringIncludes(pasted, 'test "small enough: pages = 17, skipped = 8B" {');
  folder.write("pasted.dma", pasted);
  assertEquals((await dmalab("run", folder.at("pasted.dma"))).code, 1);
  const held = pasted.replace("let pages = 17", "let pages = 16");
  folder.write("held.dma", held);
  assertEquals((await dmalab("run", folder.at("held.dma"))).code, 0);
});

Deno.test("--trace prints events aligned, with device and request", async () => {
  const { output } = await dmalab("run", "examples/start/01-first-look.dma", "--trace");
  const events = output.split("\n").filter((line) => /^ +\d+ +\S+ +ssd +#1 /.test(line));
  assert(events.length > 50);
  const columns = new Set(events.map((line) => line.indexOf("#1")));
  assertEquals(columns.size, 1, "the request stands in one column");
});

Deno.test("bytes that are no text are a sentence", async () => {
  using folder = new TempFolder({});
  Deno.writeFileSync(folder.at("binary.dma"), new Uint8Array([0x66, 0xff, 0xfe]));
  const binary = await dmalab("run", folder.at("binary.dma"));
  assertEquals(binary.code, 2);
  assertMatch(binary.errors, /it is not UTF-8 text/);
});

Deno.test("use reads below the root and never outside it, links included", async () => {
  const files = {
    "secret.dma": "fn secret() { return 1 }\n",
    "lab/deno.json": "{}",
    "lab/lib/pages.dma": "fn two() { return 2 }\n",
    "lab/sub/inside.dma": 'use "../lib/pages.dma"\ntest "uses" { assert two() == 2 }\n',
    "lab/sub/outside.dma": 'use "../../secret.dma"\ntest "uses" { assert secret() == 1 }\n',
    "lab/sub/missing.dma": 'use "../lib/page.dma"\ntest "uses" { assert 1 == 1 }\n',
    "lab/sub/linked.dma": 'use "link.dma"\ntest "uses" { assert secret() == 1 }\n',
  };
  using folder = new TempFolder(files);
  Deno.symlinkSync(folder.at("secret.dma"), folder.at("lab/sub/link.dma"));
  assertEquals((await dmalab("run", folder.at("lab/sub/inside.dma"))).code, 0);
  for (const name of ["outside", "linked"]) {
    const { code, errors } = await dmalab("run", folder.at(`lab/sub/${name}.dma`));
    assertEquals(code, 2);
    assertStringIncludes(errors, "lies outside");
    // A `deno.json` in a folder above `lab` has no effect while `lab/deno.json` exists.
    const mark = folder.at("lab/deno.json");
    assertStringIncludes(errors, `hint: \`${mark}\` makes its folder the root: move the file`);
  }
  Deno.removeSync(folder.at("lab/deno.json"));
  const unmarked = await dmalab("run", folder.at("lab/sub/outside.dma"));
  assertStringIncludes(
    unmarked.errors,
    "hint: a `deno.json` or `package.json` in a folder above",
  );
  folder.write("lab/deno.json", "{}");
  const missing = await dmalab("run", folder.at("lab/sub/missing.dma"));
  assertEquals(missing.code, 2);
  assertStringIncludes(missing.errors, "there is no such file");
  assertStringIncludes(missing.errors, 'hint: did you mean "../lib/pages.dma"?');
});

Deno.test("a mark that comes and goes within a tick of the clock of files is noticed", async () => {
  using folder = new TempFolder({
    "above.dma": "fn one() { return 1 }\n",
    "lab/uses.dma": 'use "../above.dma"\ntest "uses" { assert one() == 1 }\n',
  });
  const hint = async () => (await dmalab("check", folder.at("lab/uses.dma"))).errors;
  for (let turn = 0; turn < 20; turn++) {
    folder.write("lab/deno.json", "{}");
    assertStringIncludes(await hint(), "makes its folder the root");
    Deno.removeSync(folder.at("lab/deno.json"));
    assertStringIncludes(await hint(), "in a folder above both files");
  }
});

Deno.test("explain prints a rule, a call, a mode and a method, and decodes a fault line", async () => {
  const rule = await dmalab("explain", "dma.3.3");
  assertEquals(rule.code, 0);
  assertStringIncludes(rule.output, "−EOPNOTSUPP");
  const call = await dmalab("explain", "dma_iova_link");
  assertStringIncludes(call.output, "call.dma_iova_link, ret.dma_iova_link");
  assertStringIncludes(call.output, "dma_iova_link(dev, state, phys, offset");
  assertStringIncludes((await dmalab("explain", "strict")).output, "IOMMU mode");
  const line = "DMAR: [DMA Read NO_PASID] Request device [01:00.0] fault addr 0xff000000";
  const fault = await dmalab("explain", `${line} [fault reason 0x06] x`);
  // A fault is a finding, as in a log.
  assertEquals(fault.code, 1, fault.errors);
  assertStringIncludes(fault.output, "read of the page at 0xff00_0000");
  assertStringIncludes((await dmalab("explain", "buf.slice")).output, "buffer.slice(range)");
});

Deno.test("explain lists what words are in, and without a name what it explains", async () => {
  const found = await dmalab("explain", "PRP");
  assertEquals(found.code, 0, found.errors);
  assertMatch(
    found.output,
    /^Entries that contain "PRP":\n {2}prp +Physical region/,
  );
  assertMatch(found.output, /\d+ more; .*opens one, such as prp\n$/);
  const kinds = await dmalab("explain");
  assertEquals(kinds.code, 0, kinds.errors);
  assertMatch(kinds.output, /^ {2}E0203 +a diagnostic/m);
});

Deno.test("hunt prints what it finds as a test that fails when it is run, and exits 1; else 0", async () => {
  const defect = "none, gap_bit_lost_on_split";
  const found = await dmalab("hunt", "--quirks", defect, "--cases", "8", "--seed", "5");
  assertEquals(found.code, 1);
  using folder = new TempFolder({ "found.dma": found.output });
  assertEquals((await dmalab("test", folder.at("found.dma"))).code, 1);

  const NONE = ["hunt", "--quirks", "none", "--cases", "21"];
  const nothing = await dmalab(...NONE, "--seed", "2");
  assertEquals(nothing.code, 0);
  // Each machine has several cases. On the last machine, the cases after the 21st are cut off.
  assertMatch(
    nothing.output,
    /^# ok \| kernel 7\.2\.12, seed 2 \| 21 cases on [2-9] machines \| nothing found\n$/,
  );
  const second = await dmalab(...NONE, "--seeds", "4", "--shard", "2/3");
  assertEquals([second.code, second.output], [
    0,
    '# ok | dmalab hunt --quirks "none" --cases 21 --seed 1 --seeds 4 --shard 2/3 | 1 of 1 seed tried, ' +
    "21 cases | nothing found\n",
  ]);
  const wrong = await dmalab("hunt", "--kernel", "5.0");
  assertEquals([wrong.code, wrong.output], [2, ""]);
});

Deno.test("hunt of a file with a driver tries its cases, and prints the smallest that is wrong", async () => {
  const source = Deno.readTextFileSync("examples/api/04-two-step-unwind.dma")
    .replace("pieces = 1..=4", "pieces = 1..=2");
  const wrong = source.replace("  dma_iova_free(nic, ring.state)\n", "");
  using folder = new TempFolder({ "right.dma": source, "wrong.dma": wrong });
  const right = await dmalab("hunt", folder.at("right.dma"));
  assertEquals([right.code, right.errors], [0, ""]);
  assertMatch(
    right.output,
    /^# ok \| driver "page by page" \| 1_032 cases, 0 failures \| 8 layouts on 24 machines \|.*exhaustive\n$/,
  );
  const found = await dmalab("hunt", folder.at("wrong.dma"), "--cases", "5000");
  assertEquals(found.code, 1);
  assertMatch(found.output, /\n# found \| driver "page by page" \| \d+ cases, 1 failure /);
  folder.write("found.dma", found.output);
  assertEquals((await dmalab("test", folder.at("found.dma"))).code, 1);
  const full = source.replace("machine {", "machine {\n  swiotlb { at = 16MiB }");
  folder.write("full.dma", full);
  const noRoom = await dmalab("hunt", folder.at("full.dma"));
  assertEquals([noRoom.code, noRoom.output], [2, ""]);
  assertStringIncludes(
    noRoom.errors,
    "cannot be tested: the hunt allocates buffers in the 256MiB at 16MiB",
  );
  const refused = await dmalab("hunt", folder.at("right.dma"), "--kernel", "6.12.117");
  assertEquals(refused.code, 2);
  assertStringIncludes(refused.errors, "error: `--kernel` is for random requests");
});

Deno.test("vectors --negative writes malformed commands", async () => {
  const { code, output } = await dmalab("vectors", "--negative");
  assertEquals(code, 0);
  assertEquals(JSON.parse(output).format, "dmalab-negative-vectors");
});

Deno.test("vectors writes to a file or to the standard output, and says when it cannot", async () => {
  // Prints the vectors for controllers, because making them takes less time than the other vectors.
  const printed = await dmalab("vectors", "--negative");
  assertEquals(printed.code, 0);
  using folder = new TempFolder({});
  const path = folder.at("v.json");
  const { code, output } = await dmalab("vectors", "--negative", "--out", path);
  assertEquals(code, 0);
  assertMatch(output, /^Wrote \d+ vectors to /);
  assertEquals(Deno.readTextFileSync(path), printed.output);
  const nowhere = await dmalab("vectors", "--negative", "--out", folder.at("no", "v.json"));
  assertEquals(nowhere.code, 2);
  const missing = `error: Cannot write "${folder.at("no", "v.json")}": there is no folder`;
  assertEquals(nowhere.errors, `${missing} "${folder.at("no")}"\n`);
  const itself = await dmalab("vectors", "--negative", "--out", folder.path);
  assertEquals(itself.errors, `error: Cannot write "${folder.path}": it is a folder\n`);
  const below = await dmalab("vectors", "--negative", "--out", join(path, "v.json"));
  assertStringIncludes(below.errors, `there is no folder "${path}"`);
  for (const each of [itself, below]) assertEquals(each.code, 2);
});

Deno.test("every command has help with examples, and every example's command exists", async () => {
  for (const { name, examples } of COMMANDS) {
    const { code, output } = await dmalab(name, "--help");
    assertEquals(code, 0, name);
    assert(examples.length > 0, name);
    for (const { line } of examples) {
      assertStringIncludes(output, `dmalab ${line}`);
      assertEquals(line.split(" ")[0], name);
    }
  }
});

Deno.test("dmalab without colours writes none, and into a pipe that closes it says nothing", async () => {
  const { output } = await runProgram(
    ["run", "examples/start/01-first-look.dma"],
    { folder: ROOT, env: { NO_COLOR: "1" } },
    "-R",
  );
  assert(!output.includes("\x1b"), output);
});

Deno.test("fmt writes files in their style, --check only says which are not, and a wrong file stays", async () => {
  const ugly = 'test   "a"{\nassert 1==1 # so\n }\n';
  const neat = 'test "a" {\n  assert 1 == 1  # so\n}\n';
  using folder = new TempFolder({ "ugly.dma": ugly, "neat.dma": neat, "sub/wrong.dma": "let =\n" });
  const [one, wrong] = [folder.at("ugly.dma"), folder.at("sub")];
  const checked = await dmalab("fmt", "--check", one, folder.at("neat.dma"));
  assertEquals(checked.code, 1);
  assertMatch(checked.output, /^not formatted {2}\S*ugly\.dma:1$/m);
  assertStringIncludes(checked.output, "FAILED | 2 files | 1 would change");
  assertEquals(Deno.readTextFileSync(one), ugly);
  assertEquals((await dmalab("fmt", one)).code, 0);
  assertEquals(Deno.readTextFileSync(one), neat);
  assertEquals((await dmalab("fmt", "--check", one)).code, 0);
  const refused = await dmalab("fmt", wrong);
  assertEquals(refused.code, 2);
  assertStringIncludes(refused.errors, "error[E02");
  assertEquals(Deno.readTextFileSync(join(wrong, "wrong.dma")), "let =\n");
});

Deno.test("repl ends with what its lines came to, from a pipe and from a file", async () => {
  using folder = new TempFolder({});
  const path = folder.at("lines.txt");
  const pipe = ["cat lines.txt | ", ""] as const;
  const file = ["", " < lines.txt"] as const;
  const repl = async ([start, end]: readonly [string, string], lines: string) => {
    Deno.writeTextFileSync(path, lines);
    const { code, stdout } = await new Deno.Command("sh", {
      args: ["-c", `${start}${programLine("-R")} repl${end}`],
      cwd: folder.path,
    }).output();
    return [code, new TextDecoder().decode(stdout).split("\n").at(-2)];
  };
  assertEquals(await repl(pipe, "6 * 7\n"), [0, "42"]);
  assertEquals(await repl(pipe, "assert 1 == 2\n6 * 7\n"), [1, "42"]);
  assertEquals(await repl(pipe, "asert 1 == 2\n6 * 7\n"), [2, "42"]);
  const unfinished = "The input ended in the middle of a statement";
  for (const given of [pipe, file]) {
    assertEquals(await repl(given, "let a = [\n"), [2, unfinished]);
    assertEquals(await repl(given, ""), [0, undefined]);
  }
  assertEquals(await repl(file, "asert 1 == 2\n6 * 7\n"), [2, "42"]);
});

Deno.test("repl reads lines from a pipe, whatever ends them and wherever a letter is cut", async () => {
  const [command, ...args] = programWords("-R");
  const child = new Deno.Command(command, {
    args: [...args, "repl"],
    cwd: ROOT,
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  const writer = child.stdin.getWriter();
  const bytes = new TextEncoder().encode(
    'print "1"\r\nprint "2"\rprint "3"\n\nprint "é"\nprint "5"\r',
  );
  // The input is split in the middle of a line end, and in the middle of a letter.
  const [end, letter] = [bytes.indexOf(10), bytes.indexOf(0xc3) + 1];
  for (const piece of [bytes.slice(0, end), bytes.slice(end, letter), bytes.slice(letter)]) {
    await writer.write(piece);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  // This input is longer than one read.
  await writer.write(
    new TextEncoder().encode(`\nprint "${"é".repeat(100_000)}".length\nprint "6"`),
  );
  await writer.close();
  const { code, stdout } = await child.output();
  const printed = new TextDecoder().decode(stdout).trimEnd().split("\n");
  assertEquals([code, printed], [0, ["1", "2", "3", "é", "5", "100000", "6"]]);
});

Deno.test("trace check prints its balance and findings as JSON", async () => {
  const real = "tests/golden/traces/real";
  const wrong = [
    `${real}/72-strict-mistakes.trace.txt.gz`,
    `${real}/72-strict-mistakes.dmesg.txt.gz`,
  ];
  const json = await dmalab("trace", "check", "--json", ...wrong);
  const { balance, findings, summary } = JSON.parse(json.output);
  assertEquals([json.code, balance.closed_lives, summary.kernel], [1, 19, "7.2.13"]);
  const size = findings.find((each: { kind: string }) => each.kind === "unmap_size");
  assertEquals(
    [size.line, size.other_line, size.log_line, size.device, size.address, size.certainty],
    [42, 40, 377, "0000:00:05.0", "0xffffb000", "proved"],
  );
});

Deno.test(
  "what a scenario shows is as wide as the screen, and 80 columns where that is unknown",
  async () => {
    const widest = async (columns: number | null) => {
      const screen = new MemoryScreen(columns);
      const words = ["run", "examples/block/04-coalesce.dma", "--match", "with one gap"];
      assertEquals(await main(words, screen), 0, screen.errors);
      const lines = screen.output.split("\n").filter((line) => line.startsWith("  #"));
      return Math.max(...lines.map(({ length }) => length));
    };
    assertEquals([await widest(null), await widest(132), await widest(64)], [80, 132, 64]);
  },
);
