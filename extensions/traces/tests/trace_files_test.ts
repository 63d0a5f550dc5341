/** `--trace json` and `--export`: what is written is what happened (docs/trace-files.md). */
import { TempFolder } from "@dmalab/tools";
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { join } from "node:path";
import { buildLab } from "@dmalab/devices";
import {
  ChromeTraceWriter,
  labConfigOf,
  recordRun,
  runsOf,
  type TraceEvent,
  type TraceFileLine,
  TraceReader,
  type TraceRun,
} from "@dmalab/recording";
import { runProgram } from "@dmalab/lang/program";
import { loadForDebugging, SourceFile, spanPlace } from "@dmalab/lang";
import { EVENT_NAMES, eventFields, type MachineEvent } from "@dmalab/runtime";
import { HostLoader } from "@dmalab/cli";
import { codeBlocks, exportRecording, readScenario } from "@dmalab/cli/scenario";
import { memoryFiles } from "@dmalab/lang/syntax";
import { dmalab, ROOT, runDeno } from "@dmalab/tests";

const TWO_STEP = "examples/api/01-two-step-basic.dma";

/** Reads a whole file; an invalid line fails the test. */
function readLines(text: string): TraceFileLine[] {
  const reader = new TraceReader();
  return text.trimEnd().split("\n").map((line) => {
    const read = reader.read(line);
    assert(!("problem" in read), `${line}\n${"problem" in read ? read.problem : ""}`);
    return read;
  });
}

function programOf(path: string) {
  const opened = readScenario(path);
  assert(!("problem" in opened) && opened.program !== null);
  return opened.program;
}

/** The events of each run of a program, as the library reports them. */
function eventsOf(path: string): { readonly runs: number; readonly events: MachineEvent[] } {
  const events: MachineEvent[] = [];
  let runs = 0;
  runProgram(programOf(path), {
    onRun: () => void runs++,
    onEvent: (event) => void events.push(event),
  });
  return { runs, events };
}

async function exported(path: string, suffix: string, ...more: string[]): Promise<string> {
  using folder = new TempFolder();
  const file = folder.at(`trace${suffix}`);
  const { code, output } = await dmalab("run", path, "--export", file, ...more);
  assertEquals(code, 0, output);
  return Deno.readTextFileSync(file);
}

Deno.test("--export writes every event of every run, and the reader returns them", async () => {
  for (const path of [TWO_STEP, "examples/start/05-what-fails-a-test.dma"]) {
    const lines = readLines(await exported(path, ".dmatrace.jsonl"));
    const { sites } = programOf(path).code;
    const { events, runs } = eventsOf(path);
    const place = (site: number | null) => site === null ? null : spanPlace(sites[site - 1]!.span);
    const read = lines.filter((line): line is TraceEvent => "seq" in line);
    assertEquals(read.length, events.length);
    for (const [index, event] of events.entries()) {
      const fields = Object.fromEntries(
        Object.entries(event.fields).map(([name, value]) =>
          [name, name.endsWith("_site") ? place(value as number | null) : value] as const
        ),
      );
      assertEquals({ ...read[index]! } as object, { ...event, site: place(event.site), fields });
    }
    assertEquals(lines.filter((line) => "run" in line).length, runs);
    assertEquals(lines.at(-1), { runs, events: events.length });
  }
});

Deno.test("a run's machine can be built again from the file", async () => {
  const lines = readLines(await exported(TWO_STEP, ".dmatrace.jsonl", "--seed", "7"));
  const machines = lines.filter((line): line is TraceRun => "run" in line);
  assertEquals(machines.map(({ name }) => name), [
    "three buffers linked into one IOVA range, one IOTLB sync",
    "the same three pieces mapped one by one cost three syncs",
    "without a translating IOMMU there is no range to be had",
  ]);
  for (const { machine } of machines) {
    const lab = buildLab(labConfigOf(machine));
    assertEquals([lab.machine.config.seed, lab.devices.has("ssd")], [7, true]);
  }
});

Deno.test("--trace json writes nothing but lines of the format to the standard output", async () => {
  const { errors, output } = await dmalab("run", TWO_STEP, "--trace", "json");
  const lines = readLines(output);
  assertEquals(lines.filter((line) => "outcome" in line).length, 3);
  assertStringIncludes(errors, "ok | 3 passed | 0 failed");
  assertEquals(output, await exported(TWO_STEP, ".dmatrace.jsonl"));
});

Deno.test("--picture writes what each `show` of a run draws, or says why there is no picture", async () => {
  using folder = new TempFolder();
  const file = folder.at("shown.svg");
  const drawn = await dmalab("run", TWO_STEP, "--picture", file);
  assertEquals(drawn.code, 0, drawn.errors);
  const svg = Deno.readTextFileSync(file);
  const places = [...svg.matchAll(/class="title"[^>]*>show .*? {3}([^<]*)</g)];
  assertEquals(
    places.length > 0 && places.every(([, place]) => place!.startsWith(TWO_STEP)),
    true,
  );
  const block = 'show ["a"]\n';
  const page = folder.write(
    "page.md",
    `# Two\n\n\`\`\`dma\n${block}\`\`\`\n\n\`\`\`dma\n${block}\`\`\`\n`,
  );
  assertEquals((await dmalab("run", page, "--picture", file)).code, 0);
  const lines = [...Deno.readTextFileSync(file).matchAll(/page\.md:(\d+):1<\/text>/g)];
  assertEquals(lines.map(([, line]) => line), ["4", "8"]);
  const refused = async (complaint: string, path: string, picture: string) => {
    const { code, errors } = await dmalab("run", path, "--picture", picture);
    assertEquals(code, 2, errors);
    assertStringIncludes(errors, complaint);
  };
  await refused('--picture takes a name that ends in .svg, not "x.png"', TWO_STEP, "x.png");
  const silent = folder.write("silent.dma", "print 1\n");
  await refused("no `show` has run", silent, folder.at("none.svg"));
  await refused('Cannot write "/nowhere/x.svg"', TWO_STEP, "/nowhere/x.svg");
  assertEquals([...Deno.readDirSync(folder.path)].length, 3);
});

Deno.test("both options are refused where they make no sense, and said to be missing a right", async () => {
  for (
    const [words, complaint] of [
      [["--trace=jsn"], '--trace takes text or json, not "jsn"; did you mean "json"?'],
      [["--export", "x.txt"], "--export takes a name that ends in .dmatrace.jsonl"],
      [["--export", "/nowhere/x.json"], 'error: Cannot write "/nowhere/x.json": '],
    ] as const
  ) {
    const { code, errors } = await dmalab("run", TWO_STEP, ...words);
    assertEquals(code, 2, errors);
    assertStringIncludes(errors, complaint);
  }
  const run = ["run", "--no-prompt", "-R=.", TWO_STEP];
  const denied = await runDeno([...run, "--export", "x.json"], { folder: ROOT });
  assertStringIncludes(denied.output, "start it with -R=DIR and -W=DIR for the file's folder");
  const wrong = await runDeno([...run, "--trace=jsn"], { folder: ROOT });
  assertStringIncludes(wrong.output, '--trace takes text or json, not "jsn"');
});

Deno.test("what the debugger exports of its runs is what --export writes of them", async () => {
  for (const path of [TWO_STEP, "examples/start/05-what-fails-a-test.dma"]) {
    const opened = HostLoader.open(join(ROOT, path));
    assert(typeof opened !== "string");
    const { program } = loadForDebugging(new SourceFile(path, opened.entry.text), opened.loader);
    const written = readLines(await exported(path, ".dmatrace.jsonl"));
    const outcomes = written.filter((line) => "outcome" in line);
    const kept = runsOf(program!).filter(({ skip }) => !skip).map((run) =>
      recordRun(program!, run)
    );
    assertEquals(kept.length, outcomes.length);
    const folder = Deno.makeTempDirSync({ prefix: "dmalab-trace-" });
    const lines = kept.flatMap((recording, index) => {
      const file = join(folder, "run.dmatrace.jsonl");
      assertEquals(exportRecording(file, recording, true, recording.last), null);
      const [head, run, ...rest] = readLines(Deno.readTextFileSync(file));
      assertEquals(head, written[0]);
      assertEquals(rest.pop(), { runs: 1, events: recording.log.count });
      return [{ ...run, run: index + 1 } as TraceFileLine, ...rest];
    });
    Deno.removeSync(folder, { recursive: true });
    assert(lines.length > 40);
    assertEquals(lines, written.slice(1, -1));
  }
});

Deno.test("a scenario that is wrong leaves no trace behind, and the trace of another as it was", async () => {
  using folder = new TempFolder();
  const wrong = folder.write("wrong.dma", "let a = (\n");
  for (const name of ["trace.json", "trace.dmatrace.jsonl"]) {
    const file = folder.at(name);
    for (const path of [wrong, folder.at("nowhere.dma")]) {
      const { code } = await dmalab("run", path, "--export", file);
      assertEquals(code, 2);
    }
    assertEquals([...Deno.readDirSync(folder.path)].map((each) => each.name), ["wrong.dma"]);
  }
  const file = folder.at("trace.json");
  assertEquals((await dmalab("run", TWO_STEP, "--export", file)).code, 0);
  const before = Deno.readTextFileSync(file);
  assertEquals((await dmalab("run", wrong, "--export", file)).code, 2);
  assertEquals(Deno.readTextFileSync(file), before);
  // If another scenario is valid, its trace is written all the same.
  const { code } = await dmalab("run", wrong, TWO_STEP, "--export", file);
  assertEquals(code, 2);
  assert(JSON.parse(Deno.readTextFileSync(file)).traceEvents.length > 29);
});

interface ChromeEntry {
  readonly ph: string;
  readonly name?: string;
  readonly cat?: string;
  readonly id?: string;
  readonly ts: number;
  readonly pid: number;
  readonly tid: number;
  readonly args?: Readonly<Record<string, unknown>>;
}

Deno.test("--export FILE.json: calls are slices that close, mappings and requests are pairs", async () => {
  const path = "examples/start/01-first-look.dma";
  const { traceEvents } = JSON.parse(await exported(path, ".json")) as {
    traceEvents: readonly ChromeEntry[];
  };
  const { events } = eventsOf(path);
  const seen = traceEvents.filter(({ ph }) => "BEi".includes(ph));
  assertEquals(seen.map(({ args }) => args?.seq), events.map(({ seq }) => seq));
  assertEquals(seen.map(({ ts }) => ts), events.map(({ seq }) => seq), "an event is a microsecond");
  const count = (wanted: string, category?: string) =>
    traceEvents.filter(({ cat, ph }) => ph === wanted && (!category || cat === category)).length;
  assertEquals(count("B"), events.filter(({ name }) => name.startsWith("call.")).length);
  assertEquals(count("E"), count("B"));
  const mappings = events.filter(({ name }) => name === "dma.map").length;
  assertEquals([count("b", "mapping"), count("e", "mapping")], [mappings, mappings]);
  assertEquals([count("b", "request"), count("e", "request")], [1, 1]);
  let depth = 0;
  for (const { ph, tid } of seen) {
    if (ph === "B") depth++;
    // Events inside a call are on the thread of the call, so that viewers draw them inside the
    // call's slice.
    if (depth > 0) assertEquals(tid, 1);
    if (ph === "E") depth--;
  }
  const threads = traceEvents.filter(({ name }) => name === "thread_name");
  assertEquals(threads.map(({ args }) => args?.name).sort(), ["cpu 0", "ssd"]);
});

Deno.test("on a machine with latencies Chrome's axis is virtual time", () => {
  const text: string[] = [];
  const writer = new ChromeTraceWriter((part) => void text.push(part));
  const path = "examples/api/01-two-step-basic.dma";
  runProgram(programOf(path), {
    onRun: (run) =>
      writer.run(
        path,
        { ...run, machine: { ...run.machine, latenciesNs: { "iova.alloc": 100 } } },
        () => null,
      ),
    onEvent: (event) => writer.event({ ...event, at_ns: event.seq * 500 } as MachineEvent),
  });
  writer.end();
  const { traceEvents } = JSON.parse(text.join("")) as { traceEvents: readonly ChromeEntry[] };
  const [first] = traceEvents.filter(({ ph }) => ph === "B");
  assertEquals([first?.args?.seq, first?.ts], [1, 0.5]);
});

Deno.test("Chrome's threads have times of their own, which never go back, and nothing ends before it begins", () => {
  const text: string[] = [];
  const writer = new ChromeTraceWriter((part) => void text.push(part));
  const scenario = new SourceFile(
    "two.dma",
    `machine {
      cpus = 2
      iommu { mode = strict }
      latencies { preset = round_figures, nvme.data = 1us }
      pci { root_port rp0 { nvme ssd { queues = 2 } } }
    }
    for n in 0..9 { on cpu n / 3 % 2 { ssd.read(lba: n, into: alloc_pages(1)) } }
    let buf = alloc_pages(1)
    on cpu 1 { advance 1us; repeat 9 { dma_unmap_phys(ssd, dma_map_phys(ssd, buf, 4KiB, to_device), 4KiB, to_device) } }
    let late = none
    on cpu 1 { late = dma_map_phys(ssd, buf, 4KiB, to_device) }
    dma_unmap_phys(ssd, late, 4KiB, to_device)`,
  );
  runProgram(loadForDebugging(scenario, memoryFiles()).program!, {
    onRun: (run) => writer.run("two.dma", run, () => null),
    onEvent: (event) => writer.event(event),
  });
  writer.end();
  const { traceEvents } = JSON.parse(text.join("")) as { traceEvents: readonly ChromeEntry[] };
  const threads = new Map<string, number>();
  const begun = new Map<string, number>();
  for (const { cat, id, ph, pid, tid, ts = 0 } of traceEvents) {
    const thread = `${pid} ${tid}`;
    const pair = `${cat} ${id}`;
    if (ph === "b") begun.set(pair, ts);
    else if (ph === "e") assert(ts >= begun.get(pair)!, pair);
    else if (ph !== "M") {
      assert(ts >= (threads.get(thread) ?? 0), `${thread} at ${ts}`);
      threads.set(thread, ts);
    }
  }
  assertEquals([threads.size, begun.size], [3, 9 + 9 + 10]);
});

Deno.test("the reader says what is wrong with a line", () => {
  const head = '{"dmatrace":1,"by":"x"}';
  for (
    const [lines, problem] of [
      [["{}"], /^A trace begins with a line such as/],
      [['{"dmatrace":2}'], /^This trace has version 2; read are those up to 1$/],
      [[head, "nonsense"], /^This is not a JSON object$/],
      [[head, "[1]"], /^This is not a JSON object$/],
      [[head, "{}"], /^No line of a trace has none of/],
      [[head, '{"run":1}'], /^`file` must be a string, not undefined$/],
      [
        [head, '{"seq":1,"at_ns":0,"cpu":0,"name":"iova.aloc","fields":{}}'],
        /^There is no event "iova.aloc"$/,
      ],
      [
        [head, '{"seq":1,"at_ns":0,"cpu":0,"name":"flush_queue.add","fields":{"pending":"1"}}'],
        /^`pending` of flush_queue.add must be a int, not "1"$/,
      ],
    ] as const
  ) {
    const reader = new TraceReader();
    const read = lines.map((line) => reader.read(line)).at(-1)!;
    assert("problem" in read);
    assertMatch(read.problem, problem);
  }
});

Deno.test("fields of the kind `site` are those whose names end in _site: the format's types go by it", () => {
  for (const name of EVENT_NAMES) {
    for (const [field, { kind }] of Object.entries(eventFields(name))) {
      assertEquals(field.endsWith("_site"), kind === "site", `${name} ${field}`);
    }
  }
});

Deno.test("the lines that docs/trace-files.md shows are lines of the format", () => {
  const page = "docs/trace-files.md";
  const blocks = codeBlocks(page, Deno.readTextFileSync(join(ROOT, page)))
    .filter(({ language }) => language === "json");
  const lines = readLines(blocks.map(({ code }) => code).join("\n"));
  const kinds = lines.map((line) =>
    ["dmatrace", "run", "seq", "outcome", "runs"].find((field) => field in line)
  );
  assertEquals(kinds, ["dmatrace", "run", "seq", "outcome", "runs"]);
});
