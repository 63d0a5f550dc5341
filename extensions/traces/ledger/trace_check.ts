/**
 * Checks the trace and kernel log of a real machine line by line, in two passes.
 *
 * The log is read first, because it determines for which pages of the trace a history is kept.
 */
import type { KernelLogEntry, UnreadableFault } from "../kernel_log/entry.ts";
import type { KernelLogSink } from "../kernel_log/kernel_log_reader.ts";
import { DeviceNames } from "../kernel_log/device_names.ts";
import type { NearLine } from "../kernel_log/general/near_lines.ts";
import { LogBoots, type LoggedBoot } from "../kernel_log/boots.ts";
import { markIn } from "../kernel_log/collector_mark.ts";
import { LateLogReader } from "../kernel_log/late_log_reader.ts";
import type { LogMessage, LogTime } from "../kernel_log/log_forms.ts";
import type { TracedEventName } from "../line/event_name.ts";
import { isTracerHeader, type TraceLine } from "../line/trace_line.ts";
import type { ClockDifference, TimedFinding } from "../clocks/clock_offset.ts";
import { type ClassifiedLog, classifyLog, faultedDevices, faultPages } from "./classify_log.ts";
import { MappingTracker } from "./ledger.ts";
import { type GivenInput, notGiven } from "./given_input.ts";
import { reasonsApart } from "./apart.ts";
import { lockupNamed } from "../kernel_log/general/crash_head.ts";
import { messageText } from "../kernel_log/pasted_text.ts";
import { aboutKind } from "./finding_kinds.ts";
import { asCounted, asKnown } from "./findings.ts";
import type { TracedMapping, TraceFinding } from "./traced_mapping.ts";
import { leaksOf } from "./leaks.ts";
import { MachineFacts } from "./machine_facts.ts";
import { originOf } from "../line/line_source.ts";
import { PAGE_FAULT_EVENT, readPageFault } from "../line/page_fault_event.ts";
import { BOUNCE_EVENT } from "../line/bounce_event.ts";
import { BounceUses } from "../usage/bounce_use.ts";
import { UnreadLines } from "../line/unread_forms.ts";
import { QemuClock } from "../clocks/qemu_clock.ts";
import { PageHistory } from "./page_history.ts";
import { type TracedFault, tracedFaultFindings, tracedFaultOf } from "./traced_faults.ts";

/** Largest number of faults of a trace that are kept; later ones are dropped. */
const MAX_FAULTS = 1 << 14;

export interface Gap {
  readonly line: number;
  /** Null if lines of every CPU are missing. */
  readonly cpu: number | null;
  /** Number of missing events; null if it is unknown. */
  readonly count: number | null;
}

/** The prefix of the kernel's log in front of a trace line, if the trace was dumped into the log. */
const LOG_PREFIX = /^[>\s]*(?:<\d+>)?\[ *\d+\.\d+\] /;

/**
 * A mark where a person cut lines out: `[...]`, `<snip>`, `-- 8< --`. The kernel's own line before a
 * warning, `------------[ cut here ]------------`, is not such a mark.
 */
const CUT_MARK =
  /^(?!\W*-{12}\[ cut here \]-{12}\s*$)\W*(?:\.{3,}|…|(?:snip(?:ped)?|cut(?: here)?|omitted|truncated|trimmed|skipped|many more|\d+ (?:more )?lines? (?:omitted|cut|skipped|removed))\b|8<|>8)[^:=]{0,40}$/i;

/** The first line of trace-cmd's output. */
const CPU_COUNT = /^cpus=\d+$/;

/**
 * The two names of the event with a program's text: the kernel's name, and the name in user space.
 */
const MARKERS: ReadonlySet<string> = new Set(["tracing_mark_write", "print"]);

/** First pass: reads the kernel's log among the lines. */
export class LogPass {
  readonly entries: KernelLogEntry[] = [];
  readonly unreadable: UnreadableFault[] = [];
  /** Number of messages that are no errors, such as those of the boot. */
  states = 0;
  readonly boots = new LogBoots();
  /** The names that the lines of the log give to its devices. */
  readonly names = new DeviceNames();
  /** The times of the collector's marks in the log, by their numbers. */
  readonly marks = new Map<string, LogTime & { readonly boot: LoggedBoot }>();
  readonly facts = new MachineFacts();
  readonly qemu = new QemuClock();
  /** Lines of the current file in unsupported forms. */
  unread = new UnreadLines();
  readonly #reader = new LateLogReader({
    entry: (entry) => {
      this.entries.push(entry);
      this.boots.note(entry);
    },
    unreadable: (fault) => this.unreadable.push(fault),
    state: (entry) => {
      this.states++;
      this.also.state?.(entry);
    },
    near: (line) => {
      if (line.isWrong && line.line < (this.trouble?.line ?? Infinity)) this.trouble = line;
      this.also.near?.(line);
    },
    crash: (message) => this.#crashed(message),
    message: (message) => this.#message(message),
  });

  /** Faults that the trace itself records as events. */
  readonly faults: TracedFault[] = [];

  /**
   * The first line with which the kernel says that it crashed, or met a bug of its own; without one the first
   * of a lockup; null without both.
   */
  crash: { readonly line: number; readonly text: string } | null = null;

  /** The time of the crash since the boot; null without a crash or such a time. */
  crashSeconds: number | null = null;

  /** The first line of trouble without words about DMA; null without one. */
  trouble: NearLine | null = null;

  /** Number of event lines, which do not belong to the log. */
  events = 0;
  /** True until a line is read that must be known before the check of the trace begins. */
  isEmpty = true;

  /** @param also Receives the messages that the pass only counts. */
  constructor(private readonly also: Pick<KernelLogSink, "state" | "near"> = {}) {}

  push(line: TraceLine, number: number): void {
    // Skipped first, because a packed file of a few bytes can contain millions of empty lines.
    if (line.isEmpty) return;
    if (line.kind === "event") {
      this.events++;
      this.unread.event(line, number);
      const fault = tracedFaultOf(line, number);
      if (fault != null && this.faults.length < MAX_FAULTS) {
        this.faults.push(fault);
        this.isEmpty = false;
      }
      return;
    }
    const { text } = line;
    if (line.kind === "header" && isTracerHeader(text)) return;
    if (this.unread.other(text, number)) return;
    this.#reader.push(text, number);
    this.qemu.pushLog(text, number);
    this.#noteContent();
  }

  /**
   * Whether lines wait for the reader of logs to be loaded. If so, `readWaiting` must be called before further
   * lines are read, and before `end`.
   */
  get isWaiting(): boolean {
    return this.#reader.isWaiting;
  }

  /** The system whose log it is; null for Linux. */
  get system(): string | null {
    return this.#reader.system;
  }

  /** Whether the text is a trace of QEMU alone, without a line of a kernel. */
  get isOfQemu(): boolean {
    return this.#reader.isOfQemu;
  }

  /** Whether the text is no log but sentences, markup or a program. */
  get isNoLog(): boolean {
    return this.#reader.isNoLog;
  }

  async readWaiting(): Promise<void> {
    await this.#reader.readWaiting();
    this.#noteContent();
  }

  #noteContent(): void {
    this.isEmpty = this.entries.length === 0 && this.faults.length === 0 &&
      this.unreadable.length === 0 && this.marks.size === 0 && !this.facts.isAboutDevices &&
      this.qemu.isEmpty;
  }

  /** Number of log messages that were read, including damaged faults. */
  get readCount(): number {
    return this.entries.length + this.states + this.unreadable.length;
  }

  #crashed({ line, text, time }: LogMessage): void {
    const isLockup = (message: string) => lockupNamed(messageText(message)) !== null;
    if (this.crash === null || isLockup(this.crash.text) && !isLockup(text)) {
      this.crash = { line, text };
      this.crashSeconds = time?.isSinceBoot === true ? time.seconds : null;
    }
  }

  #message(message: LogMessage): void {
    const { text, time } = message;
    this.facts.push(text);
    this.names.push(text);
    this.boots.push(message);
    const mark = markIn(text);
    if (mark !== null && time !== null) {
      this.marks.set(mark, { ...time, boot: this.boots.newest! });
    }
  }

  end(): void {
    this.#reader.end();
    this.#noteContent();
    this.boots.endFile();
    this.entries.sort((a, b) => a.line - b.line);
  }
}

/** Second pass: checks the trace. */
export class TraceCheck {
  /** Number of events by name. */
  readonly #counts = new Map<TracedEventName, { count: number }>();
  readonly gaps: Gap[] = [];
  readonly ledger: MappingTracker;
  readonly bounces = new BounceUses();
  readonly #history: PageHistory;
  readonly #timed: TimedFinding[] = [];
  lines = 0;
  eventLines = 0;
  /** Number of events about mappings that were read: maps, unmaps, page tables, faults, bounces. */
  understood = 0;
  overwritten = 0;
  otherLines = 0;
  /** Lines among `otherLines` with no known form. */
  unknownLines = 0;
  /** Numbers of damaged fault lines. */
  readonly damagedFaults: number[] = [];
  rawRecords = 0;
  /** Why the log may not be that of the trace; empty if nothing says so, or before the end. */
  apart: readonly string[] = [];
  /** Number of events according to the headers of the file. */
  #countedEvents = 0;
  /** Whether the file has stacks: each counts as an event and has several lines. */
  #hasStacks = false;
  readonly #marks: (ClockDifference & { readonly boot: LoggedBoot })[] = [];

  /**
   * @param addresses Addresses of pages for which all mappings are kept, in addition to the pages
   *   of the log's faults.
   */
  constructor(readonly log: LogPass, addresses: readonly number[] = []) {
    const faulted = log.faults.map(({ address }) => address);
    this.#history = new PageHistory([...faultPages(log.entries), ...faulted, ...addresses]);
    const devices = new Set([
      ...faultedDevices(log.entries),
      ...log.faults.map(({ device }) => device),
    ]);
    this.ledger = new MappingTracker(this.#history, log.facts, devices);
  }

  /** Number of events of each name. */
  get events(): Record<string, number> {
    const events: Record<string, number> = {};
    for (const [{ text }, { count }] of this.#counts) events[text] = (events[text] ?? 0) + count;
    return events;
  }

  /** Whether an event about mappings, or a log line about DMA, was read. */
  get hasRead(): boolean {
    return this.understood > 0 || this.log.readCount > 0 && !this.log.isNoLog;
  }

  /** What the input has, which no step asks for again. Known at the end. */
  get given(): GivenInput {
    return { hasTrace: this.understood > 0 && this.apart.length === 0, facts: this.log.facts };
  }

  /** Every mapping of a kept page, in the order of their map lines. */
  mappingsAt(page: number): readonly TracedMapping[] {
    return this.#history.at(page);
  }

  push(line: TraceLine, number: number): void {
    this.lines = number;
    switch (line.kind) {
      case "event":
        break;
      case "lost":
        this.gaps.push({ line: number, cpu: line.cpu, count: line.lost });
        this.ledger.gap(line.cpu, number);
        return;
      case "started":
        // Without overwritten lines, the mark `buffer started` only means that the CPU had nothing
        // to trace before.
        if (this.overwritten > 0) this.ledger.gap(line.cpu, number);
        return;
      case "header":
        this.#countedEvents += line.inBuffer;
        if (line.written > line.inBuffer) {
          this.overwritten += line.written - line.inBuffer;
          this.ledger.edges.isHeadMissing = true;
        }
        return;
      case "stack":
        this.#hasStacks = true;
        return;
      case "blank":
        return;
      case "other":
        if (LOG_PREFIX.test(line.text)) return;
        this.otherLines++;
        if (CUT_MARK.test(line.text)) {
          this.gaps.push({ line: number, cpu: null, count: null });
          this.ledger.cut(number);
          return;
        }
        if (originOf(line) === null && !CPU_COUNT.test(line.text)) this.unknownLines++;
        return;
    }
    this.eventLines++;
    const counted = this.#counts.get(line.name);
    if (counted === undefined) this.#counts.set(line.name, { count: 1 });
    else counted.count++;
    if (line.wasRaw) this.rawRecords++;
    if (this.log.marks.size > 0) this.#mark(line);
    if (!this.log.qemu.isEmpty) this.log.qemu.pushEvent(line);
    const isWhole = this.ledger.push(line, number);
    if (line.event === BOUNCE_EVENT) this.bounces.take(line.fields, number);
    if (line.name.dmaReader !== undefined || line.event === BOUNCE_EVENT) {
      if (isWhole) this.understood++;
    } else if (line.event === PAGE_FAULT_EVENT) {
      if (readPageFault(line.fields) === null) this.damagedFaults.push(number);
      else this.understood++;
    }
    const { list } = this.ledger.findings;
    for (let next = this.#timed.length; next < list.length; next++) {
      this.#timed.push({ finding: list[next]!, seconds: line.seconds });
    }
  }

  /** Whether a header of the file counts its events. */
  get isCounted(): boolean {
    return this.#countedEvents > 0;
  }

  /** Compares the clocks of the log and the trace at a mark that is in both. */
  #mark(line: TraceLine): void {
    const mark = MARKERS.has(line.event) ? markIn(line.payload) : null;
    const marked = mark === null ? undefined : this.log.marks.get(mark);
    if (marked === undefined) return;
    this.#marks.push({ ...marked, seconds: line.seconds - marked.seconds });
  }

  /** Ends the check: adds the findings for open mappings, and the findings of the log. */
  end(): CheckResult {
    const { ledger } = this;
    ledger.end();
    // Lines of unknown form may be the events that seem to be missing.
    const isCounted = this.#countedEvents > 0 && !this.#hasStacks && this.unknownLines === 0;
    if (isCounted && this.gaps.length === 0) {
      ledger.edges.missingEvents = Math.max(0, this.#countedEvents - this.eventLines);
    }
    const live: TracedMapping[] = [];
    const uncertain: TracedMapping[] = [];
    for (const mapping of ledger.open()) {
      (ledger.isUncertain(mapping) ? uncertain : live).push(mapping);
    }
    for (const mapping of uncertain) {
      ledger.findings.openAtEnd(
        mapping,
        "alive_at_end",
        "unknown",
        "live at the end, or unmapped in a missing line",
      );
    }
    this.#leaks(live);
    const classified = classifyLog(
      this.log.entries,
      ledger,
      this.#history,
      this.#timed,
      { marks: this.#marks, boots: this.log.boots, names: this.log.names },
    );
    this.apart = reasonsApart(this.log, ledger, classified);
    const faults = tracedFaultFindings(this.log.faults, ledger, this.#history);
    const findings = merge(ledger, classified, faults).map((finding) => {
      const all = finding.next ?? aboutKind(finding.kind).next ?? [];
      const next = notGiven(all, this.given, finding.device);
      return next.length === all.length ? finding : { ...finding, next };
    });
    return { live, uncertain, classified, findings };
  }

  /**
   * Finds leaks among the mappings that are live at the end. Most of these mappings are not leaked.
   *
   * @see rules/traces.md T.66
   */
  #leaks(live: readonly TracedMapping[]): void {
    const { ledger } = this;
    const { findings } = ledger;
    const leaks = leaksOf(ledger.devices.values(), ledger.edges.lastSeconds);
    for (const mapping of live) {
      const leak = leaks.get(mapping);
      if (leak === undefined) {
        const text = "live at the end, as rings, coherent memory and requests in flight are";
        findings.openAtEnd(mapping, "alive_at_end", "unknown", text);
        continue;
      }
      const orphan = ledger.table.orphan(mapping, mapping.mappedAt.line, Infinity);
      if (orphan !== null) {
        const text =
          `its range was unmapped from the page table in line ${orphan.line}: only the ` +
          "line of the unmap is missing";
        findings.openAtEnd(mapping, "line_missing", "possible", text);
        continue;
      }
      const isSure = leak.isSure && mapping.mappedAt.line > ledger.edges.lostLine;
      findings.openAtEnd(
        mapping,
        "leak",
        isSure ? "likely" : "possible",
        leak.text,
      );
    }
  }
}

export interface CheckResult {
  readonly live: readonly TracedMapping[];
  readonly uncertain: readonly TracedMapping[];
  readonly classified: ClassifiedLog;
  /** Proved findings first, then by line. */
  readonly findings: readonly TraceFinding[];
}

const ORDER = ["proved", "likely", "possible", "unknown"];

/**
 * Merges the findings of the trace with the findings of the log alone. A finding of the trace gets the
 * log line that is about it.
 */
function merge(
  { edges, findings }: MappingTracker,
  classified: ClassifiedLog,
  faults: readonly TraceFinding[],
): TraceFinding[] {
  const logLines = new Map(classified.pairs.map(({ entry, finding }) => [finding, entry.line]));
  const proved = new Map(
    classified.findings.filter(({ certainty, kind }) => kind === "leak" && certainty === "proved")
      .map((leak) => [leak.line, leak]),
  );
  const own = findings.list.flatMap((finding): TraceFinding[] => {
    const isOpen = finding.kind === "leak" || finding.kind === "alive_at_end";
    const leak = isOpen && finding.otherLine === null ? proved.get(finding.line) : undefined;
    if (leak !== undefined) return [];
    const logLine = logLines.get(finding) ?? null;
    // A finding that a kernel message confirms does not depend on lines of the trace.
    return [logLine === null ? asKnown(finding, edges) : { ...finding, logLine }];
  });
  const all = [...own, ...classified.findings, ...faults].map((each) => asCounted(each, edges));
  return all.sort((a, b) =>
    ORDER.indexOf(a.certainty) - ORDER.indexOf(b.certainty) ||
    (a.line ?? Infinity) - (b.line ?? Infinity) || (a.logLine ?? 0) - (b.logLine ?? 0)
  );
}
