/** Checks given lines of a trace and of its log in the same way as the command checks files. */
import { assertEquals } from "@std/assert";
import { loadLogReader } from "../kernel_log/late_log_reader.ts";
import { checkJson, checkLines } from "../ledger/check_report.ts";
import { LogPass, TraceCheck } from "../ledger/trace_check.ts";
import { TraceLine } from "../line/trace_line.ts";
import type { ScriptedCall } from "../script/recorder.ts";

// The log reader is loaded here, so that log lines never wait for it.
await loadLogReader();

const LINE_END = "\n".charCodeAt(0);

/**
 * Gives each line with its number, from 1. One object is used for all of them, as in the command.
 *
 * @param texts Lines without their line ends.
 */
export function eachLine(
  texts: readonly string[],
  use: (line: TraceLine, lineNumber: number) => void,
): void {
  const line = new TraceLine();
  // Encoded together, because each call of the encoder costs more than a line.
  const bytes = new TextEncoder().encode(texts.map((text) => `${text}\n`).join(""));
  let start = 0;
  for (const index of texts.keys()) {
    const end = bytes.indexOf(LINE_END, start);
    line.read(bytes, start, end);
    use(line, index + 1);
    start = end + 1;
  }
  assertEquals(start, bytes.length, "a line contains a line end");
}

/** Makes the first pass. @param trace Lines of a second file; the pass reads its events. */
export function passOf(log: readonly string[], trace: readonly string[] = []): LogPass {
  const pass = new LogPass();
  eachLine(trace, (line, number) => {
    if (line.kind === "event") pass.push(line, number);
  });
  eachLine(log, (line, number) => pass.push(line, number));
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
  eachLine(trace, (line, number) => check.push(line, number));
  const result = check.end();
  return {
    check,
    pass,
    result,
    findings: result.findings,
    /** The text output, with file names `t` and `l`; for a terminal if it has a width. */
    text: (columns: number | null = null) =>
      checkLines(check, pass, result, { trace: "t", log: "l" }, columns).join("\n"),
    json: () => checkJson(check, pass, result),
  };
}
