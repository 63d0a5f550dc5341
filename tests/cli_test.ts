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

Deno.test("run exits 0 when all holds, 1 when a test fails, 2 for a wrong file, 3 at a limit", async () => {
  const files = {
    "good.dma": GOOD,
    "fails.dma": FAILS,
    "wrong.dma": WRONG_FILE,
    "endless.dma": 'test "endless" { while true { } }\n',
  };
  using folder = new TempFolder(files);
  assertEquals((await dmalab("run", folder.at("good.dma"))).code, 0);
  assertEquals((await dmalab("run", folder.at("fails.dma"))).code, 1);
  assertEquals((await dmalab("run", folder.at("wrong.dma"))).code, 2);
  const endless = await dmalab("run", folder.at("endless.dma"), "--limit", "steps=10_000");
  assertEquals(endless.code, 3);
  assertStringIncludes(endless.output, "error[E08");
});

Deno.test("each limit of a script can be set, and reaching it is exit code 3", async () => {
  const files = {
    "chatty.dma": 'test "talks" { repeat 9 { print "a" } }\n',
    "greedy.dma": 'test "takes" { let all = [1]; while true { all = all + all } }\n',
  };
  using folder = new TempFolder(files);
  const chatty = await dmalab("run", folder.at("chatty.dma"), "--limit", "output-lines=3");
  assertEquals(chatty.code, 3);
  assertStringIncludes(chatty.output, "`--limit output-lines=6` allows twice as many");
  const greedy = await dmalab("run", folder.at("greedy.dma"), "--limit=memory-bytes=0x1000");
  assertEquals(greedy.code, 3, greedy.output + greedy.errors);
  assertStringIncludes(greedy.output, "`--limit memory-bytes=8_192` allows twice as much");
});

Deno.test("time and depth of calls are limits as well, and their errors say how to raise them", async () => {
  const files = {
    "long.dma": 'test "takes long" { while true { } }\n',
    "deep.dma": "fn f(n) {\n  if n == 0 { return 0 }\n  return f(n - 1)\n}\n" +
      'test "goes deep" { assert f(1200) == 0 }\n',
  };
  using folder = new TempFolder(files);
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
  const deep = await dmalab("run", folder.at("deep.dma"));
  assertEquals(deep.code, 3);
  assertStringIncludes(deep.output, "`--limit depth=2_000` allows twice as many");
  assertEquals((await dmalab("run", folder.at("deep.dma"), "--limit", "depth=2000")).code, 0);
});

Deno.test("a driver in C whose file cannot be read is one error, and its uses are none", async () => {
  const text = 'driver lost = c "lost.c"\ntest "t" { assert lost.start(1) == 0 }\n';
  using folder = new TempFolder({ "a.dma": text });
  const { code, errors, output } = await dmalab("check", folder.at("a.dma"));
  assertEquals(code, 2);
  assertEquals((output + errors).match(/error\[E\d+\]/g), ["error[E0701]"]);
});

Deno.test("what says how to raise a limit can be said: bench and repl have them, too", async () => {
  const bench = 'bench "long" { loop { let i = 0; while i < 10_000 { i += 1 } } }\n';
  using folder = new TempFolder({ "long.dma": bench });
  const few = await dmalab("bench", folder.at("long.dma"), "--limit", "steps=1000");
  assertEquals(few.code, 3);
  assertStringIncludes(few.output, "`--limit steps=2_000` allows twice as many");
  assertEquals((await dmalab("bench", folder.at("long.dma"))).code, 0);

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

Deno.test("run says what the file said, one line a test, and a summary", async () => {
  using folder = new TempFolder({ "fails.dma": FAILS });
  const { output } = await dmalab("run", folder.at("fails.dma"));
  const lines = output.split("\n");
  assert(lines.includes("before"));
  assertMatch(output, /^does not hold \.\.\. FAILED \(0 events\)$/m);
  assertMatch(output, /^holds \.\.\. ok \(0 events\)$/m);
  assertEquals(lines.at(-2), "FAILED | 1 passed | 1 failed | 2 assertions");
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
  assertMatch(opened.output, /^event \d+\/\d+ {2}\S*fails\.dma:\d+ {2}assert/m);
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

Deno.test("a wrong file shows every mistake with its place on the error stream, and runs nothing", async () => {
  using folder = new TempFolder({ "wrong.dma": WRONG_FILE });
  const { output, errors } = await dmalab("run", folder.at("wrong.dma"));
  assertEquals(output, "");
  assertMatch(errors, /wrong\.dma:1:12/);
  assertMatch(errors, /wrong\.dma:2:\d+/);
  assertStringIncludes(errors, "hint:");
});

Deno.test("run takes several files and folders, and counts them", async () => {
  using folder = new TempFolder({ "a.dma": GOOD, "sub/b.dma": GOOD, "sub/c.txt": "no" });
  const { code, output } = await dmalab("run", folder.path);
  assertEquals(code, 0);
  assertStringIncludes(output, "ok | 2 files | 2 passed | 0 failed | 2 assertions");
  folder.write("wrong.dma", WRONG_FILE);
  const wrong = await dmalab("run", folder.path);
  assertEquals(wrong.code, 2);
  const summary = "FAILED | 2 files | 2 passed | 0 failed | 2 assertions | 1 file wrong";
  assertStringIncludes(wrong.output, summary);
  assertStringIncludes((await dmalab("test", folder.path)).output, summary);
});

Deno.test("test leaves the statements out, and finding no test is a failure", async () => {
  using folder = new TempFolder({ "fails.dma": FAILS, "none.dma": 'print "hello"\n' });
  const tests = await dmalab("test", folder.at("fails.dma"), "--match", "holds");
  assertEquals(tests.code, 0);
  assert(!tests.output.includes("before"));
  const none = await dmalab("test", folder.at("none.dma"));
  assertEquals(none.code, 1);
  assertStringIncludes(none.errors, "No test found");
  const run = await dmalab("run", folder.at("none.dma"));
  assertEquals([run.code, run.output], [0, "hello\n"]);
  const unmatched = await dmalab("test", folder.at("fails.dma"), "--match", "zebra");
  assertEquals(unmatched.code, 1);
  assertStringIncludes(unmatched.errors, 'no name contains "zebra"');
});

Deno.test("--trace prints events aligned, with device and request", async () => {
  const { output } = await dmalab("run", "examples/start/01-first-look.dma", "--trace");
  const events = output.split("\n").filter((line) => /^ +\d+ +\S+ +ssd +#1 /.test(line));
  assert(events.length > 50);
  const columns = new Set(events.map((line) => line.indexOf("#1")));
  assertEquals(columns.size, 1, "the request stands in one column");
});

Deno.test("check reads without running, and exits 2 for a wrong file", async () => {
  using folder = new TempFolder({ "fails.dma": FAILS, "wrong.dma": WRONG_FILE });
  const fine = await dmalab("check", folder.at("fails.dma"));
  assertEquals([fine.code, fine.output], [0, "ok | 1 file | 0 errors | 0 warnings\n"]);
  const wrong = await dmalab("check", folder.path);
  assertEquals(wrong.code, 2);
  assertMatch(wrong.output, /^wrong \| 2 files \| [2-9] errors/);
});

Deno.test("a missing file, a folder without scenarios, bytes that are no text: a sentence each", async () => {
  using folder = new TempFolder({ "sub/readme.txt": "" });
  Deno.writeFileSync(folder.at("binary.dma"), new Uint8Array([0x66, 0xff, 0xfe]));
  const missing = await dmalab("run", folder.at("missing.dma"));
  assertEquals(missing.code, 2);
  assertMatch(missing.errors, /^error: Cannot read ".*missing\.dma": there is no such file\n$/);
  const binary = await dmalab("run", folder.at("binary.dma"));
  assertEquals(binary.code, 2);
  assertMatch(binary.errors, /it is not UTF-8 text/);
  const empty = await dmalab("run", folder.at("sub"));
  assertEquals(empty.code, 2);
  assertStringIncludes(empty.errors, "There is no scenario");
  for (const command of ["test", "check", "bench"]) {
    assertEquals((await dmalab(command, folder.at("sub"))).code, 2, command);
  }
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

Deno.test("bench counts events of a loop iteration, exactly; --json prints one object per bench", async () => {
  const text = await dmalab("bench", "tools/bench/scenarios/nvme_read.dma", "--match", "strict");
  assertEquals(text.code, 0, text.errors);
  assertMatch(text.output, /iotlb\.sync +1\n/);
  assertMatch(text.output, /^per iteration, of 1_000 iterations, after 100 to warm up$/m);
  assertMatch(text.output, /^all latencies are 0: only `advance` moves virtual time$/m);
  assert(
    !text.output.includes("host"),
    "what depends on the host is not told unless it is asked for",
  );
  const json = await dmalab(
    "bench",
    "tools/bench/scenarios/nvme_read.dma",
    "--match",
    "strict",
    "--json",
  );
  assertEquals(json.errors, "");
  for (const line of json.output.trim().split("\n")) {
    assertEquals(Object.keys(JSON.parse(line)), [
      "bench",
      "place",
      "axes",
      "baseline",
      "cells",
      "expectations",
    ]);
  }
  const all = await dmalab("bench", "tools/bench/scenarios/nvme_read.dma", "--match", "/off|lazy/");
  const [head, , ...rows] = all.output.slice(all.output.indexOf("iommu.mode  ")).split("\n");
  assertMatch(head!, /^iommu\.mode +off +lazy$/);
  assert(rows.some((row) => /^events +17 +27\.028$/.test(row)), all.output);
  assert(rows.some((row) => /^flush_queue\.add +0 +1$/.test(row)), all.output);
  const wide = all.output.split("\n").filter((line) => line.length > 80);
  assertEquals(wide, []);
  const none = await dmalab("bench", "examples/start/01-first-look.dma");
  assertEquals(none.code, 1);
  assertStringIncludes(none.errors, "No bench found");
});

Deno.test("with --json the lines that a bench prints leave the standard output", async () => {
  const printing = 'bench "b" {\n  setup { print "a line" }\n  loop { let _n = 1 }\n}\n';
  using folder = new TempFolder({ "printing.dma": printing });
  const path = folder.at("printing.dma");
  const { code, errors, output } = await dmalab("bench", path, "--json");
  assertEquals(code, 0);
  assertMatch(errors, /^a line\n/);
  for (const line of output.trim().split("\n")) JSON.parse(line);
});

/** Two benches; one of them unmaps with a wrong size. */
const BENCHES = `machine {
  iommu { mode = strict }
  pci { root_port rp0 { endpoint nic { } } }
}

bench "a size that is not the mapped one" {
  setup { let pages = alloc_pages(2) }

  loop {
    let m = dma_map_single(nic, pages, 8KiB, to_device)
    dma_unmap_single(nic, m, 4KiB, to_device)
  }
}

bench "right" matrix { iommu.mode = [strict, lazy] } {
  setup { let pages = alloc_pages(1) }

  loop {
    let m = dma_map_single(nic, pages, 4KiB, to_device)
    dma_unmap_single(nic, m, 4KiB, to_device)
  }
}
`;

Deno.test("each bench of a file has a table, and bench prints its reports", async () => {
  using folder = new TempFolder({ "benches.dma": BENCHES });
  const path = folder.at("benches.dma");
  const several = await dmalab("bench", path, "--lenient");
  assertEquals(several.code, 0, several.errors);
  assertMatch(several.output, /^per iteration +a size that is not the …$/m);
  assertMatch(several.output, /^iommu\.mode +strict +lazy$/m);
  assertStringIncludes(
    several.output,
    'unexpected report[unmap_size]: dma_unmap_single() size mismatch on device "nic"',
  );
  assertStringIncludes(several.output, "benches.dma:11:5");
  assertStringIncludes(several.output, "… 1099 times more");
  assertMatch(several.output, /^warning: 1 bench run passed with unexpected reports/m);
  const failing = await dmalab("bench", path, "--json");
  assertEquals(failing.code, 1);
  assertMatch(failing.output, /"name":"unmap_size",[^{}]*"place":"[^"]*benches\.dma:11:5"/);
});

const ALIKE = `
machine { pci { root_port rp0 { endpoint nic { } } } }
test "a size that is not the mapping's" matrix { iommu.mode = [strict, lazy, off] } {
  let a = dma_map_phys(nic, 0x4000_0000, 4KiB, to_device)
  dma_unmap_phys(nic, a, 8KiB, to_device)
  let b = dma_map_phys(nic, 0x4000_0000, 4KiB, to_device)
  dma_unmap_phys(nic, b, 8KiB, to_device)
}
`;

Deno.test("findings and failures of several tests that are the same are one line after the first, and all in JSON", async () => {
  using folder = new TempFolder({ "alike.dma": ALIKE });
  const path = folder.at("alike.dma");
  for (const command of ["run", "test"]) {
    const { code, output } = await dmalab(command, path);
    assertEquals(code, 1);
    assertEquals(output.match(/^ {3}= kernel log: DMA-API/gm)?.length ?? 0, 0);
    assertEquals(output.match(/^ {5}= kernel log: DMA-API/gm)?.length, 1, output);
    const again =
      /^ {2}unexpected report\[unmap_size\] at \S+alike\.dma:7:3, as in a test above$/gm;
    assertEquals(output.match(again)?.length, 2, output);
    assertEquals(output.match(/^repeat it:/gm)?.length, 1);
    assertStringIncludes(
      output,
      "the same failure in 2 more tests:\n" +
        "  a size that is not the mapping's [iommu.mode = lazy]\n" +
        "  a size that is not the mapping's [iommu.mode = off]\n",
    );
  }
  const { output } = await dmalab("test", path, "--reporter", "json");
  assertEquals(output.match(/"kind": ?"report",\s*"name": ?"unmap_size"/g)?.length, 6, output);
});

Deno.test("explain prints a rule, decodes a fault line, and exits 2 with a hint for a name it does not know", async () => {
  const rule = await dmalab("explain", "dma.3.3");
  assertEquals(rule.code, 0);
  assertStringIncludes(rule.output, "−EOPNOTSUPP");
  const call = await dmalab("explain", "dma_iova_link");
  assertStringIncludes(call.output, "call.dma_iova_link, ret.dma_iova_link");
  assertStringIncludes(call.output, "dma_iova_link(dev, state, phys, offset");
  assertStringIncludes((await dmalab("explain", "strict")).output, "IOMMU mode");
  const line = "DMAR: [DMA Read NO_PASID] Request device [01:00.0] fault addr 0xff000000";
  const fault = await dmalab("explain", `${line} [fault reason 0x06] x`);
  assertEquals(fault.code, 0, fault.errors);
  assertStringIncludes(fault.output, "read of the page at 0xff00_0000");
  const cut = await dmalab("explain", line);
  assertEquals(cut.code, 2);
  assertStringIncludes(cut.errors, 'error: expected "[fault reason", the text ends');
  assertStringIncludes((await dmalab("explain", "buf.slice")).output, "buffer.slice(range)");
  const limit = ["--in", "examples/block/02-limit-128k.dma", "ssd.limits.max_transfer"];
  assertStringIncludes((await dmalab("explain", ...limit)).output, "max_transfer = 8MiB");
  const noDevice = await dmalab(
    "explain",
    "--in",
    "examples/block/02-limit-128k.dma",
    "disk.limits",
  );
  assertEquals([noDevice.code, noDevice.errors.split("\n")[0]], [
    2,
    "error[E0301]: nothing is called `disk`",
  ]);
  const unknown = await dmalab("explain", "dma.3.33");
  assertEquals(unknown.code, 2);
  assertStringIncludes(unknown.errors, 'did you mean "dma.3.3"?');
  const code = await dmalab("explain", "E9999");
  assertEquals(code.code, 2);
  assertMatch(code.errors, /^error: There is no code "E9999"; they go from E0101 to E\d{4}\n$/);
  const near = await dmalab("explain", "e0499");
  assertStringIncludes(near.errors, "near it are E0401 (kinds do not mix), E0402 (wrong kind");
  assert(!near.errors.includes("E0501"), near.errors);
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
  assertEquals((await dmalab("explain", "qqqq")).code, 2);
});

Deno.test("hunt prints what it finds as a test that fails when it is run, and exits 1; else 0", async () => {
  const defect = "none, gap_bit_lost_on_split";
  const found = await dmalab("hunt", "--quirks", defect, "--cases", "8", "--seed", "5");
  assertEquals(found.code, 1);
  const scenario = /^# Found by:[^]*?^}\n(?=\n\w+ \|)/m.exec(found.output)![0];
  using folder = new TempFolder({ "found.dma": scenario });
  assertEquals((await dmalab("test", folder.at("found.dma"))).code, 1);

  const NONE = ["hunt", "--quirks", "none", "--cases", "21"];
  const nothing = await dmalab(...NONE, "--seed", "2");
  assertEquals(nothing.code, 0);
  // Each machine has several cases. On the last machine, the cases after the 21st are cut off.
  assertMatch(
    nothing.output,
    /^ok \| kernel 7\.2\.12, seed 2 \| 21 cases on [2-9] machines \| nothing found\n$/,
  );
  const second = await dmalab(...NONE, "--seeds", "4", "--shard", "2/3");
  assertEquals([second.code, second.output], [
    0,
    'ok | dmalab hunt --quirks "none" --cases 21 --seed 1 --seeds 4 --shard 2/3 | 1 of 1 seed tried, ' +
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
    /^ok \| driver "page by page" \| 1_032 cases, 0 failures \| 8 layouts on 24 machines \|.*exhaustive\n$/,
  );
  const found = await dmalab("hunt", folder.at("wrong.dma"), "--cases", "5000");
  assertEquals(found.code, 1);
  assertMatch(found.output, /\nfound \| driver "page by page" \| \d+ cases, 1 failure /);
  const [scenario] = /^# [^]*?^}\n/m.exec(found.output)!;
  folder.write("found.dma", scenario);
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

Deno.test("vectors --negative writes malformed commands, and takes nothing that is random", async () => {
  const { code, output } = await dmalab("vectors", "--negative");
  assertEquals(code, 0);
  assertEquals(JSON.parse(output).format, "dmalab-negative-vectors");
  const wrong = await dmalab("vectors", "--negative", "--seed", "2");
  assertEquals([wrong.code, wrong.output], [2, ""]);
  const endless = await dmalab("vectors", "--count", "1000000000000");
  assertStringIncludes(endless.errors, "`--count` is at most 10000");
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

Deno.test("trace check exits 1 only for what is proved or likely, and prints its balance and findings as JSON", async () => {
  const real = "tests/golden/traces/real";
  const wrong = [
    `${real}/72-strict-mistakes.trace.txt.gz`,
    `${real}/72-strict-mistakes.dmesg.txt.gz`,
  ];
  const report = await dmalab("trace", "check", ...wrong);
  assertEquals(report.code, 1, report.errors);
  assertStringIncludes(report.output, "proved: unmap_size at");
  assertStringIncludes(report.output, "trace.T.66");
  const json = await dmalab("trace", "check", "--json", ...wrong);
  const { balance, findings, summary } = JSON.parse(json.output);
  assertEquals([json.code, balance.closed_lives, summary.kernel], [1, 19, "7.2.13"]);
  const size = findings.find((each: { kind: string }) => each.kind === "unmap_size");
  assertEquals(
    [size.line, size.other_line, size.log_line, size.device, size.address, size.certainty],
    [42, 40, 377, "0000:00:05.0", "0xffffb000", "proved"],
  );
  const clean = await dmalab("trace", "check", `${real}/72-strict-small.trace.txt.gz`);
  assertEquals(clean.code, 0, clean.errors);
  assertStringIncludes(clean.output, "Nothing is proved or likely to be wrong.");
});

Deno.test("trace summary counts what is in files; show and explain --trace say who owned an address", async () => {
  const real = "tests/golden/traces/real";
  const trace = `${real}/72-strict-mistakes.trace.txt.gz`;
  const lost = `${real}/72-lost-events`;
  const found = await dmalab("trace", "summary", `${lost}.trace.txt.gz`, `${lost}.qemu.log.gz`);
  assertEquals(found.code, 0, found.errors);
  assertStringIncludes(found.output, "CPU 1 lost 805 events");
  assertStringIncludes(found.output, "QEMU log: vtd_inv_desc_iotlb_pages");
  const shown = await dmalab("trace", "show", trace, "--at", "56");
  assertStringIncludes(shown.output, "0xffffb000: 4096 bytes of 0000:00:05.0, map FROM_DEVICE");
  const line =
    "[    7.883772] DMAR: [DMA Write NO_PASID] Request device [0000:00:05.0] fault addr " +
    "0xffffb000 [fault reason 0x05] PTE Write access is not set";
  const files = ["--trace", trace, "--trace", `${real}/72-strict-mistakes.dmesg.txt.gz`];
  const explained = await dmalab("explain", line, ...files);
  assertEquals(explained.code, 0, explained.errors);
  assertStringIncludes(explained.output, "proved: use_after_unmap (trace.T.62)");
  assertStringIncludes(explained.output, "72-strict-mistakes.trace.txt.gz:56");
  for (const words of [["nothing", "x"], ["check"], ["check", "missing.txt"], ["show", trace]]) {
    const refused = await dmalab("trace", ...words);
    assertEquals(refused.code, 2, words.join(" "));
    assertStringIncludes(refused.errors, "error: ");
  }
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

Deno.test("options of another action are refused", async () => {
  const { code, errors } = await dmalab("tree", "compile", "linux", "a.c", "--seed", "3");
  assertEquals([code, errors], [
    2,
    "error: `--cases` and `--seed` are for `tree compare` and `tree diff`\n",
  ]);
});
