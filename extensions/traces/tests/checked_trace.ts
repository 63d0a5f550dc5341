/** Checks given lines of a trace and of its log in the same way as the command checks files. */
import { loadLogReader } from "../kernel_log/late_log_reader.ts";
import { checkJson, checkLines } from "../ledger/check_report.ts";
import { LogPass, TraceCheck } from "../ledger/trace_check.ts";
import { TraceLine } from "../line/trace_line.ts";
import type { ScriptedCall } from "../script/recorder.ts";

// Loaded here, so that lines of logs never wait.
await loadLogReader();

/** Makes the first pass. @param trace Lines of a second file; the pass reads its events. */
export function passOf(log: readonly string[], trace: readonly string[] = []): LogPass {
  const pass = new LogPass();
  for (const [index, text] of trace.entries()) {
    const line = TraceLine.of(text);
    if (line.kind === "event") pass.push(line, index + 1);
  }
  log.forEach((line, index) => pass.push(TraceLine.of(line), index + 1));
  pass.end();
  return pass;
}

/** @param steps Receives the calls from which a scenario is made. */
export function checkedTrace(
  trace: readonly string[],
  log: readonly string[] = [],
  steps: ScriptedCall[] | null = null,
) {
  const pass = passOf(log, trace);
  const check = new TraceCheck(pass);
  if (steps !== null) check.ledger.recorder = (step) => steps.push(step);
  trace.forEach((line, index) => check.push(TraceLine.of(line), index + 1));
  const result = check.end();
  return {
    check,
    pass,
    result,
    findings: result.findings,
    /** The text output, with file names `t` and `l`. */
    text: () => checkLines(check, pass, result, { trace: "t", log: "l" }).join("\n"),
    json: () => checkJson(check, pass, result),
  };
}
