/**
 * Explains lines of kernel logs, without a trace or with the facts of a trace. The trace shows
 * which device owned the address, and which call removed the mapping.
 */
import { addAll } from "@dmalab/runtime/basics";
import { checkPlace, FileError, writeFile } from "@dmalab/cli";
import {
  type LineExplainer,
  type LogOutput,
  printError,
  refuse,
  type Screen,
} from "@dmalab/cli/extend";
import { PAGE_HEAD } from "@dmalab/cli/presentation";
import { alikeKey, differingLines } from "../kernel_log/alike_entries.ts";
import { entryJson, type KernelLogEntry } from "../kernel_log/entry.ts";
import { entryStory } from "../kernel_log/entry_story.ts";
import { labelledLines } from "../kernel_log/labelled_lines.ts";
import { FollowedEntries } from "../kernel_log/followed_entry.ts";
import { MOST_GIVEN, type NearLine } from "../kernel_log/general/near_lines.ts";
import { readKernelLog } from "../kernel_log/kernel_log_reader.ts";
import { wordsOf } from "../kernel_log/messages/message.ts";
import { problemLines } from "../kernel_log/problem_lines.ts";
import { formKey, shownText } from "../kernel_log/shown_text.ts";
import { mappingLines } from "../ledger/mapping_lines.ts";
import type { TraceFinding } from "../ledger/traced_mapping.ts";
import { pageOf } from "../owner/pages.ts";
import { type CheckResult, LogPass, type TraceCheck } from "../ledger/trace_check.ts";
import { checkLines } from "../ledger/check_report.ts";
import { notGiven } from "../ledger/given_input.ts";
import { judgementLines, judgementOf, nextSteps } from "../ledger/judgement.ts";
import { type ExitCode, HELD, WRONG } from "@dmalab/cli/exit_code";
import { checkTrace, exitCodeOf, openAndCheck, type OpenedTrace, openTrace } from "./check.ts";
import { messageLines } from "../kernel_log/find_messages.ts";
import { messageText } from "../kernel_log/pasted_text.ts";
import {
  type LineSource,
  lineSource,
  LOG_INPUT,
  refusingUnreadable,
  textOf,
  textSource,
} from "./read_lines.ts";
import { loggedFaultLines } from "@dmalab/lang/explain";
import { formatCount, PICTURE_COLUMNS } from "@dmalab/lang/text";
import { decodeFaultLog } from "@dmalab/runtime/fault_log";

export const LINE_EXPLAINER: LineExplainer = {
  accepts: isFaultLine,
  explainLine: explainText,
  explainInput: (output, screen) => explainPath("-", output, screen),
  explainFile: explainPath,
  linesWith: messageLines,
  explainWithTrace,
};

/** @param asked A log line, or the path of a log; `-` is the standard input. */
function explainWithTrace(
  asked: { readonly text: string } | { readonly path: string },
  paths: readonly string[],
  screen: Screen,
): Promise<ExitCode> {
  return refusingUnreadable(screen, async () => {
    const { entries, unreadable } = readKernelLog(
      "text" in asked ? asked.text : await textOf(asked.path),
    );
    if (entries.length === 0) {
      const [first] = unreadable;
      return refuse(first?.message ?? "there is no line about DMA in it", screen);
    }
    const opened = await openTrace(paths.map((each) => lineSource(each)));
    const { log, trace } = opened;
    // Pasted lines get negative line numbers.
    const pasted = entries.map((entry) => ({ ...entry, line: -entry.line }));
    addAll(log.entries, pasted);
    const { check, result } = await checkTrace(opened);
    const { classified, findings } = result;
    for (const reason of check.apart) screen.out(`the log may not be of this trace: ${reason}\n\n`);
    pasted.forEach((entry, index) => {
      if (index > 0) screen.out("\n");
      const found = findings.filter(({ logLine }) => logLine === entry.line);
      const page = found[0]?.address ?? null;
      const lines = [
        ...entryStory(
          entry,
          null,
          (steps) => nextSteps(found).length > 0 ? [] : notGiven(steps, check.given, null),
        ),
        "",
        ...found.length === 0
          ? [`${trace.name} has nothing that is the same call, or the same address`]
          : found.flatMap((finding) => findingLines(finding, check, trace.name)),
        ...classified.offset === null || entry.seconds === null ? [] : [
          `the clock of the trace is ${
            classified.offset.seconds.toFixed(6)
          } s ahead, by ${classified.offset.source}`,
        ],
        ...page === null ? [] : owners(page, check, trace.name),
        ...nextSteps(found).flatMap((step, at) =>
          labelledLines(at === 0 ? "next" : "", step, 6, PICTURE_COLUMNS)
        ),
      ];
      screen.out(lines.map((line) => `${line}\n`).join(""));
    });
    return exitCodeOf(check, log, result);
  });
}

function findingLines(finding: TraceFinding, check: TraceCheck, file: string): string[] {
  const { certainty, kind, line, otherLine, rule, text } = finding;
  const mappings = finding.address === null ? [] : check.mappingsAt(pageOf(finding.address));
  const mapping = mappings.find(({ mappedAt, unmappedAt }) =>
    mappedAt.line === (otherLine ?? line) || mappedAt.line === line || unmappedAt?.line === line
  );
  return [
    `${certainty}: ${kind} (${rule}): ${text}`,
    ...mapping === undefined ? [] : mappingLines(mapping, file),
  ];
}

/**
 * Largest number of a page's earlier mappings that are listed, the latest first. Mappings that the
 * explanation already names are not listed.
 */
const MAX_OWNERS = 3;

function owners(address: number, check: TraceCheck, file: string): string[] {
  const mappings = check.mappingsAt(pageOf(address));
  if (mappings.length === 0) return ["the trace has no mapping of that page"];
  return [
    `last mappings of the page, of ${mappings.length}:`,
    ...mappings.slice(-MAX_OWNERS).flatMap((mapping) => mappingLines(mapping, file)),
  ];
}

/** Whether a question is a log line rather than a name. */
export function isFaultLine(question: string): boolean {
  // A single word, such as the parameter `arm-smmu.disable_bypass=0`, is a name.
  if (!/\s/.test(question.trim())) return false;
  if (/\bDMAR\b|\bAMD-Vi\b|\barm-smmu|\bRequest device\b|\bEvent logged\b/i.test(question)) {
    return true;
  }
  const { entries, states } = readKernelLog(question, true);
  return entries.length > 0 || states.length > 0;
}

/** A log, with all that a check of it finds. */
interface ExplainedLog {
  readonly opened: OpenedTrace;
  readonly check: TraceCheck;
  readonly result: CheckResult;
  readonly states: readonly KernelLogEntry[];
  readonly near: readonly NearLine[];
}

/** Reads and checks a log as `trace check` does, so that both commands have one result. */
async function explainedLog(source: LineSource): Promise<ExplainedLog> {
  const states: KernelLogEntry[] = [];
  const near: NearLine[] = [];
  const log = new LogPass({
    near: (line) => near.push(line),
    state: (entry) => states.push(entry),
  });
  return { ...await openAndCheck([source], log), states, near };
}

/** Explains pasted lines; in text that is one line, nothing names the line. */
function explainText(text: string, output: LogOutput, screen: Screen): Promise<ExitCode> {
  return refusingUnreadable(screen, async () => {
    const explained = await explainedLog(textSource("the line", text));
    const { log } = explained.opened;
    const isRead = log.entries.length > 0 || explained.states.length > 0;
    if (isRead || text.includes("\n")) {
      return print(explained, "a pasted text", output, text.includes("\n"), screen);
    }
    const [unreadable] = log.unreadable;
    if (unreadable !== undefined) {
      return refuse(problemLines(unreadable.text, unreadable).join("\n"), screen);
    }
    const read = decodeFaultLog(text);
    if (!read.ok) return refuse(problemLines(text, read.problem).join("\n"), screen);
    screen.out(loggedFaultLines(read.fault).map((line) => `${line}\n`).join(""));
    return HELD;
  });
}

/** Explains a log that is a file or, for `-`, the standard input. */
function explainPath(path: string, output: LogOutput, screen: Screen): Promise<ExitCode> {
  return refusingUnreadable(screen, async () => {
    const name = path === "-" ? "standard input" : path.split("/").at(-1)!;
    try {
      if (output.page !== null) checkPlace(output.page, PAGE_HEAD);
      return await print(
        await explainedLog(lineSource(path, LOG_INPUT)),
        name,
        output,
        true,
        screen,
      );
    } catch (error) {
      if (!(error instanceof FileError)) throw error;
      screen.err(error.lines);
      return WRONG;
    }
  });
}

/**
 * Prints the stories of a log, and its result; writes its page, if one is wanted.
 *
 * @param name Name of the log, for the page.
 * @param isNumbered Whether each story begins with its line.
 */
async function print(
  explained: ExplainedLog,
  name: string,
  { asJson, page }: LogOutput,
  isNumbered: boolean,
  screen: Screen,
): Promise<ExitCode> {
  const { check, opened: { log, trace }, result } = explained;
  if (log.isNoLog && !check.hasRead) {
    const { whyNothingRead } = await import("./nothing_read.ts");
    return refuse(await whyNothingRead(check, trace), screen);
  }
  const parts = asJson && page === null ? [] : partsOf(explained, isNumbered);
  if (asJson) {
    for (const entry of log.entries) screen.out(`${JSON.stringify(entryJson(entry))}\n`);
    for (const { line, message } of log.unreadable) printError(`line ${line}: ${message}`, screen);
  } else {
    const sections = parts.map(({ heading, isPlace, lines }) =>
      heading === null || isPlace && !isNumbered ? lines : [heading, ...lines]
    );
    screen.out(
      sections.flatMap((section, index) => [...index === 0 ? [] : [""], ...section])
        .map((line) => `${line}\n`).join(""),
    );
  }
  if (!check.hasRead) {
    const { whyNothingRead } = await import("./nothing_read.ts");
    return refuse(await whyNothingRead(check, trace), screen);
  }
  const judgement = judgementOf(check, log, result);
  if (!asJson && check.understood === 0) {
    for (const line of ["", ...judgementLines(judgement)]) screen.out(`${line}\n`);
  }
  if (page !== null) {
    const { logPage } = await import("./log_page.ts");
    writeFile(
      page,
      logPage({
        name,
        verdict: judgement.verdict,
        outcome: judgement.isClean ? null : "failed",
        steps: judgement.steps,
        parts: parts.map(({ heading, lines, quote }) => {
          return { heading: heading ?? (quote === null ? "the trace" : "no error"), quote, lines };
        }),
      }),
    );
    if (!asJson) screen.out(`\nWrote ${page}.\n`);
  }
  return exitCodeOf(check, log, result);
}

/** A part of what is printed for a log. */
interface LogPart {
  /** The first line; null for a part without one. */
  readonly heading: string | null;
  /** Whether the heading is only the place in the log. */
  readonly isPlace: boolean;
  /** The line of the log that the part is about; null if it is about several. */
  readonly quote: string | null;
  readonly lines: readonly string[];
}

/**
 * Explains a whole log: first each distinct record, with its count and first line. Then it lists the messages
 * that are no errors, and the lines beside them. If the text has
 * events of a trace, the check of these events comes last.
 */
function partsOf(explained: ExplainedLog, isNumbered: boolean): LogPart[] {
  const { check, near, opened, result, states } = explained;
  const { log, logName, trace } = opened;
  const names = { trace: trace.name, log: logName };
  return [
    ...repeatedStories(log, check),
    ...log.unreadable.map((fault) => ({
      heading: `line ${fault.line}: cannot be read`,
      isPlace: false,
      quote: null,
      lines: problemLines(fault.text, fault),
    })),
    ...isNumbered ? stateParts(states) : states.map((entry) => {
      return { heading: null, isPlace: false, quote: entry.text, lines: entryStory(entry) };
    }),
    ...nearParts(near, log.entries),
    ...check.understood === 0 ? [] : [{
      heading: null,
      isPlace: false,
      quote: null,
      lines: [
        ...opened.unread.map((line) => `not read: ${line}`),
        ...checkLines(check, log, result, names),
      ],
    }],
  ];
}

/** Groups entries with the same story: entries that differ only in an address and the like. */
function repeatedStories({ entries, names }: LogPass, { given }: TraceCheck): LogPart[] {
  const followed = new FollowedEntries(entries, names);
  return [...Map.groupBy(entries, alikeKey).values()].map((alike) => {
    const entry = alike[0]!;
    return {
      heading: alike.length === 1
        ? `line ${entry.line}`
        : `${formatCount(alike.length, "time")}, first in line ${entry.line}`,
      isPlace: true,
      quote: entry.text,
      lines: [
        ...entryStory(entry, followed.of(entry), (steps) => notGiven(steps, given, null)),
        ...differingLines(alike),
      ],
    };
  });
}

/** Largest number of lines of one section. */
const MAX_SECTION_LINES = 20;

/**
 * Messages that are no error by themselves, grouped by their meaning, with the first line of each
 * group.
 */
function stateParts(states: readonly KernelLogEntry[]): LogPart[] {
  const heading = ({ kind }: KernelLogEntry) => kind === "state" ? "no error" : "details";
  return ["no error", "details"].flatMap((each) =>
    statePart(each, states.filter((state) => heading(state) === each))
  );
}

function statePart(heading: string, states: readonly KernelLogEntry[]): LogPart[] {
  if (states.length === 0) return [];
  const meaning = ({ facts, row }: KernelLogEntry) => wordsOf(row!.means, facts);
  const byMeaning = [...Map.groupBy(states, meaning)];
  const others = byMeaning.slice(MAX_SECTION_LINES);
  const count = others.reduce((sum, [, entries]) => sum + entries.length, 0);
  return [{
    heading: `${heading}: ${formatCount(states.length, "line")}`,
    isPlace: false,
    quote: null,
    lines: [
      ...byMeaning.slice(0, MAX_SECTION_LINES).flatMap(([means, [first, ...others]]) => {
        const more = others.length === 0
          ? ""
          : `. The same holds for ${formatCount(others.length, "more line")}`;
        return [
          `  line ${first!.line}: ${shownText(first!.text)}`,
          ...labelledLines("", `${means}${more}`, 2, PICTURE_COLUMNS),
        ];
      }),
      ...count === 0 ? [] : [`  and ${formatCount(count, "line")} of other kinds`],
    ],
  }];
}

/**
 * Lines that no row and no object of DMA has: those of the driver, device or program of a message beside them,
 * and other lines of trouble.
 */
function nearParts(lines: readonly NearLine[], entries: readonly KernelLogEntry[]): LogPart[] {
  const isFull = lines.length >= MOST_GIVEN;
  const names = namesIn(entries);
  const near = lines.map((line) => withName(line, names));
  const own = near.filter(({ same }) => same !== null);
  const others = near.filter(({ same }) => same === null);
  return [
    ...nearPart("lines of the same driver, device or program, by their words", own, isFull),
    ...nearPart("other lines of trouble, without words about DMA", others, isFull),
  ];
}

/** Shorter names may be a part of any word. */
const LEAST_NAME = 4;
/** Largest number of names of devices that lines are compared with. */
const MOST_NAMES = 64;

/** The names of the devices and drivers of a log's messages. */
function namesIn(entries: readonly KernelLogEntry[]): readonly string[] {
  const names = new Set<string>();
  for (const { facts } of entries) {
    for (const name of [facts.device, facts.driver]) {
      if (names.size >= MOST_NAMES) return [...names];
      if (typeof name === "string" && name.length >= LEAST_NAME) names.add(name);
    }
  }
  return [...names];
}

/** A line of trouble with the name of the device or driver of a message that comes after it. */
function withName(line: NearLine, names: readonly string[]): NearLine {
  if (line.same !== null) return line;
  const same = names.find((name) => line.text.includes(name));
  return same === undefined ? line : { ...line, same, says: `of ${same}; ${line.says}` };
}

/**
 * One list of such lines, each with what its words say; lines of one form are listed once. If there are too
 * many, those with words of trouble are listed.
 */
function nearPart(heading: string, near: readonly NearLine[], isFull: boolean): LogPart[] {
  const byLine = near.toSorted((one, other) => one.line - other.line);
  const all = [
    ...Map.groupBy(byLine, ({ says, text }) => `${says} ${formKey(messageText(text))}`),
  ];
  const groups = all.length <= MAX_SECTION_LINES ? all : all.toSorted(
    ([, [one]], [, [other]]) => Number(other!.isWrong) - Number(one!.isWrong),
  );
  const shown = groups.slice(0, MAX_SECTION_LINES);
  const rest = groups.slice(MAX_SECTION_LINES).reduce((sum, [, { length }]) => sum + length, 0);
  return near.length === 0 ? [] : [{
    heading: `${heading}: ${isFull ? "at least " : ""}${formatCount(near.length, "line")}`,
    isPlace: false,
    quote: null,
    lines: [
      ...shown.flatMap(([, [first, ...others]]) => [
        `  line ${first!.line}: ${shownText(first!.text)}`,
        ...labelledLines(
          "",
          others.length === 0
            ? first!.says
            : `${first!.says}. ${formatCount(others.length, "more line")} of this form`,
          2,
          PICTURE_COLUMNS,
        ),
      ]),
      ...rest === 0 ? [] : [`  and ${formatCount(rest, "line")} of other forms`],
    ],
  }];
}
