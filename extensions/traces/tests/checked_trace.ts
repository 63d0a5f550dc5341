/** Lines of a trace and of the log beside it, checked as the command checks files of them. */
import { loadLogReader } from "../kernel_log/late_log_reader.ts";
import { checkJson, checkLines } from "../ledger/check_report.ts";
import { LogPass, TraceCheck } from "../ledger/trace_check.ts";
import { TraceLine } from "../line/trace_line.ts";
import type { ScriptedCall } from "../script/recorder.ts";

// Lines of logs are read at once here.
await loadLogReader();

/** @param trace Lines of another file, of which the pass takes the events. */
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

/** @param steps Gets the calls that a scenario is made of. */
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
    /** The output for files `t` and `l`. */
    text: () => checkLines(check, pass, result, { trace: "t", log: "l" }).join("\n"),
    json: () => checkJson(check, pass, result),
  };
}
