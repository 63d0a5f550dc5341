/** `dmalab trace summary`: the contents of the trace and log files of a real machine. */
import { entryJson } from "../kernel_log/entry.ts";
import { KernelLogReader } from "../kernel_log/kernel_log_reader.ts";
import { eventOf, logEvent, type LoggedEvent, staysInJob } from "../line/event_log.ts";
import { TraceLine } from "../line/trace_line.ts";
import { checkTrace, readLog } from "./check.ts";
import { ImportPass } from "../line/import_pass.ts";
import { LogPass } from "../ledger/trace_check.ts";
import {
  clockLines,
  clocksOf,
  tiedClocks,
  type TraceClocks,
  UNTIED,
} from "../clocks/trace_clocks.ts";
import {
  type JoinedEvent,
  joinEvents,
  NO_CLOCKS,
  placeEvent,
  type TiedClocks,
} from "../line/joined_events.ts";
import { printableJson } from "@dmalab/lang/diagnostics";
import { formatCount } from "@dmalab/lang/text";
import { refuse, type Screen } from "@dmalab/cli/extend";
import { type ExitCode, HELD } from "@dmalab/cli/exit_code";
import { type LineSink, type LineSource, lineSource, type ProgressSink } from "./read_lines.ts";

/** Bytes between two progress messages. */
const PROGRESS_BYTES = 16 << 20;

/** Every event of a file, in the order of its lines. */
async function* eventsOf(source: LineSource, clocks: TiedClocks): AsyncGenerator<JoinedEvent> {
  const line = new TraceLine();
  const { name } = source;
  let events: LoggedEvent[] = [];
  const placed = (some: LoggedEvent[]) =>
    some.sort((a, b) => a.line - b.line).map((event) => placeEvent(event, clocks));
  const reader = new KernelLogReader({
    entry: (entry) => events.push(logEvent(entry, name)),
    unreadable: () => {},
  });
  let isInJob = false;
  let number = 0;
  for await (const batch of source.batches()) {
    batch.each(line, () => {
      number++;
      if (line.isEmpty) return;
      const { kind } = line;
      if (kind === "lost") {
        const { cpu, lost } = line;
        const gap = { seconds: null, event: "gap", cpu, lost };
        events.push({ file: name, line: number, origin: "kernel text", ...gap });
      }
      const event = eventOf(line, name, number, isInJob);
      isInJob = staysInJob(event, line, isInJob);
      if (event !== null) events.push(event);
      else if (kind !== "event") reader.push(line.text, number);
    });
    // A log record is complete only some lines after its first line, but its place is its first
    // line. Therefore later events wait until the record is complete.
    reader.passTo(number);
    const whole = events.filter((event) => event.line < reader.openLine);
    events = events.filter((event) => event.line >= reader.openLine);
    yield* placed(whole);
  }
  reader.end();
  yield* placed(events);
}

/**
 * Writes every event of all files, in the order of the trace's clock. Each event is a JSON object
 * on one line.
 */
async function writeEvents(sources: readonly LineSource[], screen: Screen): Promise<void> {
  const log = new LogPass();
  const traces = new Set<LineSource>();
  for (const source of sources) if ((await readLog(source, log)).isTrace) traces.add(source);
  const clocks = await tie(log, traces);
  for (const line of clockLines(clocks)) screen.err(`${line}\n`);
  const tied = traces.size > 1 ? NO_CLOCKS : tiedClocks(clocks);
  // At equal times the trace's events come first: the other files record their consequences.
  const files = [...traces, ...sources.filter((source) => !traces.has(source))];
  for await (const event of joinEvents(files.map((source) => eventsOf(source, tied)))) {
    screen.data(`${printableJson(event, 0)}\n`);
  }
}

/** Aligns the clocks of the other files with the clock of the trace, if there is exactly one trace. */
async function tie(log: LogPass, traces: ReadonlySet<LineSource>): Promise<TraceClocks> {
  const [trace, another] = traces;
  const isAlone = log.entries.length === 0 && log.qemu.isEmpty;
  if (trace === undefined || another !== undefined || isAlone) return UNTIED;
  const { result } = await checkTrace({ log, trace });
  return clocksOf(log, result);
}

/** Prints on a terminal how far a file has been read. */
class Progress {
  #shown = 0;

  constructor(readonly screen: Screen) {}

  of(name: string): ProgressSink | undefined {
    if (this.screen.columns === null) return undefined;
    return (bytes, ofBytes) => {
      if (bytes - this.#shown < PROGRESS_BYTES) return;
      this.#shown = bytes;
      const share = ofBytes === null ? "" : ` ${Math.floor(bytes / ofBytes * 100)} %`;
      this.screen.progress(`${name}${share}`);
    };
  }

  /** Called when the file has been read. */
  end(): void {
    this.#shown = 0;
  }
}

/** Counts what is in the files, and ties the clocks of the counted records. */
async function countAll(sources: readonly LineSource[], screen: Screen) {
  const pass = new ImportPass();
  const log = new LogPass();
  const traces = new Set<LineSource>();
  const progress = new Progress(screen);
  for (const source of sources) {
    const { name } = source;
    const count: LineSink = (line, number) => pass.push(line, number, name);
    const { isTrace } = await readLog(source, log, count, progress.of(name));
    if (isTrace) traces.add(source);
    progress.end();
  }
  return { pass, log, clocks: await tie(log, traces) };
}

type Imported = Awaited<ReturnType<typeof countAll>>;

export async function runSummary(
  paths: readonly string[],
  form: { readonly asJson: boolean; readonly asEvents: boolean },
  screen: Screen,
): Promise<ExitCode> {
  const sources = paths.map((path) => lineSource(path));
  if (form.asEvents) {
    await writeEvents(sources, screen);
    return HELD;
  }
  const imported = await countAll(sources, screen);
  const { log, pass } = imported;
  if (pass.origins.size === 0 && log.entries.length === 0) {
    return refuse(`no line of a trace or a log in ${paths.join(", ")}`, screen);
  }
  if (form.asJson) screen.out(`${JSON.stringify(importJson(imported))}\n`);
  else for (const line of importLines(imported)) screen.out(`${line}\n`);
  return HELD;
}

function importJson({ clocks, log, pass }: Imported) {
  return {
    lines: pass.lines,
    origins: Object.fromEntries(pass.origins),
    events: Object.fromEntries(pass.events),
    unknown_events: Object.fromEntries(pass.unknownEvents),
    gaps: pass.gaps,
    overwritten: pass.overwritten,
    damaged_lines: pass.damaged,
    other_lines: pass.otherLines,
    failed_to_parse: pass.rawRecords,
    first_seconds: pass.firstSeconds,
    last_seconds: pass.lastSeconds,
    queue_limits: pass.limits,
    trace_minus_dmesg_seconds: clocks.log?.seconds ?? null,
    qemu_minus_trace_seconds: clocks.qemu?.offset?.seconds ?? null,
    qemu_pairs: clocks.qemu?.pairs ?? null,
    kernel_log: log.entries.map(entryJson),
  };
}

function importLines({ clocks, log, pass }: Imported): string[] {
  const byCount = (counts: Iterable<readonly [string, number]>) =>
    [...counts].sort((a, b) => b[1] - a[1]).map(([name, count]) =>
      `  ${`${count}`.padStart(8)}  ${name}`
    );
  const lost = pass.gaps.reduce((sum, { count }) => sum + (count ?? 0), 0);
  return [
    formatCount(pass.lines, "line"),
    ...byCount(pass.origins),
    ...pass.events.size === 0 ? [] : ["events", ...byCount(pass.events)],
    ...pass.unknownEvents.size === 0
      ? []
      : ["unknown events, kept as they are", ...byCount(pass.unknownEvents)],
    ...log.entries.length === 0 ? [] : [
      "kernel log",
      ...byCount([...Map.groupBy(log.entries, ({ kind }) => kind)]
        .map(([kind, { length }]) => [kind, length])),
    ],
    ...clockLines(clocks),
    ...pass.gaps.map(({ count, cpu, file, line }) =>
      `gap at ${file}:${line}: CPU ${cpu} lost ${count ?? "some"} events`
    ),
    ...lost === 0 ? [] : [`${formatCount(lost, "event")} lost`],
    ...pass.overwritten === 0 ? [] : [`${formatCount(pass.overwritten, "event")} overwritten`],
    ...pass.damaged.map(({ file, line }) => `damaged: ${file}:${line}`),
    ...pass.rawRecords === 0
      ? []
      : [`${formatCount(pass.rawRecords, "record")} decoded that the tool could not print`],
    ...pass.otherLines === 0 ? [] : [`${formatCount(pass.otherLines, "line")} not recognised`],
  ];
}
