/** `dmalab trace check`: the mapping errors of a real machine. */
import { addAll } from "@dmalab/runtime/basics";
import { printable } from "@dmalab/lang/diagnostics";
import { checkJson, checkLines } from "../ledger/check_report.ts";
import { judgementOf } from "../ledger/judgement.ts";
import { UnreadLines } from "../line/unread_forms.ts";
import { type CheckResult, LogPass, TraceCheck } from "../ledger/trace_check.ts";
import type { TraceInstant } from "../ledger/traced_mapping.ts";
import type { ScriptedCall } from "../script/recorder.ts";
import { refuse, type Screen, shellWord } from "@dmalab/cli/extend";
import { type ExitCode, FAILED, HELD } from "@dmalab/cli/exit_code";
import {
  type LineSink,
  type LineSource,
  lineSource,
  type ProgressSink,
  UnreadableFile,
} from "./read_lines.ts";

/** The opened input files of one check: one trace, with the kernel logs read beside it. */
export interface OpenedTrace {
  readonly trace: LineSource;
  readonly log: LogPass;
  readonly logName: string;
  /** Descriptions of the parts of the files that are in an unsupported form. */
  readonly unread: readonly string[];
}

/**
 * Reads the kernel's log in a file, and returns whether the file also contains a trace.
 * @throws {UnreadableFile}
 */
export async function readLog(
  source: LineSource,
  log: LogPass,
  also: LineSink = () => {},
  progress?: ProgressSink,
): Promise<{ readonly isLog: boolean; readonly isTrace: boolean }> {
  const { entries: { length }, events, readCount } = log;
  log.unread = new UnreadLines();
  await source.each((line, number) => {
    log.push(line, number);
    also(line, number);
  }, { progress, afterBatch: () => log.isWaiting ? log.readWaiting() : null });
  log.end();
  const isLog = log.readCount > readCount;
  const problem = source.returnsProblem ?? log.unread.problem(log.entries.length - length);
  if (problem !== null) throw new UnreadableFile(`"${source.name}": ${problem}`);
  return { isLog, isTrace: log.events > events };
}

/**
 * Reads the kernel's log among files, and finds out which file is the trace.
 *
 * @param also Called with each line, in addition to the reader of the log.
 */
export async function openTrace(
  sources: readonly LineSource[],
  log = new LogPass(),
  also: LineSink = () => {},
): Promise<OpenedTrace> {
  let trace: LineSource | null = null;
  let logName = "log";
  const unread: string[] = [];
  for (const source of sources) {
    const { isLog, isTrace } = await readLog(source, log, also);
    addAll(unread, log.unread.sentences().map((sentence) => `${source.name}: ${sentence}`));
    if (isLog) logName = source.name;
    if (!isTrace) continue;
    if (trace !== null) {
      throw new UnreadableFile(
        `"${trace.name}" and "${source.name}" are both traces: check one at a time`,
      );
    }
    trace = source;
  }
  return { trace: trace ?? sources[0]!, log, logName, unread };
}

/**
 * Opens and checks files. The trace can be checked only after the log has been read. Therefore the
 * trace is read again after a first pass over the files. A single file is already checked in its
 * first pass. If that file turns out to contain log lines, this check is dropped, and the trace is
 * checked again.
 */
export async function openAndCheck(sources: readonly LineSource[], log = new LogPass()) {
  const check = new TraceCheck(log);
  const [source, another] = sources;
  if (source === undefined || another !== undefined) {
    const opened = await openTrace(sources, log);
    return { opened, ...await checkTrace(opened) };
  }
  const opened = await openTrace(sources, log, (line, number) => {
    if (log.isEmpty) check.push(line, number);
  });
  return log.isEmpty
    ? { opened, check, result: check.end() }
    : { opened, ...await checkTrace(opened) };
}

/**
 * Checks a trace with its log.
 * @param take Receives each step, with the instant of the step's line in the trace.
 */
export async function checkTrace(
  { log, trace }: Pick<OpenedTrace, "log" | "trace">,
  take: ((step: ScriptedCall, now: TraceInstant) => void) | null = null,
): Promise<{ readonly check: TraceCheck; readonly result: CheckResult }> {
  const check = new TraceCheck(log);
  const { ledger } = check;
  if (take !== null) ledger.recorder = (step) => take(step, ledger.now);
  await trace.each((line, number) => check.push(line, number));
  return { check, result: check.end() };
}

export async function runCheck(
  paths: readonly string[],
  asJson: boolean,
  screen: Screen,
): Promise<ExitCode> {
  const scenario = paths.find((path) => path.endsWith(".dma"));
  if (scenario !== undefined) {
    const text = `"${printable(scenario)}" is a scenario: \`dmalab test ${
      shellWord(scenario)
    }\` runs it`;
    return refuse(text, screen);
  }
  const { check, opened: { log, logName, trace, unread }, result } = await openAndCheck(
    paths.map((path) => lineSource(path)),
  );
  if (!check.hasRead) {
    // Loaded only here: the loaded module imports others that a successful check does not need.
    const { whyNothingRead } = await import("./nothing_read.ts");
    return refuse(await whyNothingRead(check, trace), screen);
  }
  if (asJson) screen.out(`${JSON.stringify(checkJson(check, log, result))}\n`);
  else {
    const names = { trace: trace.name, log: logName };
    for (const line of unread) screen.out(`not read: ${line}\n`);
    const lines = checkLines(check, log, result, names, screen.columns);
    for (const line of lines) screen.out(`${line}\n`);
  }
  return exitCodeOf(check, log, result);
}

/** The exit code of a check: 1 where something is wrong, as `explain` of the same text. */
export function exitCodeOf(check: TraceCheck, log: LogPass, result: CheckResult): ExitCode {
  return judgementOf(check, log, result).isClean ? HELD : FAILED;
}
