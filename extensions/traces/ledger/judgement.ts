/**
 * The one result of a log or a trace, with the steps to take next. `trace check` and `explain` end
 * with it, and both take their exit codes from it.
 */
import { formatCount, PICTURE_COLUMNS, wrapText } from "@dmalab/lang/text";
import { stepsOf } from "../kernel_log/entry_steps.ts";
import type { KernelLogEntry } from "../kernel_log/entry.ts";
import { BUG_REPORT, lockupNamed } from "../kernel_log/general/crash_head.ts";
import { UNKNOWN_SYSTEM } from "../kernel_log/general/log_system.ts";
import { COLLECTOR, RECORD } from "../kernel_log/fault_steps.ts";
import { causeOf, certaintyOf } from "../kernel_log/messages/message.ts";
import { LOCKUP_NEXT } from "../kernel_log/messages/oops.ts";
import { OF_OTHER_TABLES } from "../kernel_log/messages/other_iommus.ts";
import { messageText } from "../kernel_log/pasted_text.ts";
import { labelledLines } from "../kernel_log/labelled_lines.ts";
import { notGiven } from "./given_input.ts";
import { FAULT_RULE } from "./classify_log.ts";
import { aboutKind, type FindingKind } from "./finding_kinds.ts";
import { isSure, type TraceFinding } from "./traced_mapping.ts";
import type { CheckResult, LogPass, TraceCheck } from "./trace_check.ts";

export interface TextJudgement {
  /** What is wrong, or that nothing is, as a sentence without a full stop. */
  readonly verdict: string;
  /** Whether nothing is proved or likely to be wrong, and the log has no fault. */
  readonly isClean: boolean;
  /** What to run or look at next on the machine, most important first. */
  readonly steps: readonly string[];
}

/** Largest number of kinds of findings that the sentence names. */
const NAMED_KINDS = 4;
/** Largest number of lines with causes that the sentence names. */
const NAMED_LINES = 3;
/** Largest number of steps that a judgement lists. */
const LISTED_STEPS = 5;

/** Findings about hardware, firmware or limits, for which a trace of mappings shows nothing more. */
const NOT_IN_A_TRACE: ReadonlySet<FindingKind> = new Set([
  "hardware_error",
  "iommu_error",
  "invalidation_error",
  "pin_limit",
  "contiguous_full",
  "coherent_failed",
  "over_limit",
  "dma_overflow",
  "map_stack",
  "map_vmalloc",
]);

/** @param isWhole Whether the log has the start of a boot. */
function nothingWrongInLog(isWhole: boolean): string {
  const whole = "give the whole log of the boot (`journalctl -k -b`, as root), and ";
  return `if the machine misbehaves, ${
    isWhole ? "" : whole
  }record the mappings while it happens: ${COLLECTOR}`;
}

/** @param hasLog Whether a log was given with the trace. */
function nothingWrongInTrace(hasLog: boolean): string {
  return `if the machine misbehaves, record from before the driver is bound until it happens${
    hasLog ? "" : ", with the kernel's log beside the trace"
  }: ${COLLECTOR}`;
}

const OF_QEMU =
  "if something misbehaves, give the whole output of QEMU and of the program at the other side, and the kernel's log of the same seconds (`journalctl -k`)";

/** A panic within so many seconds of the boot comes before a script can run. */
const EARLY_SECONDS = 30;
const AT_BOOT =
  "the kernel panics before a script can run: boot with `trace_event=dma:*,iommu:*` and `ftrace_dump_on_oops` on its command line, which print the events to the console at the panic, and give the console's text to `dmalab trace check`";

/** Whether the kernel panicked at its start. */
function isEarlyPanic({ crash, crashSeconds }: LogPass): boolean {
  return crash?.text.includes("Kernel panic") === true && crashSeconds !== null &&
    crashSeconds < EARLY_SECONDS;
}

const UNREADABLE =
  "give the lines of the fault as the kernel printed them, without line breaks of a mail or a terminal: `dmesg > FILE`, or `journalctl -k -b -o short-monotonic`";

const OF_CRASH =
  "look at the lines below the crash: the function that stopped (RIP, pc, epc), and the first function of a driver in its stack; give the log from its first line of trouble on, with the registers and the whole stack";

const OF_REPORT =
  "look at the report below it: what it says was wrong, and the first function of a driver in its stack; give the log from its first line of trouble on, with the whole report";

function stepOfCrash(lockup: string | null): string {
  if (lockup === null) return OF_CRASH;
  return lockup === BUG_REPORT ? OF_REPORT : LOCKUP_NEXT;
}

/** The steps of findings, each once, most important first. */
export function nextSteps(findings: readonly TraceFinding[]): string[] {
  return [...new Set(findings.flatMap(({ kind, next }) => next ?? aboutKind(kind).next ?? []))];
}

/** Whether a fault makes the result bad although its cause is only `possible` or `unknown`. */
export function isOpenFault(finding: TraceFinding): boolean {
  return finding.rule === FAULT_RULE && !isSure(finding);
}

/** The result of a check, for both commands. */
export function judgementOf(check: TraceCheck, log: LogPass, result: CheckResult): TextJudgement {
  const wrong = result.findings.filter(isSure);
  const faults = result.findings.filter(isOpenFault);
  const faultCount = faults.length + log.unreadable.length;
  return {
    verdict: verdictOf(check, log, result),
    isClean: wrong.length + faultCount === 0 && log.crash === null,
    steps: judgedSteps(check, log, result),
  };
}

function verdictOf(check: TraceCheck, log: LogPass, result: CheckResult): string {
  const lines = log.entries.filter((entry) => hasSureCause(entry, result.findings))
    .map(({ line }) => String(line));
  if (lines.length === 0) return foundIn(check, log, result);
  const more = lines.length - NAMED_LINES;
  const [last, ...named] = [
    ...lines.slice(0, NAMED_LINES),
    ...more > 0 ? [`${more} more`] : [],
  ].toReversed();
  const list = named.length === 0 ? last : `${named.toReversed().join(", ")} and ${last}`;
  const have = lines.length === 1 ? "line" : "lines";
  return `${foundIn(check, log, result)}; ${have} ${list} ${
    lines.length === 1 ? "has" : "have"
  } a proved or likely cause`;
}

/** Whether a message that is no finding has a cause that is proved or likely. */
function hasSureCause(
  { facts, line, row }: KernelLogEntry,
  findings: readonly TraceFinding[],
): boolean {
  if (row === null || row.role !== "report" && row.role !== "fault") return false;
  const cause = causeOf(row, facts);
  return cause !== null && ["proved", "likely"].includes(certaintyOf(row, facts, cause)) &&
    !findings.some(({ logLine }) => logLine === line);
}

function foundIn(check: TraceCheck, log: LogPass, { findings }: CheckResult): string {
  const wrong = findings.filter(isSure);
  const faults = findings.filter(isOpenFault);
  const count = faults.length + log.unreadable.length;
  const crash = crashIn(log, wrong);
  const crashed = crash === null
    ? ""
    : `the log has a ${lockupNamed(messageText(crash.text)) ?? "crash of the kernel"} (${
      placeOf({ line: null, logLine: crash.line }, isOfTrace(check))
    })`;
  if (wrong.length > 0) {
    const also = `${count === 0 ? "" : `; ${formatCount(count, "fault")} without a sure cause`}${
      crashed === "" ? "" : `; ${crashed}`
    }`;
    return `${formatCount(wrong.length, "finding")} ${
      wrong.length === 1 ? "is" : "are"
    } proved or likely: ${kindsText(wrong, isOfTrace(check))}${also}`;
  }
  if (count > 0) {
    const isOfLog = faults.every(({ logLine }) => logLine !== null);
    return `${formatCount(count, "fault")}${isOfLog ? " of the log" : ""} without a sure cause; ${
      crashed === "" ? "nothing else is proved or likely" : crashed
    }`;
  }
  if (crash !== null) {
    const isLockup = lockupNamed(messageText(crash.text)) !== null;
    return `${crashed}, and no ${
      isLockup ? "cause of it is proved or likely" : "message that was read says why"
    }`;
  }
  const isLogAlone = check.understood === 0 &&
    findings.every(({ certainty }) => certainty === "unknown");
  if (!isLogAlone) return "nothing is proved or likely to be wrong";
  const { readCount: read } = log;
  return `${formatCount(read, "message")} of the log ${read === 1 ? "was" : "were"} read, and ${
    read === 1 ? "it does not say" : "none of them says"
  } that a mapping is wrong`;
}

/** The crash of the log, if no finding is about it. */
function crashIn({ crash }: LogPass, findings: readonly TraceFinding[]): LogPass["crash"] {
  const isFound = findings.some(({ kind, logLine }) =>
    kind === "dma_oops" || logLine === crash?.line
  );
  return isFound ? null : crash;
}

function isOfTrace({ eventLines }: TraceCheck): boolean {
  return eventLines > 0;
}

/** The kinds of findings with their lines. */
function kindsText(findings: readonly TraceFinding[], isOfTrace: boolean): string {
  const kinds = [...Map.groupBy(findings, ({ kind }) => kind)];
  const named = kinds.slice(0, NAMED_KINDS).map(([kind, [first, ...others]]) =>
    `${kind} (${placeOf(first!, isOfTrace)}${
      others.length === 0 ? "" : `, and ${others.length} more`
    })`
  );
  const more = kinds.length - NAMED_KINDS;
  return [...named, ...more > 0 ? [`${formatCount(more, "more kind")}`] : []].join(", ");
}

type Place = Pick<TraceFinding, "line" | "logLine">;

/** @param isOfTrace Whether there is a trace, with line numbers of its own. */
function placeOf({ line, logLine }: Place, isOfTrace: boolean): string {
  return line !== null || !isOfTrace ? `line ${line ?? logLine ?? 0}` : `log line ${logLine ?? 0}`;
}

/** Steps of findings come first, then those of messages without a finding, then a recording. */
function judgedSteps(check: TraceCheck, log: LogPass, { findings }: CheckResult): string[] {
  const graded = [
    ...findings.filter(isSure),
    ...findings.filter(isOpenFault),
    ...findings.filter((each) => each.certainty === "possible" && !isOpenFault(each)),
  ];
  const hasTrace = isOfTrace(check);
  const placeText = ({ device, ...place }: Place & Pick<TraceFinding, "device">) =>
    [placeOf(place, hasTrace), ...device === null ? [] : [device]].join(", ");
  const said = new Set(graded.map(({ logLine }) => logLine));
  const steps = [
    ...graded.map((each) => ({ place: placeText(each), step: nextSteps([each])[0] })),
    ...log.entries.filter(({ line }) => !said.has(line)).toSorted((one, other) =>
      Number(hasSureCause(other, findings)) - Number(hasSureCause(one, findings)) ||
      byRole(one, other)
    ).map((entry) => ({
      place: placeText({ line: null, logLine: entry.line, device: deviceOf(entry) }),
      step: (entry.row === null ? [] : notGiven(stepsOf(entry, entry.row), check.given, null))[0],
    })),
  ];
  const record = isEarlyPanic(log) ? AT_BOOT : RECORD;
  const byStep = new Map<string, string>();
  for (const { place, step } of steps) {
    const own = step === RECORD ? record : step;
    if (own !== undefined && !byStep.has(own)) byStep.set(own, place);
  }
  const crash = crashIn(log, graded);
  const ofCrash = crash === null ? [] : [
    `${placeOf({ line: null, logLine: crash.line }, hasTrace)}: ${
      stepOfCrash(lockupNamed(messageText(crash.text)))
    }`,
  ];
  if (crash !== null) byStep.delete(LOCKUP_NEXT);
  const isCrashAlone = !graded.some(isSure);
  const listed = [
    ...isCrashAlone ? ofCrash : [],
    ...log.unreadable.slice(0, 1).map(({ line }) =>
      `${placeOf({ line: null, logLine: line }, hasTrace)}: ${UNREADABLE}`
    ),
    ...[...byStep].map(([step, place]) => `${place}: ${step}`),
    ...isCrashAlone ? [] : ofCrash,
    ...check.bounces.steps(),
  ].slice(0, LISTED_STEPS);
  // The script records on Linux alone.
  const isLinux = log.system === null || log.system === UNKNOWN_SYSTEM;
  const needsTrace = !hasTrace && isLinux && !byStep.has(record) &&
    graded.some((each) =>
      !NOT_IN_A_TRACE.has(each.kind) && !OF_OTHER_TABLES.has(nextSteps([each])[0] ?? "")
    );
  const last = needsTrace || check.apart.length > 0 && !byStep.has(record)
    ? [record]
    : listed.length > 0
    ? []
    : [
      hasTrace
        ? nothingWrongInTrace(log.readCount > 0)
        : log.trouble !== null
        ? `line ${log.trouble.line} (${log.trouble.says}): it is the first line of trouble, and has no words about DMA; give the log from its start to this line and some lines on`
        : log.isOfQemu
        ? OF_QEMU
        : log.system === null
        ? nothingWrongInLog(log.boots.hasStart)
        : `if something misbehaves, give the whole log${
          log.system === UNKNOWN_SYSTEM ? "" : ` of ${log.system}`
        }, from its start to the trouble`,
    ];
  return [...listed, ...last];
}

function deviceOf({ facts }: KernelLogEntry): string | null {
  const found = [facts.device, facts.controller, facts.disk]
    .find((name) => typeof name === "string");
  return found === undefined ? null : `${found}`;
}

const ROLES = ["fault", "report", "consequence", "state"];

function byRole({ row: one }: KernelLogEntry, { row: other }: KernelLogEntry): number {
  const order = (row: KernelLogEntry["row"]) =>
    row === null ? ROLES.length : ROLES.indexOf(row.role);
  return order(one) - order(other);
}

/** The end of an answer: the result, and what to do next. */
export function judgementLines({ steps, verdict }: TextJudgement): string[] {
  return [
    ...wrapText(`Result: ${verdict}.`, PICTURE_COLUMNS),
    "Next:",
    ...steps.flatMap((step) => labelledLines("-", step, 2, PICTURE_COLUMNS)),
  ];
}
