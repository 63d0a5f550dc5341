import { TempFolder } from "@dmalab/tools";
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { dmalab } from "@dmalab/tests";
import { colourKey, EMPTY_DATA, type PageData, type SourceColours } from "../cli/page_data.ts";
import { indexPage } from "../cli/suite_report.ts";
import { benchPage, findingLines, madeOf, writeReport } from "../cli/make_report.ts";
import { reportPage } from "../cli/report_data.ts";
import { MemoryScreen, readMatches, SignalWatch } from "@dmalab/cli";
import { DEFAULT_LIMITS } from "@dmalab/lang/values";
import {
  keptTraces,
  type RecordedRun,
  recordRun,
  runsOf,
  spanOfEvent,
  START,
  TraceLineWriter,
} from "@dmalab/recording";
import { loadForDebugging, SourceFile, spanPlace, spanText } from "@dmalab/lang";
import {
  readSerialised,
  RunIndex,
  tableAt,
  tableSizes,
  unpackText,
  verdictOf,
} from "@dmalab/recording/views";
import { runBenches, runProgram } from "@dmalab/lang/program";
import { memoryFiles } from "@dmalab/lang/syntax";
import { buildPage, REPORT_PLAN } from "@dmalab/tools/developers";

const TEXT = `
machine { iommu { mode = strict } pci { root_port rp0 { nvme ssd { } } } }

test "good" {
  let a = dma_map_phys(ssd, alloc_pages(1), 4KiB, to_device)
  dma_unmap_phys(ssd, a, 4KiB, to_device)
}

test "</script><b>bad" {
  let a = dma_map_phys(ssd, alloc_pages(1), 4KiB, to_device)
  assert 1 == 2
}
`;

const OPTIONS = {
  limits: DEFAULT_LIMITS,
  matches: [],
  only: "all",
  lenient: false,
  seed: null,
  coverage: false,
} as const;

function programOf(text: string) {
  const { diagnostics, program } = loadForDebugging(new SourceFile("lab.dma", text), memoryFiles());
  assert(program !== null, diagnostics[0]?.message);
  return program;
}

function recordings() {
  const program = programOf(TEXT);
  return runsOf(program).map((choice) => ({ run: recordRun(program, choice) }));
}

Deno.test("the page of reports is small, and its policy allows its own script alone", () => {
  const page = buildPage(REPORT_PLAN);
  assert(page.length < 260_000, `${page.length} characters`);
  assertStringIncludes(page, "default-src 'none'; script-src 'sha256-");
  assertEquals(page.split(EMPTY_DATA).length, 2);
  assertEquals(page.match(/<script\b/g)?.length, 3);
});

Deno.test("the page of a bench has its verdict, its plot and its tables, and a name is no markup", () => {
  const text = `machine { iommu { mode = strict } pci { root_port rp0 { nvme ssd { } } } }
bench "</pre><b>map" for size in [4KiB, 64KiB] {
  loop 20 {
    let m = dma_map_phys(ssd, 0x4000_0000, size, to_device)
    assert dma_mapping_error(ssd, m) == false
    dma_unmap_phys(ssd, m, size, to_device)
  }
  budget calls <= 3 per iteration
}`;
  const pageOf = (source: string) => benchPage("lab.dma", runBenches(programOf(source)));
  const right = pageOf(text);
  assertMatch(right, /<h1 class="passed">✓ lab\.dma: 1 bench, all as expected<\/h1>/);
  assertMatch(right, /<svg [^>]*>[\s\S]*entries per iteration[\s\S]*<\/svg>/);
  assertMatch(right, /^entries +2 +32$/m);
  assert(!right.includes("<b>map"));
  const asked = pageOf(text.replace(/ *budget.*\n/, ""));
  assertMatch(asked, /<h1>lab\.dma: 1 bench, without expect or budget<\/h1>/);
  assertMatch(asked, /<h2>· &lt;/);
  const over = pageOf(text.replace("<= 3", "<= 1"));
  assertMatch(over, /<h1 class="failed">✕ lab\.dma: 1 bench, 1 failed<\/h1>/);
  assertMatch(over, /<\/h2>\n<p>lab\.dma:\d+: bench [^<]*calls/);
});

Deno.test("a report holds its runs as they were recorded, failures first, and its texts as text", async () => {
  const runs = recordings();
  const text = { title: "lab.dma", printed: "1 failed </script>" };
  const page = await reportPage(`<script>${EMPTY_DATA}</script>`, runs, text);
  assertEquals(page.match(/<\/script>/g)?.length, 1);
  const data: PageData = JSON.parse(page.slice("<script>".length, -"</script>".length));
  assertEquals(data.printed, text.printed);
  const read = readSerialised(await unpackText(data.recordings));
  assertEquals(read.map(({ name }) => name.name), ["</script><b>bad", "good"]);
  const [failed, good] = [read[0]!.open(), read[1]!.open()];
  assertEquals(failed.failedAt, runs[1]!.run.failedAt);
  for (let seq = 0; seq <= good.log.count; seq++) {
    const position = good.afterEvent(seq);
    const tables = tableSizes(good, position).map(({ name }) => name);
    for (const name of tables) {
      assertEquals(tableAt(good, name, position), tableAt(runs[0]!.run, name, position));
    }
  }
});

Deno.test("keptTraces() gives the events of a trace and the tables that they fill", () => {
  const [{ run: recording }] = recordings() as [ReturnType<typeof recordings>[number]];
  let text = "";
  const writer = new TraceLineWriter((part) => void (text += part), "test");
  const machine = recording.timeline.at(START, ({ vm }) => vm.lab.config);
  writer.run(
    "lab.dma",
    { ...recording.name, machine },
    (site) => spanPlace(recording.code.sites[site - 1]!.span),
  );
  for (let seq = 1; seq <= recording.log.count; seq++) writer.event(recording.event(seq));
  writer.end();
  const texts = { name: "run.dmatrace.jsonl", textOf: () => null };
  const runs = keptTraces(text, texts);
  assert(typeof runs !== "string", String(runs));
  const [run] = runs;
  assertEquals(run!.log.count, recording.log.count);
  for (let seq = 1; seq <= run!.log.count; seq++) {
    assertEquals({ ...run!.event(seq), site: 0 }, { ...recording.event(seq), site: 0 });
  }
  const mapped = run!.log.count - 4;
  const rows = (of: typeof recording | NonNullable<typeof run>) =>
    tableAt(of, "mappings", of.afterEvent(mapped)).rows.map(({ cells }) => cells);
  assertEquals(rows(run!), rows(recording));
  // The page shows the outcome of the recorded test, and opens at the event of the finding.
  const { combination, kind, name, place } = recording.name;
  const mapping = run!.find("dma.map")!;
  const at = spanPlace(spanOfEvent(recording, mapping)!);
  const failure = { code: "trace.T.66", message: "Not unmapped\nand more", place: at };
  const failed = { outcome: "failed", kind, name, combination, place, failure };
  const ended = text.trimEnd().split("\n").toSpliced(-1, 0, JSON.stringify(failed)).join("\n");
  const [told] = keptTraces(ended, texts) as readonly RecordedRun[];
  assertEquals(told!.failure!.lines, [
    "error[trace.T.66]: Not unmapped",
    "and more",
    `  --> ${at}`,
  ]);
  const { cause, failedAt, place: shownAt, what, why } = verdictOf(new RunIndex(told!), null);
  assertEquals(failedAt, told!.afterEvent(cause!), "a page of a trace opens at its first finding");
  assertEquals([what, why], ["Not unmapped", ["and more"]]);
  assertEquals(spanPlace(spanOfEvent(recording, cause!)!), at);
  assertMatch(shownAt!, /^run\.dmatrace\.jsonl:\d+$/);
  assert(told!.has(told!.failedAt!));
  assertStringIncludes(String(keptTraces("{}", texts)), "line 1: A trace begins with");
  assertStringIncludes(
    String(keptTraces(text.split("\n").toSpliced(1, 1).join("\n"), texts)),
    "line 2: ",
  );
  // An event is shown with the text of its statement. If that text is missing, the event is shown
  // with its line of the trace.
  const shown = (each: string | RecordedRun) =>
    typeof each === "string" ? each : spanText(spanOfEvent(each, 5)!);
  const own = keptTraces(text, { ...texts, textOf: (file) => file === "lab.dma" ? TEXT : null });
  assertEquals(shown(own[0]!), "let a = dma_map_phys(ssd, alloc_pages(1), 4KiB, to_device)");
  assertEquals(shown(runs[0]!), text.split("\n").find((line) => line.startsWith('{"seq":5,')));
});

Deno.test("the index of reports says why a file fails", () => {
  const source =
    '\ntest "right" { }\ntest "a<b" { assert 1 == 2 }\ntest "last" { assert 2 == 3 }\n';
  const report = runProgram(programOf(source));
  const page = indexPage([{ path: "lab.dma", name: "lab.dma.html", report }], []);
  assertStringIncludes(page, '<td class="n">1</td><td class="n">2</td><td class="n">0</td>');
  assertStringIncludes(page, "<td>lab.dma:3:21: ");
});

const UNREACHED = `machine { iommu { mode = strict } pci { root_port rp0 { endpoint nic { } } } }
test "third" {
  inject dma_map_phys nth 3 { dma_unmap_phys(nic, dma_map_phys(nic, 0x2000_0000, 4KiB, to_device), 4KiB, to_device) }
}
test "either" matrix { iommu.mode = [off, strict] } {
  if iommu.mode == strict { expect error ENOMEM { inject dma_map_phys nth 1 {
    dma_map_phys(nic, 0x2000_0000, 4KiB, to_device)
  } } }
}
test "not entered" {
  if iommu.mode == off { expect error ENOMEM { alloc_pages(1) } }
}
`;

Deno.test("what was never reached is in the index and in the verdict", async () => {
  using folder = new TempFolder();
  const path = folder.write("lab.dma", UNREACHED);
  const made = await madeOf(path, OPTIONS, new MemoryScreen(), new SignalWatch());
  assert(typeof made !== "string", String(made));
  const never = `never reached ${path}:11:26`;
  const injected = "This `inject` never makes `dma_map_phys` fail";
  const verdicts = made.runs.map(({ outcome, run }) => verdictOf(new RunIndex(run), outcome!));
  assertEquals(verdicts.map(({ state, why }) => [state, why.filter((line) => line === never)]), [
    ["failed", []],
    ["passed", []],
    ["passed", []],
    ["warned", [never]],
  ]);
  assertStringIncludes(JSON.stringify(verdicts[0]), injected);
  const page = indexPage([{ path, name: "lab.dma.html", report: made.reports[0]! }], []);
  assertStringIncludes(page, injected);
  assertStringIncludes(page, `${never}</td>`);
});

Deno.test("the index of reports says that a file has no test", () => {
  const report = runProgram(programOf(`bench "b" { loop { alloc_pages(1) } }\n`));
  const page = indexPage([{ path: "lab.dma", name: "lab.dma.html", report }], []);
  assertStringIncludes(page, "<td>no test</td>");
});

Deno.test("the index of reports leads to each, those with failures first, with names as text", () => {
  const page = indexPage([{ path: "a<b>.dma", name: 'a"b.html', report: null }], ["lines <1>"]);
  assertStringIncludes(
    page,
    '<a href="a%22b.html">a&lt;b&gt;.dma</a></th><td class="failed">✕ has errors</td>',
  );
  assertStringIncludes(page, "lines &lt;1&gt;");
});

Deno.test("a file of a suite in which no test matches has no report, and is no failure", async () => {
  using folder = new TempFolder();
  const path = folder.write("lab.dma", `test "good" { assert 1 == 1 }\n`);
  const matches = await readMatches(["other"]);
  assert(typeof matches !== "string");
  const screen = new MemoryScreen();
  const options = { ...OPTIONS, ...matches };
  const made = await writeReport(path, `${path}.html`, options, screen, new SignalWatch());
  assertEquals([made.isWritten, made.exitCode, screen.errors], [false, 0, ""]);
});

Deno.test("the page of a trace lists what was found in it, also where that has failed nothing", async () => {
  using folder = new TempFolder();
  const trace = folder.at("lab.dmatrace.jsonl");
  const path = folder.write(
    "lab.dma",
    `machine { iommu { mode = strict } pci { root_port rp0 { nvme ssd { } } } }
test "two" {
  let a = dma_map_phys(ssd, alloc_pages(1), 4KiB, to_device)
  dma_unmap_phys(ssd, a, 4KiB, from_device)
  repeat 40 { ssd.dma_write(0x5000 as dma, bytes"de ad") }
}
`,
  );
  for (const options of [["--lenient"], []]) {
    await dmalab("run", path, "--export", trace, ...options);
    const runs = keptTraces(Deno.readTextFileSync(trace), { name: trace, textOf: () => null });
    const [run] = runs as readonly RecordedRun[];
    assertEquals(run!.failure === null, options.length > 0);
    const lines = findingLines(run!);
    assertMatch(lines[0]!, /^ {2}#8 dma\.report +unmap_direction /);
    assertMatch(lines[1]!, /^ {2}#\d+ iommu\.fault .*not_present/);
    assertEquals([lines.length, lines.at(-1)], [21, "  and 21 more findings"]);
  }
});

Deno.test("each block of a Markdown page runs in its place, and a page without one is refused", async () => {
  const page =
    `# Two\n\n\`\`\`dma\ntest "one" { assert 1 == 1 }\n\`\`\`\n\nText.\n\n\`\`\`dma fragment\nlet\n\`\`\`\n\n` +
    `\`\`\`dma\ntest "two" {\n  assert 1 == 2\n}\n\`\`\`\n`;
  using folder = new TempFolder();
  const path = folder.write("page.md", page);
  const made = await madeOf(path, OPTIONS, new MemoryScreen(), new SignalWatch());
  assert(typeof made !== "string", String(made));
  const { printed, reports, runs } = made;
  const outcomes = reports.flatMap((each) => each.outcomes);
  assertEquals(outcomes.map(({ name, outcome, place }) => [name, outcome, place.split(":")[1]]), [
    ["one", "passed", "4"],
    ["two", "failed", "14"],
  ]);
  // Each block is a text of its own with this name: its colours are its own, too.
  const written = await reportPage(EMPTY_DATA, runs, { title: path, printed });
  const packed = (name: string) => unpackText(new RegExp(`"${name}":"([^"]+)"`).exec(written)![1]!);
  const colours: SourceColours = JSON.parse(new TextDecoder().decode(await packed("colours")));
  for (const run of readSerialised(await packed("recordings"))) {
    const { source } = run.open().code.statements[0]!.span;
    const words = colours[colourKey(source)]!.filter(({ name }) => name === "keyword")
      .map(({ from, to }) => source.text.slice(from, to));
    assertEquals([words.includes("test"), words.filter((word) => !/^\w+$/.test(word))], [true, []]);
  }
  Deno.writeTextFileSync(path, "# No block\n");
  const screen = new MemoryScreen();
  const target = folder.at("page.html");
  const { isWritten } = await writeReport(path, target, OPTIONS, screen, new SignalWatch());
  assertEquals(isWritten, false);
  assertStringIncludes(screen.errors, "has no block to run");
});
