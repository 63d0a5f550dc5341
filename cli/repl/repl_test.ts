import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { writesOf } from "@dmalab/recording";
import { SourceFile } from "@dmalab/lang";
import { INTERRUPT } from "../terminal/line_console.ts";
import { Repl } from "./repl.ts";
import { MACHINE, NO_FILES, talk, talkWith } from "./_talk.ts";

Deno.test("the REPL prints the value of an expression and nothing for a statement", async () => {
  const { answers } = await talk("4KiB * 32", "let a = 2", "a + 1");
  assertEquals(answers.slice(0, 3), ["128KiB\n", "", "3\n"]);
});

Deno.test("the prompt carries the number of the last event and the virtual time", async () => {
  const { prompts } = await talk(MACHINE, "ssd.read(lba: 0, into: alloc_pages(1))", "advance 3us");
  assertEquals(prompts[0], "dma[0]> ");
  assertMatch(prompts[2]!, /^dma\[\d\d+\]> $/);
  assertMatch(prompts[3]!, /@ 3us\]> $/);
});

Deno.test("a statement goes on over lines until it is complete", async () => {
  const { answers, prompts } = await talk("let sizes = [", "  4KiB,", "  8KiB ]", "sizes.sum()");
  assertEquals(answers[3], "12KiB\n");
  assertMatch(prompts[1]!, /^ +\.\.\.> $/);
  assertEquals(prompts[1]!.length, prompts[0]!.length);
});

Deno.test("Ctrl-C drops a statement that is not complete", async () => {
  const { answers } = await talk("let sizes = [", INTERRUPT, "1 + 1");
  assertEquals(answers[2], "2\n");
});

Deno.test("a command in the middle of a statement gives the statement up", async () => {
  const { answers } = await talk("let sizes = [", ":trace", "1 + 1");
  assertEquals(answers.slice(1, 3), ["No events\n", "2\n"]);
});

Deno.test("a mistake is shown with its place, and the session goes on", async () => {
  const { answers } = await talk("let a = 4KB", "alloc_pagse(1)", "1 / 0", "1 + 1");
  assertStringIncludes(answers[0]!, "input 1:1:10");
  assertStringIncludes(answers[1]!, "alloc_pages");
  assertStringIncludes(answers[2]!, "error[");
  assertEquals(answers[3], "2\n");
});

Deno.test(":step runs the machine and shows what happened", async () => {
  const { answers } = await talk(
    MACHINE,
    "let req = ssd.submit(read, lba: 0, into: alloc_pages(2))",
    ":step",
    ":step 5",
    "req.mapped",
  );
  assertStringIncludes(answers[2]!, "seq");
  assertMatch(answers[2]!, /^event 1\/\d+ {2}input 2:1/m);
  assertStringIncludes(answers[3]!, "iova.alloc");
  assertMatch(answers[3]!, /^event 6\/\d+/m);
  assertEquals(answers[4], "false\n", "the activity goes on behind it");
});

Deno.test(":step says when nothing is left to do", async () => {
  assertEquals((await talk(":step")).last, "No pending work\n");
});

Deno.test(":back and :step return to the same place, and what is typed there begins no branch", async () => {
  const { answers, last } = await talk(
    MACHINE,
    "let m = dma_map_phys(ssd, 0x10_0000, 4KiB, to_device)",
    "let n = 1",
    ":back",
    ":step",
    "[m.size, n]",
    ":step",
    "let o = 2",
    ":prev",
    ":step",
    ":step",
    "[n, o]",
  );
  assertEquals(answers.slice(5, 8), ["[4KiB, 1]\n", "No pending work\n", ""]);
  assert(!answers.join("").includes("new branch"), answers.join(""));
  assertEquals(answers[10], "No pending work\n");
  assertEquals(last, "[1, 2]\n");
});

Deno.test("after its last event a statement is done: what is typed there goes on, and begins no branch", async () => {
  const { answers } = await talk(
    MACHINE,
    "let m = dma_map_phys(ssd, alloc_pages(1), 4KiB, to_device)",
    ":goto 6",
    "let copy = m",
    "copy.size",
    ":branches",
  );
  assertEquals([answers[3], answers[4]], ["", "4KiB\n"]);
  assertEquals(answers[5]!.trimEnd().split("\n").length, 3);
});

Deno.test("a mark is of its branch, and of its machine", async () => {
  const { answers, prompts, repl } = await talk(
    MACHINE,
    "let m = dma_map_phys(ssd, alloc_pages(1), 4KiB, to_device)",
    ":mark mapped",
    ":goto start",
    "let other = 1",
    ":goto mapped",
    "m.size",
    "machine { }",
    ":goto mapped",
    "1 + 1",
  );
  assertEquals([prompts[5], prompts[6]], ["dma[b1 0]> ", "dma[6]> "]);
  assertEquals(answers[6], "4KiB\n");
  assertEquals(answers[8], "That position is of a machine that was replaced\n");
  assertEquals(answers[9], "2\n");
  assertEquals(repl.exitCode, 2);
});

Deno.test(":back goes back by events, and what is typed there begins a branch", async () => {
  const { answers, prompts } = await talk(
    MACHINE,
    "let a = 1",
    "ssd.read(lba: 0, into: alloc_pages(1))",
    "a = 2",
    ":back 2",
    "a",
    "a = 5",
    ":branches",
    ":switch main",
    "a",
    ":switch unknown_name",
  );
  assertMatch(answers[4]!, /^event \d+\/\d+ {2}input 3:1 {2}ssd\.read/);
  assertMatch(prompts[5]!, /^dma\[(\d+)\/(\d+)\]> $/);
  assertEquals([answers[5], prompts[6]], ["1\n", prompts[5]], "looking is free");
  assertMatch(answers[6]!, /^new branch b1 from main at event 0; `:switch main` returns/);
  assertEquals(prompts[7], "dma[b1 0]> ");
  assertMatch(answers[7]!, /^ {2}main.*\n\* b1 +main at event 0 +0 +a = 5$/m);
  assertEquals(answers[9], "2\n");
  assertStringIncludes(answers[10]!, 'No branch is called "unknown_name": main, b1');
  assertStringIncludes((await talk(":back")).last, "At the start of the recording\n");
});

Deno.test("a run is gone through by statement, place and condition, both ways", async () => {
  const map = "dma_map_phys(ssd, page.phys, 4KiB, to_device)";
  const { answers } = await talk(
    MACHINE,
    "let page = alloc_pages(1)",
    `let m = ${map}`,
    "dma_unmap_phys(ssd, m, 4KiB, to_device)",
    ":rewind iommu.live_mappings",
    ":prev",
    ":goto end",
    ":goto start",
    ":until iommu.live_mappings == 1",
    ":who pte m",
    ":goto nowhere",
    ":goto 999",
    ":break iommu.unmap",
    ":continue",
    ":rcontinue",
    ":who pte m.addr",
    ":who pte m.addr --all",
    ":eval m.size * 2",
    ":eval dma_map_phys(ssd, page.phys, 4KiB, to_device)",
    ":bytes page.phys 16",
    ":goto line nowhere.c:44",
  );
  assertStringIncludes(answers.at(-1)!, "No statement on line 44 has run");
  assertMatch(answers[4]!, /^iommu\.live_mappings: 1 → 0\nevent \d+\/\d+ {2}input 4:1/);
  assertMatch(answers[5]!, /^event \d+\/\d+ {2}input 4:1/);
  assertMatch(answers[6]!, /^event (\d+)\/\1 {2}end\n/);
  assertStringIncludes(answers[7]!, "start");
  assertMatch(answers[8]!, /false → true[^]*^\+ mappings /m);
  assertStringIncludes(answers[9]!, "has no value there yet");
  assertStringIncludes(answers[10]!, '"nowhere" is not a position');
  assertStringIncludes(answers[11]!, "There is no event 999");
  assertStringIncludes(answers[12]!, "breakpoint 1: iommu.unmap");
  assertMatch(answers[13]!, /stopped by breakpoint 1\n.*\n {2}iommu\.unmap [^]*^- page_table /m);
  assertStringIncludes(answers[14]!, "At the start of the recording");
  assertStringIncludes(answers[15]!, "has no value there yet");
  assertStringIncludes(answers[17]!, "has no value there yet");
  assertStringIncludes(answers[18]!, "page");
});

Deno.test(":diff tells the first event that differs, then the tables", async () => {
  const { answers } = await talk(
    MACHINE,
    "let page = alloc_pages(2)",
    "let m = dma_map_phys(ssd, page.phys, 4KiB, to_device)",
    ":prev",
    "let m = dma_map_phys(ssd, page.phys, 8KiB, to_device)",
    ":diff",
    ":diff main b1",
    ":diff b1 b1",
    ":diff unknown_name",
  );
  assertMatch(answers[4]!, /^new branch b1 from main/);
  assertMatch(answers[5]!, /The first event that differs is \d+:\n- main .*4KiB.*\n\+ b1 .*8KiB/);
  assertMatch(answers[5]!, /page_table: \d rows? differ/);
  assertEquals(answers[6], answers[5]);
  assertEquals(answers[7], "No table differs\n");
  assertStringIncludes(answers[8]!, '"unknown_name" is neither a branch nor a position');
});

Deno.test("a word for a command that has lost its colon is understood", async () => {
  assertStringIncludes((await talk("help")).last, ":goto");
  const { answers } = await talk("exit", "1 + 1");
  assertEquals(answers.filter((answer) => answer === "2\n"), []);
  assertEquals((await talk("let help = 3", "help")).last, "3\n");
});

Deno.test("another machine says which variables go with the old one", async () => {
  const { last } = await talk(MACHINE, "let a = 1", "let b = 2", MACHINE);
  assertStringIncludes(last, "discarded with the old machine: a, b");
});

Deno.test(":state tells of machine, time, mappings and variables", async () => {
  const { last } = await talk(
    MACHINE,
    "let m = dma_map_phys(ssd, 0x10_0000, 4KiB, to_device)",
    ":state",
  );
  assertStringIncludes(last, "iommu strict");
  assertStringIncludes(last, "1 mapping, 4KiB");
  assertMatch(last, /^m {2}/m);
});

Deno.test(":who and :state keep a row together where the screen is narrow", async () => {
  const { answers } = await talkWith(
    { columns: 64 },
    MACHINE,
    "let a = dma_map_phys(ssd, 0x10_0000, 4KiB, bidirectional)",
    ":who",
  );
  const lines = answers[2]!.split("\n");
  assertEquals(lines.filter(({ length }) => length > 64), []);
  // A blank column, as that of requests here, is left out.
  assertMatch(lines[0]!, /^device +device sees +size +physical +direction +path$/);
  assertEquals([lines[1], lines[4]], ["  by", "  dma_map_phys #5"]);
  assertMatch(lines[3]!, /^ssd +0x\S+ +4KiB +0x10_0000 +bidirectional +iommu$/);
});

Deno.test(":who lists what is mapped, and tells the story of an address", async () => {
  const { answers } = await talk(
    MACHINE,
    ":who",
    "let m = dma_map_phys(ssd, 0x10_0000, 4KiB, to_device)",
    ":who",
    "let a = m.addr",
    ":who a",
    ":who 0x10_0000",
    ":who 0x1234_5000",
    ":who unknown_name",
  );
  assertEquals(answers[1], "No live mappings\n");
  assertMatch(
    answers[3]!,
    /ssd +0xffff_\w000 +4KiB +0x10_0000 +to_device +iommu +dma_map_phys #\d/,
  );
  assertStringIncludes(answers[5]!, "┌ map    #");
  assertStringIncludes(answers[6]!, "dma_map_phys");
  assertStringIncludes(answers[7]!, "never mapped");
  assertStringIncludes(answers[8]!, "Nothing is called `unknown_name`");
});

Deno.test(":trace shows the last input's events, the last ones, or all from now on", async () => {
  const { answers } = await talk(
    MACHINE,
    ":trace",
    "let m = dma_map_phys(ssd, 0x10_0000, 4KiB, to_device)",
    ":trace",
    ":trace 1",
    ":trace on",
    "dma_unmap_phys(ssd, m, 4KiB, to_device)",
    ":trace off",
    "let n = dma_map_phys(ssd, 0x10_0000, 4KiB, to_device)",
  );
  assertEquals(answers[1], "No events\n");
  assertStringIncludes(answers[3]!, "iova.alloc");
  assertEquals(answers[4]!.trim().split("\n").length, 2);
  assertStringIncludes(answers[6]!, "iova.free");
  assertEquals(answers[8], "");
});

Deno.test("commands may be shortened, and a mistyped one gets a hint", async () => {
  const { answers } = await talk(":q");
  assertEquals(answers.at(-1), "");
  assertEquals((await talk(":sttae")).last, "There is no command :sttae; did you mean :state?\n");
  assertEquals((await talk(":s")).last, "There is no command :s; :help lists the commands\n");
  const help = (await talk(":help")).last;
  assertMatch(help, /^move +:step :back [^]*\n\?NAME /);
  assert(help.split("\n").length < 23, "it fits a screen");
  assertStringIncludes((await talk(":help all")).last, ":back [N]");
});

Deno.test("a command that takes nothing refuses what follows it, and :help tells of one", async () => {
  assertEquals((await talk(":seed 4")).last, ':seed takes no argument: "4"\n');
  assertEquals((await talk(":help :seed")).last, ":seed   print the seed of this machine\n");
  assertEquals(
    (await talk(":help sede")).last,
    "There is no command :sede; did you mean :seed?\n",
  );
});

Deno.test("?dma.3.3 names what tells a rule", async () => {
  assertEquals(
    (await talk("?dma.3.3")).last,
    '"dma.3.3" is not a name of the language; `dmalab explain dma.3.3` prints rules\n',
  );
});

Deno.test(":quit ends before the lines that follow", async () => {
  const { answers } = await talk("1", ":quit", "2");
  assertEquals(answers.filter((answer) => answer === "2\n"), []);
});

Deno.test("?name explains functions, constants, events, variables, things and their members", async () => {
  const ask = async (name: string) => (await talk(MACHINE, "let a = 4KiB", `?${name}`)).last;
  assertStringIncludes(await ask("dma_iova_link"), "dma_iova_link(dev, state, phys");
  assertStringIncludes(await ask("DMA_TO_DEVICE"), "direction");
  assertStringIncludes(await ask("iova.alloc"), "size_bytes");
  assertStringIncludes(await ask("a"), "4KiB");
  assertStringIncludes(await ask("request"), "request(bio)", "the function …");
  assertStringIncludes(await ask("request"), ".unmapped_by", "… and the type");
  assertStringIncludes(await ask("ssd"), ".submit(");
  assertStringIncludes(await ask("iommu.live_mappings"), "iommu.live_mappings, an int");
  assertStringIncludes(await ask("nvme.mdts"), "machine key nvme.mdts (size, 8KiB to 4096TiB");
  assertStringIncludes(await ask("iommu.mode"), "lazy; default off)");
  assertStringIncludes(await ask("dma_iova_lnik"), 'did you mean "dma_iova_link"?');
  assertStringIncludes(await ask(""), "Write a name");
});

Deno.test("explain of one limit of a device says what it is and what it comes from (nvme.md 1.1)", async () => {
  const { last } = await talk(MACHINE, "explain ssd.limits.max_transfer");
  assertStringIncludes(last, "max_transfer = 128KiB");
  assertStringIncludes(last, "set by dma mapping  nvme.1.1");
  assertStringIncludes(last, "32 pages of 4KiB are 128KiB");
  assert(!last.includes("max_segments"), "no other limit");
  const io = await talk(
    MACHINE,
    "let io = ssd.read(lba: 0, into: alloc_pages(1))",
    "explain io.mapped",
  );
  assertStringIncludes(io.last, "no decision about true can be explained");
});

Deno.test("?name describes methods of an unknown value, in full and in 80 columns", async () => {
  for (const name of ["buf.slice", "slice", "segments", "buffer", "dma_iova_link", "size"]) {
    const { last } = await talk(MACHINE, `?${name}`);
    // Lines of an example are code and are not wrapped.
    const text = last.split("\n").filter((line) => !line.startsWith("    "));
    const wide = text.filter((line) => line.length > 80 || line.includes("…"));
    assertEquals(wide, [], name);
  }
  const misspelt = await talk(MACHINE, "?buf.slic");
  assertStringIncludes(misspelt.last, 'did you mean "buf.slice"?');
  const { last } = await talk(MACHINE, "?buf.slice");
  assertStringIncludes(last, "buffer.slice(range) → a buffer");
  assertStringIncludes(last, "bytes.slice(range) → bytes");
});

Deno.test("a test typed in runs at once, on a machine of its own", async () => {
  const { answers, prompts } = await talk(
    MACHINE,
    'test "reads" { ssd.read(lba: 0, into: alloc_pages(1)) }',
    'test "fails" { assert 1 == 2 }',
  );
  assertMatch(answers[1]!, /^reads \.\.\. ok \(\d+ events\)$/m);
  assertStringIncludes(answers[2]!, "fails ... FAILED");
  assertStringIncludes(answers[2]!, "error[E0901]");
  assertEquals(prompts[2], "dma[0]> ");
});

/** The exit code of a REPL that reads these lines from a pipe. */
async function exitCodeOf(...lines: string[]): Promise<number> {
  return (await talk(...lines)).repl.exitCode;
}

Deno.test("the exit code of piped lines is that of the most severe error, and the session continues", async () => {
  assertEquals(await exitCodeOf("1 + 1", ":state", "?dma_map_phys"), 0);
  assertEquals(await exitCodeOf("assert 1 == 2", "1 + 1"), 1);
  assertEquals(await exitCodeOf("1 / 0", "1 + 1"), 1);
  assertEquals(await exitCodeOf('test "t" { assert 1 == 2 }'), 1);
  assertEquals(await exitCodeOf("assert 1 == 2", "nothing_like_it()"), 2);
  for (
    const wrong of ["let a = [", ":nothing", ":step many", ":who unknown_name", "?nothing_like_it"]
  ) {
    assertEquals(await exitCodeOf(wrong), 2, wrong);
  }
});

Deno.test("a comparison prints its table, as it does in a test", async () => {
  const comparison =
    "compare { iommu.mode = [off, strict] } { ssd.read(lba: 0, into: alloc_pages(2)) }";
  const { answers } = await talk(MACHINE, comparison, `let c = ${comparison}`, "c.length");
  assertMatch(answers[1]!, /^mode +end +calls .*\n.*\noff +ok .*\nstrict +ok /);
  assertEquals(answers.slice(2, 4), ["", "2\n"]);
});

Deno.test("a file to begin with gives its names, and its tests are left to dmalab test", () => {
  let output = "";
  const started = new Repl({
    lines: (async function* () {})(),
    write: (text) => void (output += text),
    prompt: () => {},
  }, { loader: NO_FILES, colour: false, columns: 80 });
  const text = `${MACHINE}\nfn twice(x) { return 2 * x }\nprint twice(4)\n` +
    'test "never" { print "run"\n assert 1 == 2 }\nbench "b" { loop { twice(1) } }\n';
  started.start(new SourceFile("lab.dma", text));
  assertStringIncludes(output, "8\n");
  assertStringIncludes(output, "1 test: `dmalab test lab.dma` runs it");
  assertStringIncludes(output, "1 bench: `dmalab bench lab.dma` runs it");
  assert(!output.includes("FAILED") && !output.includes("\nrun"), output);
  assertEquals(started.exitCode, 0);
  started.start(new SourceFile("half.dma", "let a = [\n"));
  assertStringIncludes(output, "--> half.dma:");
  assertEquals(started.exitCode, 2);
});

Deno.test("a driver that is typed in is checked, and the answer names the command that tests it", async () => {
  const functions = "fn up(buf) { return dma_map_single(ssd, buf, buf.size, to_device) }\n" +
    "fn down(buf, m) { dma_unmap_single(ssd, m, buf.size, to_device) }";
  const { answers, repl } = await talk(
    MACHINE,
    ...functions.split("\n"),
    'driver "d" { map = up, unmap = down, device = ssd }',
    'driver "d" { map = up, unmap = nothing, device = ssd }',
  );
  assertEquals(answers[3], "1 driver: `dmalab hunt FILE` runs it\n");
  assertStringIncludes(answers[4]!, "error[");
  assertStringIncludes(answers[4]!, "nothing");
  assertEquals(repl.exitCode, 2);
});

Deno.test("input that ends in the middle of a statement is an error", async () => {
  assertStringIncludes((await talk("let a = [")).rest, "ended in the middle");
});

Deno.test("_ is the last value that was shown, also where something is tried in the past", async () => {
  const { answers } = await talk("6 * 7", "let a = _ + 1", "print 1", "_", ":back", "_ + a");
  assertEquals(answers.slice(0, 4), ["42\n", "", "1\n", "42\n"]);
  assertEquals((await talk(MACHINE, "alloc_pages(1)", "_.size", "_ * 2")).last, "8KiB\n");
  assertStringIncludes((await talk("_")).last, "nothing is called `_`");
  const dropped = await talk("1", "let a = 2", MACHINE);
  assertStringIncludes(dropped.last, "discarded with the old machine: a\n");
  assertStringIncludes(
    (await talk("1", "let a = 2", MACHINE, "a")).last,
    "hint: `a` was discarded with the old machine",
  );
});

Deno.test("commands among pasted statements are lines of their own", async () => {
  const { last } = await talk("let a = [\n 1 ]\n:seed\na[0]");
  assertMatch(last, /^seed 0x[\da-f]+\n1\n$/);
});

Deno.test(":state says why live_mappings is another number than that of the mappings", async () => {
  const { answers } = await talk(
    MACHINE,
    "let state = iova_state()",
    "assert dma_iova_try_alloc(ssd, state, 0x10_0000, 8KiB)",
    "dma_iova_link(ssd, state, 0x10_0000, 0B, 4KiB, to_device)",
    ":state mappings",
    "dma_iova_link(ssd, state, 0x20_0000, 4KiB, 4KiB, to_device)",
    ":state mappings",
    ":state",
  );
  assertEquals(answers[4]!.includes("live_mappings"), false);
  const note = "live_mappings is 1: it counts a range once with its links, each a row here";
  assertEquals(answers[6]!.split("\n").at(-2), note);
  assertStringIncludes(answers[7]!.replaceAll(/\s+/g, " "), "2 mappings, 8KiB, live_mappings 1");
});

Deno.test(":state shows a thousand rows of a table at once, and says how to go on", async () => {
  const { answers } = await talkWith(
    { columns: 100 },
    MACHINE,
    "let page = alloc_pages(1)",
    "for turn in 0..1203 { dma_map_phys(ssd, page.phys, 4KiB, to_device) }",
    ":state mappings",
    ":state mappings 1001",
    ":state mapp 1203",
    ":state mappings 1204",
  );
  const [first, second, last, behind] = answers.slice(3).map((answer) => answer.split("\n"));
  // The sum counts a header with its rule, the rows, a hint for showing more, and the empty text
  // after the last line.
  assertEquals(first!.length, 2 + 1000 + 1 + 1);
  assertEquals(first!.at(-2), "rows 1 to 1000 of 1203; `:state mappings 1001` shows more");
  assertEquals(second!.length, 2 + 203 + 1);
  assertEquals(last![2], second!.at(-2));
  assertEquals(behind, ["mappings has 1_203 rows", ""]);
});

Deno.test(":writes tells each change of some bytes, with what was there and who did it", async () => {
  const { answers, repl } = await talk(
    MACHINE,
    "let page = alloc_pages(1)",
    "let m = dma_map_phys(ssd, page.phys, 4KiB, bidirectional)",
    'ssd.dma_write(m.addr, bytes"2a00002b")',
    'ssd.dma_write(m.addr + 1, bytes"07")',
    ":writes page.phys 8",
    ":writes page.phys + 64 8",
    ":writes page.phys 5000",
    ":writes 0xffff_ffff_0000 8",
    ":back 1000",
    ":writes 0x4000_0000 8",
  );
  assertEquals(answers.slice(5, 9), [
    "event 7: 4 bytes at 0x4000_0000 00 00 00 00 → 2a 00 00 2b\n" +
    '  input 4:1  ssd.dma_write(m.addr, bytes"2a00002b")\n' +
    "event 8: 1 byte at 0x4000_0001 00 → 07\n" +
    '  input 5:1  ssd.dma_write(m.addr + 1, bytes"07")\n',
    "8 bytes at 0x4000_0040: never changed\n",
    "5000 bytes; 1 to 4096 can be watched\n",
    "There is no memory from 0xffffffff0000 on\n",
  ]);
  // At the beginning no write has happened yet.
  assertEquals(answers[10], "8 bytes at 0x4000_0000: never changed\n");
  const { recording } = repl.cursor;
  const { left, writes } = writesOf(recording, recording.last, 0x4000_0000, 8, 1);
  assertEquals([left, writes.map(({ position, phys }) => [position.seq, phys])], [1, [[
    8,
    0x4000_0001,
  ]]]);
});

Deno.test("what held only in the midst of an activity is found, by the statement and in the past", async () => {
  const { answers, repl } = await talk(
    MACHINE,
    "let io = ssd.submit(read, lba: 0, into: alloc_pages(3, contiguous: false))",
    "step until counters.iommu.map == 2",
    "counters.iommu.map",
    ":goto start",
    ":until counters.iommu.map == 2",
    ":step until counters.iommu.map == 2",
  );
  // Four pages are mapped after the activity; during it there were two for a while.
  assertEquals(answers[3], "4\n");
  assertMatch(answers[5]!, /^counters\.iommu\.map == 2: false → true\nevent 11\//);
  assertEquals(repl.cursor.position.seq, 11);
  assertMatch(answers[6]!, /^`:until EXPR` runs forward .*; the statement `step until EXPR` runs/);
});

Deno.test("an input tells the faults and reports that it did not expect, and a test its own alone", async () => {
  const { answers, repl } = await talk(
    MACHINE,
    "let m = dma_map_phys(ssd, 0x10_0000, 8KiB, to_device)",
    "dma_unmap_phys(ssd, m, 4KiB, to_device)",
    "ssd.dma_read(0x1000, 4B)",
    "ssd.dma_read(0x1000, 4B) faults not_present",
    "for i in 0..30 { ssd.dma_read(0x1000, 4B) }",
    "1 + 1",
  );
  assertMatch(answers[2]!, /^ {2}unexpected report\[unmap_size\]: [^]*--> input 3:1:1\n/);
  assertStringIncludes(answers[2]!, "= hint: if it is intended, write `warns unmap_size`");
  assertMatch(answers[3]!, /^ {2}unexpected fault\[not_present\]: [^]*--> input 4:1:1\n/);
  assertEquals(answers[4], "");
  assertMatch(answers[5]!, /… 19 times more\n {2}… and 10 others\n$/);
  assertEquals([answers[6], repl.exitCode], ["2\n", 0]);
});

Deno.test("a report is folded at the width of the screen", async () => {
  const lines = [
    MACHINE,
    "let m = dma_map_phys(ssd, 0, 8KiB, to_device)",
    "dma_unmap_phys(ssd, m, 4KiB, to_device)",
    'test "left" { dma_map_phys(ssd, 0, 8KiB, to_device) }',
  ];
  for (const columns of [60, 132]) {
    const { answers } = await talkWith({ columns }, ...lines);
    const words = answers.slice(2).join("").split("\n");
    const [longest] = words.map(({ length }) => length).sort((one, other) => other - one);
    assert(longest! <= columns && longest! > columns - 20, `${longest} of ${columns}`);
    const whole = answers[2]!.replaceAll(/\n {4}(?=\S)/g, " ");
    assertMatch(
      whole,
      /size mismatch on device "ssd": 4096 bytes passed, 8192 bytes mapped, for the/,
    );
  }
});

Deno.test(":bt lists the calls of the kernel API and the script, each with its line", async () => {
  const { answers } = await talk(
    MACHINE,
    "fn map_one(at) {\n  return dma_map_phys(ssd, at, 4KiB, to_device)\n}",
    "let m = map_one(0x10_0000)",
    ":bt",
    ":goto 3",
    ":bt",
  );
  assertEquals(answers[3], "No statement runs here\n");
  assertEquals(answers[5]!.split("\n"), [
    "input 2:2  event 3: iommu.map",
    "input 2:2  dma_map_phys()",
    "input 2:2  map_one",
    "input 3:1  let m = map_one(0x10_0000)",
    "",
  ]);
});

Deno.test(":bytes refuses an address of a device: it would be other memory", async () => {
  const { answers } = await talk(
    MACHINE,
    "let page = buffer(size: 4KiB, fill: 0x5a)",
    "let m = dma_map_phys(ssd, page, 4KiB, to_device)",
    ":bytes m.addr 4",
    ":writes m.addr",
    ":bytes m.phys 4",
    ":bytes iommu.translate(ssd, m.addr) 4",
    ":bytes page.phys 4",
  );
  for (const refused of [answers[3]!, answers[4]!]) {
    assertStringIncludes(refused, "m.addr is a device address (dma)");
    assertStringIncludes(refused, "`iommu.translate(device, address)`");
  }
  const [byMapping, byTable, byPhys] = answers.slice(5, 8);
  assertMatch(byPhys!, /^0x[0-9a-f_]+ {2}5a 5a 5a 5a {2}CPU 0\n$/);
  assertEquals([byMapping, byTable], [byPhys, byPhys]);
});

Deno.test("a request that there was not, none, and where one stands are said as they are", async () => {
  const { answers } = await talk(
    MACHINE,
    "let nothing = none",
    "nothing",
    "let page = alloc_pages(1)",
    "let m = dma_map_phys(ssd, page.phys, 4KiB, to_device)",
    "dma_unmap_phys(ssd, m, 4KiB, to_device)",
    ":who prp 3 of req 99",
    ":who prp1 of req 1",
    ":goto 4",
    ":bt",
  );
  assertEquals(answers[2], "none\n");
  assertEquals(answers[5], "");
  assertEquals(answers[6], "There is no request 99; this run has none\n");
  assertEquals(answers[7], "There is no request 1; this run has none\n");
  const [, place, event] = /^event 4\/\d+ +(input \d+:\d+)[^]*?\n {2}(\S+)/.exec(answers[8]!)!;
  assert(answers[9]!.replace(/ +/g, " ").startsWith(`${place} event 4: ${event}`), answers[9]);
});

Deno.test("in a narrow window nothing that was asked for is cut, and carets stand under their text", async () => {
  const page = `let a_page_with_a_long_name = alloc_pages(1)`;
  const map = "let m = dma_map_phys(ssd, a_page_with_a_long_name.phys, 4KiB, to_device)";
  const wrong =
    "let longer_name = a_page_with_a_long_name.phys + a_page_with_a_long_name.phys + wrong";
  const asked = [":state", ":who", ":state mappings", ":who pte m.addr", ":who m", wrong];
  const wide = (await talkWith({ columns: 200 }, MACHINE, page, map, ...asked)).answers.slice(3);
  const narrow = (await talkWith({ columns: 48 }, MACHINE, page, map, ...asked)).answers.slice(3);
  for (const [index, answer] of narrow.slice(0, asked.length - 1).entries()) {
    const words = (text: string) => text.replace(/[\s─]+/g, " ").trim();
    assertEquals(words(answer), words(wide[index]!), asked[index]);
    for (const line of answer.split("\n")) assert(line.length <= 48, line);
  }
  const lines = narrow[asked.length - 1]!.split("\n");
  const caret = lines.findIndex((line) => /^ +\| +\^+$/.test(line));
  const start = lines[caret]!.indexOf("^");
  assertEquals(lines[caret - 1]!.slice(start, lines[caret]!.length), "wrong");
  for (const line of lines.slice(caret - 1, caret + 1)) assert(line.length <= 48, line);
  const failed =
    "print alloc_pages(1).size + alloc_pages(1).size + alloc_pages(1).size + [4KiB][7]";
  const { last } = await talkWith({ columns: 48 }, failed);
  const [, source, under] = /^( *\d+ \| .*)\n( +\| .*)$/m.exec(last)!;
  const at = under!.indexOf("^");
  assertEquals(source!.slice(at, under!.trimEnd().length), "[4KiB][7]", last);
});

Deno.test("explain and :who answer in a pipe, whose lines have no limit", async () => {
  const { answers } = await talkWith(
    { columns: Infinity },
    MACHINE,
    "let m = dma_map_phys(ssd, 0x10_0000, 4KiB, to_device)",
    "explain m",
    "explain ssd",
    "explain iommu",
    ":who 0xffff_b000",
  );
  assertMatch(answers[2]!, /branch translated {2,}dma\.1\.6\n/);
  assertMatch(answers[3]!, /translation: strict {2,}dma\.1\.3\n/);
  assertMatch(answers[4]!, /translation: strict {2,}dma\.1\.3\n/);
  assertMatch(answers[5]!, /branch translated {2,}dma\.1\.6\n/);
});
