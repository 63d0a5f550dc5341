/** What `dmalab explain` prints of the fault lines of a kernel's log. */
import { readHostInput } from "../host_file.ts";
import { loggedFaultLines } from "../../lang/builtins/explain/fault_story.ts";
import { formatCount } from "../../lang/text/numbers.ts";
import { decodeFaultLog } from "../../runtime/iommu/fault_log/decode_fault_log.ts";
import { findFaultLogs } from "../../runtime/iommu/fault_log/find_fault_logs.ts";
import type { FaultLogProblem } from "../../runtime/iommu/fault_log/logged_fault.ts";
import { type ExitCode, HELD } from "../exit_code.ts";
import { refuse, type Screen } from "../screen.ts";

export interface FaultLogText {
  /** Lines for the reader. */
  readonly lines: readonly string[];
  /** What could not be read. */
  readonly problems: readonly string[];
}

/** Whether a question is such a line, and no name. */
export function isFaultLine(question: string): boolean {
  return /\bDMAR\b|\bAMD-Vi\b|\barm-smmu|\bRequest device\b|\bEvent logged\b/i.test(question);
}

/** One fault, as it was pasted. */
export function explainFaultLine(text: string): FaultLogText {
  const read = decodeFaultLog(text);
  return read.ok
    ? { lines: loggedFaultLines(read.fault), problems: [] }
    : { lines: [], problems: problemLines(text, read.problem) };
}

/** A whole log: each fault once, with how often and where first. */
export function explainLog(log: string): FaultLogText {
  const seen = new Map<string, { readonly line: number; times: number }>();
  const problems: string[] = [];
  for (const { line, read, text } of findFaultLogs(log)) {
    if (!read.ok) {
      const [message, ...place] = problemLines(text, read.problem);
      problems.push(`line ${line}: ${message}`, ...place);
      continue;
    }
    const told = loggedFaultLines(read.fault).join("\n");
    const known = seen.get(told);
    if (known === undefined) seen.set(told, { line, times: 1 });
    else known.times++;
  }
  const lines = [...seen].flatMap(([told, { line, times }], index) => [
    ...index === 0 ? [] : [""],
    times === 1 ? `line ${line}` : `${formatCount(times, "time")}, first in line ${line}`,
    ...told.split("\n"),
  ]);
  if (lines.length === 0 && problems.length === 0) {
    problems.push("The log has no fault line of VT-d (DMAR:), AMD-Vi or arm-smmu-v3");
  }
  return { lines, problems };
}

/** Explains a line that was given as a word. */
export function printFaultLine(line: string, screen: Screen): ExitCode {
  return print(explainFaultLine(line), screen);
}

/** Explains the log on the standard input. */
export function printInput(screen: Screen): ExitCode {
  const input = readHostInput();
  if (!input.found) return refuse(input.problem, screen);
  return print(explainLog(new TextDecoder().decode(input.bytes)), screen);
}

function print({ lines, problems }: FaultLogText, screen: Screen): ExitCode {
  screen.out(lines.map((line) => `${line}\n`).join(""));
  return problems.length === 0 ? HELD : refuse(problems.join("\n"), screen);
}

/** The message, and the line with a caret where it is wrong. */
function problemLines(text: string, { message, offset }: FaultLogProblem): string[] {
  const start = text.lastIndexOf("\n", offset - 1) + 1;
  const line = text.slice(start).split("\n", 1)[0]!.replaceAll("\t", " ");
  return [message, `    ${line}`, `    ${" ".repeat(offset - start)}^`];
}
