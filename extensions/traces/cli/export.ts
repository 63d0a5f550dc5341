/** `dmalab trace export`: a trace in other forms, for other programs. */
import { type LineTime, writeEventFile } from "../export/event_file.ts";
import { MappingSlices } from "../export/mapping_slices.ts";
import { isUndecided } from "../ledger/device_mode.ts";
import type { CheckResult } from "../ledger/trace_check.ts";
import { isSure, type TraceFinding } from "../ledger/traced_mapping.ts";
import type { ScriptedCall } from "../script/recorder.ts";
import { refuse, type Screen, VERSION } from "@dmalab/cli/extend";
import { type ExitCode, HELD } from "@dmalab/cli/exit_code";
import { checkTrace, type OpenedTrace, openTrace } from "./check.ts";
import type { LineSource } from "./read_lines.ts";

/** Width of the task's name in the kernel's own text, in columns. */
const TASK_COLUMNS = 16;

/** Exports a trace in one form. */
type Export = (opened: OpenedTrace, screen: Screen) => Promise<void>;

const FORMS: Readonly<Record<string, Export>> = {
  ftrace: ({ trace }, screen) => writeText(trace, screen),
  chrome: writeSlices,
  dmatrace: writeEvents,
};

export async function runExport(
  paths: readonly string[],
  form: string | null,
  screen: Screen,
): Promise<ExitCode> {
  const write = form === null ? undefined : FORMS[form];
  if (write === undefined) {
    const forms = Object.keys(FORMS).join(", ");
    return refuse(
      `trace export needs --as and one of ${forms}${form === null ? "" : `, not "${form}"`}`,
      screen,
    );
  }
  await write(await openTrace(paths), screen);
  return HELD;
}

/**
 * Writes the trace in the kernel's own text form, whatever form it was read in. Lost events stay
 * marked as lost.
 */
async function writeText(source: LineSource, screen: Screen): Promise<void> {
  screen.data("# tracer: nop\n#\n");
  await source.each((line) => {
    const { kind } = line;
    if (kind === "lost") {
      const count = line.lost === null ? "" : ` ${line.lost}`;
      screen.data(`CPU:${line.cpu} [LOST${count} EVENTS]\n`);
    }
    if (kind === "header" && line.written > line.inBuffer) {
      screen.data(`# entries-in-buffer/entries-written: ${line.inBuffer}/${line.written}\n`);
    }
    if (kind === "started") screen.data(`##### CPU ${line.cpu} buffer started ####\n`);
    if (kind !== "event") return;
    const task = `${line.task}-${line.pid}`.padStart(TASK_COLUMNS);
    const cpu = `${line.cpu}`.padStart(3, "0");
    const flags = line.context === " " ? "....." : `..${line.context}..`;
    const event = KERNEL_NAMES[line.event] ?? line.event;
    screen.data(
      `${task}  [${cpu}] ${flags} ${line.time.padStart(12)}: ${event}: ${line.payload}\n`,
    );
  });
}

/** Events with different names in user space and in the kernel's text. @see rules/traces.md T.8 */
const KERNEL_NAMES: Readonly<Record<string, string>> = { print: "tracing_mark_write" };

async function writeSlices(opened: OpenedTrace, screen: Screen): Promise<void> {
  const slices = new MappingSlices((text) => screen.data(text));
  const { check, result } = await checkTrace(
    opened,
    (step, { seconds }) => slices.take(step, seconds),
  );
  for (const [finding, seconds] of await timesOf(shownOf(result), opened, result)) {
    slices.mark(finding, seconds);
  }
  slices.finish(check.ledger.edges.lastSeconds);
}

/** The findings to export with a trace: the certain ones, and each fault of the log. */
function shownOf({ findings }: CheckResult): readonly TraceFinding[] {
  return findings.filter((finding) => isSure(finding) || finding.logLine !== null);
}

/**
 * The time of each finding, by the clock of the trace. For a fault it is the converted time of the fault's
 * log line, for other findings the time of their line in the trace.
 */
async function timesOf(
  findings: readonly TraceFinding[],
  { log, trace }: OpenedTrace,
  { classified: { offset } }: CheckResult,
): Promise<[TraceFinding, number][]> {
  const times = new Map<number, number>();
  const wanted = new Set(findings.map(({ line }) => line));
  if (findings.length > 0) {
    await trace.each((line, number) => {
      if (wanted.has(number) && line.kind === "event") times.set(number, line.seconds);
    });
  }
  return findings.flatMap((finding): [TraceFinding, number][] => {
    const logged = log.entries.find(({ line }) => line === finding.logLine)?.seconds ?? null;
    const seconds = logged !== null && offset !== null
      ? logged + offset.seconds
      : times.get(finding.line ?? -1);
    return seconds === undefined ? [] : [[finding, seconds]];
  });
}

async function writeEvents(opened: OpenedTrace, screen: Screen): Promise<void> {
  const steps: (readonly [ScriptedCall, LineTime])[] = [];
  const { check, result } = await checkTrace(opened, (step, time) => {
    const mappedAt = step.op === "range" ? step.mapping.mappedAt : time;
    steps.push([step, mappedAt]);
  });
  const { name } = opened.trace;
  const unknown = [...check.ledger.devices.values()].filter(isUndecided);
  if (unknown.length > 0) {
    const names = unknown.map((device) => device.name).join(", ");
    screen.err(
      `warning: nothing says whether an IOMMU translates ${names} or data is bounced: ` +
        "written as translated\n",
    );
  }
  writeEventFile(steps, shownOf(result), name, `dmalab ${VERSION}`, (text) => screen.data(text));
}
