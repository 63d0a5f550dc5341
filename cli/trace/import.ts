/** `dmalab trace import`: what is in the records of a real machine. */
import { KernelLogReader } from "../../instruments/traces/kernel_log/kernel_log_reader.ts";
import { eventOf, logEvent, type LoggedEvent } from "../../instruments/traces/line/event_log.ts";
import { TraceLine } from "../../instruments/traces/line/trace_line.ts";
import { ImportPass } from "../../instruments/traces/line/import_pass.ts";
import { LogPass } from "../../instruments/traces/ledger/trace_check.ts";
import { formatCount } from "../../lang/text/numbers.ts";
import { type ExitCode, HELD } from "../exit_code.ts";
import { host } from "../host.ts";
import { refuse, type Screen } from "../screen.ts";
import { lineSource, UnreadableFile } from "./read_lines.ts";

/** Bytes between two words of progress. */
const PROGRESS_BYTES = 16 << 20;

/** Every event of all files, a JSON object a line, in the order of the files. */
async function writeEvents(paths: readonly string[], screen: Screen): Promise<void> {
  const line = new TraceLine();
  const write = (event: LoggedEvent) => screen.data(`${JSON.stringify(event)}\n`);
  for (const path of paths) {
    const source = lineSource(path);
    const reader = new KernelLogReader({
      entry: (entry) => write(logEvent(entry, source.name)),
      unreadable: () => {},
    });
    let isInJob = false;
    await source.each((text, number) => {
      const kind = line.read(text);
      if (kind === "lost") {
        const { cpu, lost } = line;
        const gap = { seconds: null, event: "gap", cpu, lost };
        write({ file: source.name, line: number, origin: "kernel text", ...gap });
      }
      const event = eventOf(text, line, source.name, number, isInJob);
      isInJob = event?.origin === "fio job" || isInJob && text.trim() === "";
      if (event !== null) write(event);
      else if (kind !== "event") reader.push(text, number);
    });
    reader.end();
  }
}

export async function runImport(
  paths: readonly string[],
  form: { readonly asJson: boolean; readonly asEvents: boolean },
  screen: Screen,
): Promise<ExitCode> {
  const pass = new ImportPass();
  const log = new LogPass();
  if (form.asEvents) {
    try {
      await writeEvents(paths, screen);
      return HELD;
    } catch (error) {
      if (error instanceof UnreadableFile) return refuse(error.message, screen);
      throw error;
    }
  }
  const showsProgress = host.stderr.isTerminal();
  let shown = 0;
  try {
    for (const path of paths) {
      const source = lineSource(path);
      await source.each((text, number) => {
        pass.push(text, number, source.name);
        log.push(text, number);
      }, (bytes, ofBytes) => {
        if (!showsProgress || bytes - shown < PROGRESS_BYTES) return;
        shown = bytes;
        const share = ofBytes === null ? "" : ` ${Math.floor(bytes / ofBytes * 100)} %`;
        screen.err(`\r${source.name}${share}`);
      });
      log.end();
      if (shown > 0) screen.err("\r\x1b[K");
      shown = 0;
    }
  } catch (error) {
    if (error instanceof UnreadableFile) return refuse(error.message, screen);
    throw error;
  }
  if (pass.origins.size === 0 && log.entries.length === 0) {
    return refuse(`nothing of a trace or a log in ${paths.join(", ")}`, screen);
  }
  if (form.asJson) screen.out(`${JSON.stringify(importJson(pass, log))}\n`);
  else for (const line of importLines(pass, log)) screen.out(`${line}\n`);
  return HELD;
}

function importJson(pass: ImportPass, log: LogPass) {
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
    kernel_log: log.entries.map(({ facts, kind, line, seconds }) => ({
      kind,
      line,
      seconds,
      ...facts,
    })),
  };
}

function importLines(pass: ImportPass, log: LogPass): string[] {
  const byCount = (counts: ReadonlyMap<string, number>) =>
    [...counts].sort((a, b) => b[1] - a[1]).map(([name, count]) =>
      `  ${`${count}`.padStart(8)}  ${name}`
    );
  const lost = pass.gaps.reduce((sum, { count }) => sum + (count ?? 0), 0);
  return [
    formatCount(pass.lines, "line"),
    ...byCount(pass.origins),
    ...pass.events.size === 0 ? [] : ["events", ...byCount(pass.events)],
    ...pass.unknownEvents.size === 0 ? [] : ["not known, kept", ...byCount(pass.unknownEvents)],
    ...log.entries.length === 0 ? [] : [
      "kernel log",
      ...byCount(countBy(log.entries.map(({ kind }) => kind))),
    ],
    ...pass.gaps.map(({ count, cpu, file, line }) =>
      `gap at ${file}:${line}: CPU ${cpu} lost ${count ?? "some"} events`
    ),
    ...lost === 0 ? [] : [`${formatCount(lost, "event")} lost`],
    ...pass.overwritten === 0 ? [] : [`${formatCount(pass.overwritten, "event")} overwritten`],
    ...pass.damaged.map(({ file, line }) => `damaged: ${file}:${line}`),
    ...pass.rawRecords === 0
      ? []
      : [`${formatCount(pass.rawRecords, "record")} decoded that the tool could not print`],
    ...pass.otherLines === 0 ? [] : [`${formatCount(pass.otherLines, "line")} of nothing known`],
  ];
}

function countBy(names: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  return counts;
}
