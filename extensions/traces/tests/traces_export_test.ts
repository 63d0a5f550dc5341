/** Traces of real machines in other forms: the same events, every slice with its end. */
import { TempFolder } from "@dmalab/tools";
import { assert, assertEquals, assertMatch } from "@std/assert";
import { dmalab } from "@dmalab/tests";
import { runExport } from "../cli/export.ts";
import { MemoryScreen } from "@dmalab/cli";
import { keptTraces, type RecordedRun, TraceReader } from "@dmalab/recording";
import { findingLine } from "../ledger/check_report.ts";
import { isSure } from "../ledger/traced_mapping.ts";
import { checkedTrace } from "./checked_trace.ts";
import { goldenPath, readExpected, readGolden } from "./golden_traces.ts";

/** Exports some files in a text form. */
async function exported(form: string, ...files: readonly string[]): Promise<string> {
  const screen = new MemoryScreen();
  const paths = files.map((file) => goldenPath(file)!);
  assertEquals([await runExport(paths, form, screen), screen.errors], [0, ""]);
  return screen.output;
}

/** Everything that a check reports except line numbers, which differ in the exported file. */
function plain(text: string): unknown {
  const { balance, findings, summary } = checkedTrace(text.split("\n")).json();
  const { events, overwritten, devices } = summary;
  const { links, ranges_ended } = balance.two_step;
  return {
    balance: { ...balance, two_step: { links, ranges_ended } },
    findings: findings.map(({ address, certainty, device, kind }) =>
      `${certainty} ${kind} ${device} ${address}`
    ).sort(),
    gaps: summary.gaps.map(({ count, cpu }) => ({ cpu, count })),
    events,
    overwritten,
    devices,
  };
}

const RUNS = [
  "real/72-strict-mistakes.trace.txt.gz",
  "real/612-lazy-2cpu-small.trace.txt.gz",
  "real/72-lost-events.trace.txt.gz",
  "real/72-direct-small.trace.txt.gz",
];

Deno.test("a trace as the kernel's text says the same when it is read again, whatever dialect it was", async () => {
  for (const run of [...RUNS, "dialects/trace-cmd-72.txt.gz", "dialects/perf-script-72.txt.gz"]) {
    const text = await exported("ftrace", run);
    const before = await readGolden(run);
    // The event of a mark is `print` in the kernel, and `tracing_mark_write` in user space.
    assertEquals(
      plain(text),
      plain(
        before!.replaceAll(" ftrace:print:", " tracing_mark_write:")
          .replace(/: print: +/g, ": tracing_mark_write: "),
      ),
      run,
    );
  }
});

Deno.test("a trace for the viewers of slices has a process for each device, a pair for every mapping, two-step ranges too, and how many are live", async () => {
  for (const run of RUNS) {
    const { traceEvents } = JSON.parse(await exported("chrome", run)) as {
      traceEvents: {
        ph: string;
        id: number;
        name: string;
        ts: number;
        pid: number;
        args: { name: string; live: number };
      }[];
    };
    const { check, json } = checkedTrace((await readGolden(run))!.split("\n"));
    const { balance } = json();
    const births = Object.values(balance.devices).reduce((sum, { births }) => sum + births, 0);
    const begins = traceEvents.filter(({ ph }) => ph === "b");
    const ends = new Map(traceEvents.filter(({ ph }) => ph === "e").map((end) => [end.id, end]));
    assertEquals(ends.size, begins.length, run);
    assert(begins.length >= births, `${begins.length} pairs of ${births} mappings`);
    for (const { id, pid, ts } of begins) {
      const end = ends.get(id)!;
      assert(end.ts >= ts && end.pid === pid, `${run}: ${id}`);
    }
    assert(begins.every(({ name }) => /^0x[0-9a-f]+$/.test(name)), run);
    const processes = new Map(
      traceEvents.filter(({ ph }) => ph === "M").map(({ args, pid }) => [args.name, pid]),
    );
    assertEquals(new Set(processes.values()).size, processes.size, run);
    for (const pid of [...check.ledger.devices.keys()].map((name) => processes.get(name)!)) {
      const live = traceEvents.filter((each) => each.ph === "C" && each.pid === pid)
        .map(({ args }) => args.live);
      assertEquals(live.length, 2 * begins.filter((each) => each.pid === pid).length, run);
      assertEquals(live.at(-1), 0, run);
      assert(live.every((count, at) => Math.abs(count - (live[at - 1] ?? 0)) === 1), run);
      assert(Math.min(...live) >= 0, run);
    }
  }
});

Deno.test("findings and faults are instants of their device in the viewers of slices", async () => {
  const run = "real/72-strict-mistakes";
  const files = ["trace", "dmesg"].map((kind) => `${run}.${kind}.txt.gz`);
  const { traceEvents } = JSON.parse(await exported("chrome", ...files)) as {
    traceEvents: { ph: string; name: string; ts: number; args: Record<string, unknown> }[];
  };
  const { anomalies, trace_minus_dmesg_seconds: offset } = readExpected(run);
  const instants = traceEvents.filter(({ ph }) => ph === "i");
  for (const { dmesg_line: logLine = null, kind, accept = [], line } of anomalies) {
    const found = instants.find(({ args, name }) =>
      [kind, ...accept].includes(name) &&
      (args.line === line || logLine !== null && args.log_line === logLine)
    );
    assert(found !== undefined, `${kind} at ${line}`);
  }
  // A fault is placed at the time of its log line, converted to the clock of the trace.
  const log = (await readGolden(`${run}.dmesg.txt.gz`))!.split("\n");
  const faults = instants.filter(({ args, name }) => args.rule === "trace.T.62" && name !== "leak");
  assert(faults.length > 0);
  for (const { args, ts } of faults) {
    const printed = Number(/\[ *(\d+\.\d+)\]/.exec(log[Number(args.log_line) - 1]!)![1]);
    assert(Math.abs(ts / 1e6 - printed - offset!) < 0.01, `${args.log_line}: ${ts}`);
  }
});

Deno.test("a trace as a file of events is held to the format of scenarios' own", async () => {
  for (const run of RUNS) {
    const lines = (await exported("dmatrace", run)).trimEnd().split("\n");
    const reader = new TraceReader();
    const read = lines.map((line) => reader.read(line));
    const wrong = read.filter((line) => "problem" in line);
    assertEquals(wrong, [], run);
    assertEquals(read[0], { dmatrace: 1, by: "dmalab 0.1.0" }, run);
    const events = read.filter((line) => "seq" in line);
    assertEquals(read.at(-1), { runs: 1, events: events.length }, run);
    const names = new Set(events.map((event) => "name" in event ? event.name : ""));
    assert(names.has("dma.map") && names.has("dma.unmap"), run);
    // Each event names the line of the trace from which it was made.
    const trace = (await readGolden(run))!.split("\n");
    for (const event of events) {
      const [, line] = ("site" in event && event.site?.match(/:(\d+):1$/)) || [];
      assert(/dma|iommu|map|page/.test(trace[Number(line) - 1] ?? ""), `${run} ${line}`);
    }
    const times = events.map((event) => "at_ns" in event ? event.at_ns : 0);
    assert(times.every((time) => Number.isSafeInteger(time)), run);
  }
});

Deno.test("a device of which nothing says who makes its addresses is written as translated, with a warning", async () => {
  using folder = new TempFolder();
  const path = folder.at("made.trace.txt");
  const map = (addr: string) =>
    `  fio-7  [000] .....  1.000000: dma_map_phys: 0000:00:05.0 dir=TO_DEVICE dma_addr=${addr} ` +
    "size=512 phys_addr=9000000 attrs=\n";
  for (
    const [lines, way, warned] of [
      [map("fff00000"), "iommu", true],
      [map("1fff00000"), "iommu", false],
      [map("fff00000") + map("9000000"), "swiotlb", false],
    ] as const
  ) {
    Deno.writeTextFileSync(path, lines);
    const { errors, output } = await dmalab("trace", "export", "--as", "dmatrace", path);
    assertMatch(output, new RegExp(`"path":"${way}"`));
    assertEquals(errors.startsWith("warning: nothing says whether"), warned, lines);
  }
});

Deno.test("what is found in a trace fails the run that is made of it, and its page says so", async () => {
  for (const run of RUNS) {
    const text = await exported("dmatrace", run);
    const [kept] = keptTraces(text, { name: run, textOf: () => null }) as readonly RecordedRun[];
    const trace = (await readGolden(run))!.split("\n");
    const findings = checkedTrace(trace).findings.filter(isSure);
    assertEquals(kept!.failure?.code ?? null, findings[0]?.rule ?? null, run);
    assertEquals(kept!.failure?.message.split("\n") ?? [], findings.map(findingLine), run);
    assertEquals(kept!.failure?.lines.length ?? 0, findings.length && findings.length + 1, run);
  }
  assertMatch(await exported("dmatrace", "real/72-strict-mistakes.trace.txt.gz"), /unmap_size/);
});
