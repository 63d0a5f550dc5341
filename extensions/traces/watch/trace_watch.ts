/**
 * Follows a trace that is being recorded: each mapping from its map to its unmap, in memory that
 * does not grow, and each fault as it is logged.
 *
 * The kernel's log may be among the lines: as `console` events of the trace, with times of the
 * trace, or as separate lines.
 *
 * @see rules/traces.md T.62, T.66, T.69
 */
import { addAll } from "@dmalab/runtime/basics";
import type { KernelLogEntry } from "../kernel_log/entry.ts";
import { LogBoots } from "../kernel_log/boots.ts";
import { KernelLogReader } from "../kernel_log/kernel_log_reader.ts";
import { asKnown } from "../ledger/findings.ts";
import { classifyLog, faultPages } from "../ledger/classify_log.ts";
import { MappingTracker } from "../ledger/ledger.ts";
import { leaksOf } from "../ledger/leaks.ts";
import { PageHistory } from "../ledger/page_history.ts";
import { NewestMap } from "../ledger/newest_map.ts";
import { type TracedFault, tracedFaultFindings, tracedFaultOf } from "../ledger/traced_faults.ts";
import { isSure, type TracedMapping, type TraceFinding } from "../ledger/traced_mapping.ts";
import { UnreadLines } from "../line/unread_forms.ts";
import type { TraceLine } from "../line/trace_line.ts";

/** How long after a new map at its address the line of an unmap can still follow. */
const LATE_SECONDS = 10;
/** Unmapped two-step ranges to keep. */
const MAX_RANGES = 1 << 13;

export interface WatchSink {
  /** Something is proved or likely; its lines are numbered from the first one watched. */
  readonly finding: (finding: TraceFinding) => void;
  /** The log has a fault, classified or not: the last seconds are to be written now. */
  readonly fault: (finding: TraceFinding) => void;
}

/** Keeps two-step ranges, which the ledger forgets when they are unmapped. */
class RecentRanges extends PageHistory {
  /** By the lines of their first links. */
  readonly ranges = new NewestMap<TracedMapping>(MAX_RANGES);

  constructor() {
    super([]);
  }

  override add(mapping: TracedMapping): void {
    if (mapping.kind === "two_step") this.ranges.set(mapping.mappedAt.line, mapping);
  }
}

export class TraceWatch {
  lines = 0;
  eventLines = 0;
  /** Events that the ring buffers have overwritten before they were read. */
  lostEvents = 0;
  readonly unread = new UnreadLines();
  readonly #ranges = new RecentRanges();
  readonly #ledger = new MappingTracker(this.#ranges);
  readonly #reader: KernelLogReader;
  #logLines = 0;
  #entries: KernelLogEntry[] = [];
  /** Log lines with times of the trace. */
  readonly #timed = new NewestMap<true>(1 << 10);
  readonly #leaks = new Set<string>();

  constructor(private readonly sink: WatchSink) {
    const entry = (entry: KernelLogEntry) => this.#entries.push(entry);
    this.#reader = new KernelLogReader({ entry, unreadable: () => {}, isLive: true });
  }

  /** When the newest line was written, by the trace's clock; 0 before the first. */
  get seconds(): number {
    return this.#ledger.edges.lastSeconds;
  }

  get liveMappings(): number {
    let count = 0;
    for (const device of this.#ledger.devices.values()) {
      for (const mappings of device.byPage.values()) count += mappings.length;
    }
    return count;
  }

  /** Takes a line of the trace, or of the kernel's log. */
  push(line: TraceLine): void {
    const number = ++this.lines;
    switch (line.kind) {
      case "event":
        this.eventLines++;
        if (line.event === "console") {
          this.#timed.set(this.#logLines + 1, true);
          this.#logLine(`[${line.time}] ${withoutTime(line.payload)}`);
        } else this.#event(line, number);
        return;
      case "lost":
        this.lostEvents += line.lost ?? 0;
        this.#ledger.gap(line.cpu, number);
        return;
      case "other":
        this.unread.other(line.text, number);
        this.#logLine(line.text);
    }
  }

  #event(line: TraceLine, number: number): void {
    const ledger = this.#ledger;
    ledger.push(line, number);
    if (ledger.damaged.length > 0) ledger.damaged = [];
    if (ledger.findings.list.length > 0) this.#report();
    const fault = tracedFaultOf(line, number);
    if (fault != null) this.#tracedFault(fault);
  }

  /** A fault that is an event of the trace: what its page was mapped for is known at once. */
  #tracedFault(fault: TracedFault): void {
    const history = this.#historyOf([fault.address]);
    const [finding] = tracedFaultFindings([fault], this.#ledger, history);
    this.sink.fault(finding!);
  }

  /** Reports what the ledger has found since, and forgets it. */
  #report(): void {
    const { edges, findings } = this.#ledger;
    for (const finding of findings.list.splice(0)) {
      const known = asKnown(finding, edges);
      if (isSure(known)) this.sink.finding(known);
    }
  }

  #logLine(text: string): void {
    this.#reader.push(text, ++this.#logLines);
  }

  /** Called from time to time: classifies the log entries that are complete. */
  settle(): void {
    this.#reader.end();
    for (const entry of this.#entries.splice(0)) this.#classify(entry);
    this.#ledger.reused.settle(this.seconds - LATE_SECONDS);
    this.#report();
  }

  /** The known history of the mappings of some addresses' pages. */
  #historyOf(addresses: readonly number[]): PageHistory {
    const isWhole = this.#ranges.ranges.dropped === 0 &&
      [...this.#ledger.devices.values()].every(({ unmapped }) => unmapped.dropped === 0);
    const history = new PageHistory(addresses, isWhole);
    for (const mapping of this.#kept()) history.add(mapping);
    return history;
  }

  #classify(entry: KernelLogEntry): void {
    const history = this.#historyOf(faultPages([entry]));
    const isTimed = this.#timed.has(entry.line);
    const marks = isTimed ? [{ seconds: 0, resolutionSeconds: 0, boot: null }] : [];
    const clocks = { marks, boots: new LogBoots() };
    const { findings } = classifyLog([entry], this.#ledger, history, [], clocks);
    for (const finding of findings) {
      if (entry.fault !== null) this.sink.fault(finding);
      else if (isSure(finding)) this.sink.finding(finding);
    }
  }

  /** All mappings in memory, in the order of their map lines. */
  #kept(): TracedMapping[] {
    const kept = [...this.#ranges.ranges.values(), ...this.#ledger.open()];
    for (const device of this.#ledger.devices.values()) addAll(kept, device.unmapped.values());
    return kept.sort((a, b) => a.mappedAt.line - b.mappedAt.line);
  }

  /** Reports each group of leaks once, when it is first seen. It looks at all live mappings. */
  seekLeaks(): void {
    const seen = new Set<string>();
    const leaks = leaksOf(this.#ledger.devices.values(), this.seconds);
    for (const [mapping, { isSure, text }] of leaks) {
      const { cpu, line } = mapping.mappedAt;
      const key = `${mapping.device!.name} ${mapping.kind} ${mapping.dir} ${cpu}`;
      if (!isSure || line < this.#ledger.edges.lostLine || seen.has(key)) continue;
      // Only the line of its unmap is missing.
      if (this.#ledger.table.orphan(mapping, line, Infinity) !== null) continue;
      seen.add(key);
      if (this.#leaks.has(key)) continue;
      this.#leaks.add(key);
      this.#ledger.findings.openAtEnd(mapping, "leak", "likely", text);
    }
    this.#report();
  }

  /** The stream has ended. */
  end(): void {
    this.settle();
    this.#ledger.end();
    this.seekLeaks();
  }
}

/** A console line without the log's own time, where it has one. */
function withoutTime(text: string): string {
  return text.replace(/^(?:<\d+>)?\[ *\d+\.\d+\] ?/, "");
}
