/** What `dmalab explain` prints of the fault lines of a kernel's log. */
import { readHostInput } from "@dmalab/cli";
import { loggedFaultLines } from "@dmalab/lang/builtins/explain";
import { formatCount } from "@dmalab/lang/text";
import { decodeFaultLog, type FaultLogProblem } from "@dmalab/runtime/fault_log";
import { entryStory } from "../kernel_log/entry_story.ts";
import { readKernelLog } from "../kernel_log/kernel_log_reader.ts";
import { refuse, type Screen } from "@dmalab/cli/extend";
import { type ExitCode, HELD } from "@dmalab/cli/exit_code";

export interface FaultLogText {
  readonly lines: readonly string[];
  readonly problems: readonly string[];
}

/** Whether a question is a line of a log, and no name. */
export function isFaultLine(question: string): boolean {
  return /\bDMAR\b|\bAMD-Vi\b|\barm-smmu|\bRequest device\b|\bEvent logged\b/i.test(question) ||
    readKernelLog(question).entries.length > 0;
}

export function explainFaultLine(text: string): FaultLogText {
  const { entries, unreadable } = readKernelLog(text);
  if (entries.length > 0 || unreadable.length > 0) {
    return {
      lines: entries.flatMap((entry, index) => [...index === 0 ? [] : [""], ...entryStory(entry)]),
      problems: unreadable.flatMap((fault) => problemLines(fault.text, fault)),
    };
  }
  const read = decodeFaultLog(text);
  return read.ok
    ? { lines: loggedFaultLines(read.fault), problems: [] }
    : { lines: [], problems: problemLines(text, read.problem) };
}

/** A whole log: each record once, with how often and where first. */
export function explainLog(log: string): FaultLogText {
  const seen = new Map<string, { readonly line: number; times: number }>();
  const { entries, unreadable } = readKernelLog(log);
  const problems = unreadable.flatMap((fault) => {
    const [message, ...place] = problemLines(fault.text, fault);
    return [`line ${fault.line}: ${message}`, ...place];
  });
  for (const entry of entries) {
    const story = entryStory(entry).join("\n");
    const known = seen.get(story);
    if (known === undefined) seen.set(story, { line: entry.line, times: 1 });
    else known.times++;
  }
  const lines = [...seen].flatMap(([story, { line, times }], index) => [
    ...index === 0 ? [] : [""],
    times === 1 ? `line ${line}` : `${formatCount(times, "time")}, first in line ${line}`,
    ...story.split("\n"),
  ]);
  if (lines.length === 0 && problems.length === 0) {
    problems.push(
      "The log has no line about DMA: no fault of VT-d (DMAR:), AMD-Vi or arm-smmu, nothing of " +
        "swiotlb, DMA-API, P2PDMA or NVMe timeouts",
    );
  }
  return { lines, problems };
}

/** The records of a log as one JSON object each, on lines of their own. */
export function logAsJson(log: string): FaultLogText {
  const { entries, unreadable } = readKernelLog(log);
  return {
    lines: entries.map(({ facts, kind, line, seconds }) =>
      JSON.stringify({ kind, line, seconds, ...facts })
    ),
    problems: unreadable.map(({ line, message }) => `line ${line}: ${message}`),
  };
}

/** Explains a line that was given as a word. */
export function printFaultLine(line: string, asJson: boolean, screen: Screen): ExitCode {
  return print(asJson ? logAsJson(line) : explainFaultLine(line), screen);
}

/** Explains the log on the standard input. */
export function printInput(asJson: boolean, screen: Screen): ExitCode {
  const input = readHostInput();
  if (!input.found) return refuse(input.problem, screen);
  const log = new TextDecoder().decode(input.bytes);
  return print(asJson ? logAsJson(log) : explainLog(log), screen);
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
