/**
 * Explains lines of kernel logs, without a trace or with the facts of a trace. The trace shows
 * which device owned the address, and which call removed the mapping.
 */
import { addAll } from "@dmalab/runtime/basics";
import { type LineExplainer, refuse, type Screen } from "@dmalab/cli/extend";
import { alikeKey, differingLines } from "../kernel_log/alike_entries.ts";
import type { DeviceNames } from "../kernel_log/device_names.ts";
import { entryJson, type KernelLogEntry } from "../kernel_log/entry.ts";
import { entryStory } from "../kernel_log/entry_story.ts";
import { labelledLines } from "../kernel_log/labelled_lines.ts";
import { FollowedEntries } from "../kernel_log/followed_entry.ts";
import { readKernelLog, type UnreadLine } from "../kernel_log/kernel_log_reader.ts";
import { wordsOf } from "../kernel_log/messages/message.ts";
import { shownText, unreadLines, UnreadMessages } from "../kernel_log/unread_messages.ts";
import { mappingLines } from "../ledger/mapping_lines.ts";
import type { TraceFinding } from "../ledger/traced_mapping.ts";
import { pageOf } from "../owner/pages.ts";
import type { TraceCheck } from "../ledger/trace_check.ts";
import { type ExitCode, HELD } from "@dmalab/cli/exit_code";
import { checkTrace, openTrace } from "./check.ts";
import { foreignTrace, KERNEL_LOG } from "./foreign_trace.ts";
import { messageLines } from "../kernel_log/find_messages.ts";
import { refusingUnreadable, textOf } from "./read_lines.ts";
import { loggedFaultLines } from "@dmalab/lang/explain";
import { formatCount } from "@dmalab/lang/text";
import { decodeFaultLog, type FaultLogProblem } from "@dmalab/runtime/fault_log";

export const LINE_EXPLAINER: LineExplainer = {
  accepts: isFaultLine,
  explainLine: (line, asJson, screen) =>
    print(asJson ? logAsJson(line) : explainFaultLine(line), screen),
  explainInput: printInput,
  explainFile: printFile,
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
    const opened = await openTrace(paths);
    const { log, trace } = opened;
    // Pasted lines get negative line numbers.
    const pasted = entries.map((entry) => ({ ...entry, line: -entry.line }));
    addAll(log.entries, pasted);
    const { check, result: { classified, findings } } = await checkTrace(opened);
    pasted.forEach((entry, index) => {
      if (index > 0) screen.out("\n");
      const found = findings.filter(({ logLine }) => logLine === entry.line);
      const page = found[0]?.address ?? null;
      const lines = [
        ...entryStory(entry),
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
      ];
      screen.out(lines.map((line) => `${line}\n`).join(""));
    });
    return HELD;
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

interface FaultLogText {
  readonly lines: readonly string[];
  readonly problems: readonly string[];
}

/** Whether a question is a log line rather than a name. */
export function isFaultLine(question: string): boolean {
  // A single word, such as the parameter `arm-smmu.disable_bypass=0`, is a name.
  if (!/\s/.test(question.trim())) return false;
  if (/\bDMAR\b|\bAMD-Vi\b|\barm-smmu|\bRequest device\b|\bEvent logged\b/i.test(question)) {
    return true;
  }
  const { entries, states } = readKernelLog(question);
  return entries.length > 0 || states.length > 0;
}

/**
 * Printed for a log without a single understood line; its unread lines are listed without
 * explanation.
 */
const NOTHING_READ =
  "No line of it is read: docs/kernel-messages.md lists the messages that are, and their forms";

export function explainFaultLine(text: string): FaultLogText {
  const { entries, names, states, unread, unreadable } = readKernelLog(text);
  const told = [...entries.filter(({ row, fault }) => row !== null || fault !== null), ...states];
  if (told.length > 0 || unreadable.length > 0 || unread.length > 0) {
    const followed = new FollowedEntries(entries, names);
    const problems = unreadable.flatMap((fault) => problemLines(fault.text, fault));
    const stories = told.map((entry) => entryStory(entry, followed.of(entry)));
    return {
      lines: [...stories, ...unreadSections(unread)].flatMap((lines, index) => [
        ...index === 0 ? [] : [""],
        ...lines,
      ]),
      problems: told.length > 0 || problems.length > 0 ? problems : [NOTHING_READ],
    };
  }
  const read = decodeFaultLog(text);
  return read.ok
    ? { lines: loggedFaultLines(read.fault), problems: [] }
    : { lines: [], problems: problemLines(text, read.problem) };
}

/**
 * Explains a whole log: first each distinct record, with its count and first line. Then it lists the messages
 * that are no errors, and the lines that no row of the message table matches.
 */
export function explainLog(log: string): FaultLogText {
  const { entries, names, states, unread, unreadable } = readKernelLog(log);
  const problems = unreadable.flatMap((fault) => {
    const [message, ...place] = problemLines(fault.text, fault);
    return [`line ${fault.line}: ${message}`, ...place];
  });
  const sections = [
    ...repeatedStories(entries, names),
    ...stateSections(states),
    ...unreadSections(unread),
  ];
  const lines = sections.flatMap((section, index) => [...index === 0 ? [] : [""], ...section]);
  const isRead = states.length > 0 || entries.some(({ kind }) => kind !== "named");
  if (!isRead && unread.length > 0) problems.push(NOTHING_READ);
  if (lines.length === 0 && problems.length === 0) {
    problems.push(
      "The log has no line about DMA: no fault of an IOMMU, nothing of swiotlb, CMA, DMA-API, " +
        "P2PDMA, VFIO, PCI Express errors or NVMe timeouts",
    );
  }
  return { lines, problems };
}

/** Groups entries with the same story: entries that differ only in an address and the like. */
function repeatedStories(entries: readonly KernelLogEntry[], names: DeviceNames): string[][] {
  const followed = new FollowedEntries(entries, names);
  const told = entries.filter(({ fault, row }) => row !== null || fault !== null);
  return [...Map.groupBy(told, alikeKey).values()].map((alike) => {
    const [entry] = alike;
    return [
      alike.length === 1
        ? `line ${entry!.line}`
        : `${formatCount(alike.length, "time")}, first in line ${entry!.line}`,
      ...entryStory(entry!, followed.of(entry!)),
      ...differingLines(alike),
    ];
  });
}

/** Largest number of lines of one section. */
const MAX_SECTION_LINES = 20;
const SHOWN_COLUMNS = 100;

/** Messages that are no error, grouped by their meaning, with the first line of each group. */
function stateSections(states: readonly KernelLogEntry[]): string[][] {
  if (states.length === 0) return [];
  const byRow = [...Map.groupBy(states, ({ row }) => row)];
  return [[
    `no error: ${formatCount(states.length, "line")}`,
    ...byRow.slice(0, MAX_SECTION_LINES).flatMap(([row, [first, ...others]]) => {
      const more = others.length === 0 ? "" : `, and ${others.length} more like it`;
      return [
        `  line ${first!.line}: ${shownText(first!.text)}`,
        ...labelledLines("", `${wordsOf(row!.means, first!.facts)}${more}`, 2, SHOWN_COLUMNS),
      ];
    }),
  ]];
}

/**
 * Lines that belong to a known area but match no row of the table. Lines of the same form are
 * listed once.
 */
function unreadSections(lines: readonly UnreadLine[]): string[][] {
  if (lines.length === 0) return [];
  const unread = new UnreadMessages();
  for (const line of lines) unread.push(line);
  return [["not read:", ...unreadLines(unread).map((line) => `  ${line}`)]];
}

/** The records of a log as one JSON object each, on separate lines. */
export function logAsJson(log: string): FaultLogText {
  const { entries, unreadable } = readKernelLog(log);
  return {
    lines: entries.map((entry) => JSON.stringify(entryJson(entry))),
    problems: unreadable.map(({ line, message }) => `line ${line}: ${message}`),
  };
}

/** Explains a log that is a file. */
function printFile(path: string, asJson: boolean, screen: Screen): Promise<ExitCode> {
  return refusingUnreadable(screen, async () => {
    const log = await textOf(path);
    const { entries, unreadable } = readKernelLog(log);
    // The file is tried as a log first. Therefore a file with both trace and log lines is explained
    // as a log.
    const other = entries.length + unreadable.length > 0 ? null : await foreignTrace(path);
    if (other !== null && other.what !== KERNEL_LOG) {
      return refuse(`"${path}" is ${other.what}; ${other.readers}`, screen);
    }
    return print(asJson ? logAsJson(log) : explainLog(log), screen);
  });
}

/** Explains the log on the standard input. */
function printInput(asJson: boolean, screen: Screen): Promise<ExitCode> {
  return refusingUnreadable(screen, async () => {
    const log = await textOf("-");
    return print(asJson ? logAsJson(log) : explainLog(log), screen);
  });
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
