/**
 * Follows a trace while it is recorded: tracks each mapping from its map to its unmap, in bounded
 * memory, and reports each fault as it is logged.
 *
 * The kernel's log may be among the lines, in one of two forms: as `console` events of the trace,
 * with times of the trace, or as separate lines.
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

/** Largest delay between a new map at an address and a later unmap line of the old mapping. */
const LATE_SECONDS = 10;
/** Largest number of unmapped two-step ranges that are kept. */
const MAX_RANGES = 1 << 13;

export interface WatchSink {
  /** Called for a proved or likely finding; its lines are numbered from the first line watched. */
  readonly finding: (finding: TraceFinding) => void;
  /**
   * Called for a fault in the log, whether its cause was found or not. The receiver should save the
   * last seconds of the trace now.
   */
  readonly fault: (finding: TraceFinding) => void;
}

/** Keeps two-step ranges after their unmap, when the ledger no longer has them. */
class RecentRanges extends PageHistory {
  /** Ranges by the lines of their first links. */
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
  /** Number of events that were overwritten in the ring buffers before they were read. */
  lostEvents = 0;
  readonly unread = new UnreadLines();
  readonly #ranges = new RecentRanges();
  readonly #ledger = new MappingTracker(this.#ranges);
  readonly #reader: KernelLogReader;
  #logLines = 0;
  #entries: KernelLogEntry[] = [];
  /** Lines of the log that have times of the trace. */
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

  /** Reads a line of the trace, or of the kernel's log. */
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

  /**
   * Reports a fault that the trace records as an event. The history of its page is already known, so
   * the fault is classified at once.
   */
  #tracedFault(fault: TracedFault): void {
    const history = this.#historyOf([fault.address]);
    const [finding] = tracedFaultFindings([fault], this.#ledger, history);
    this.sink.fault(finding!);
  }

  /** Reports the new findings of the ledger, and removes them from the ledger. */
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

  /** Classifies the log entries that are complete. Called from time to time. */
  settle(): void {
    this.#reader.end();
    for (const entry of this.#entries.splice(0)) this.#classify(entry);
    this.#ledger.reused.settle(this.seconds - LATE_SECONDS);
    this.#report();
  }

  /** The known history of the pages of some addresses. */
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

  /** All mappings that are still kept, in the order of their map lines. */
  #kept(): TracedMapping[] {
    const kept = [...this.#ranges.ranges.values(), ...this.#ledger.open()];
    for (const device of this.#ledger.devices.values()) addAll(kept, device.unmapped.values());
    return kept.sort((a, b) => a.mappedAt.line - b.mappedAt.line);
  }

  /** Reports each group of leaks once, when it is first found. Examines all live mappings. */
  seekLeaks(): void {
    const seen = new Set<string>();
    const leaks = leaksOf(this.#ledger.devices.values(), this.seconds);
    for (const [mapping, { isSure, text }] of leaks) {
      const { cpu, line } = mapping.mappedAt;
      const key = `${mapping.device!.name} ${mapping.kind} ${mapping.dir} ${cpu}`;
      if (!isSure || line < this.#ledger.edges.lostLine || seen.has(key)) continue;
      // The page table shows that the mapping was unmapped: only the line of the unmap call is
      // missing.
      if (this.#ledger.table.orphan(mapping, line, Infinity) !== null) continue;
      seen.add(key);
      if (this.#leaks.has(key)) continue;
      this.#leaks.add(key);
      this.#ledger.findings.openAtEnd(mapping, "leak", "likely", text);
    }
    this.#report();
  }

  /** Ends the watch: the stream has ended. */
  end(): void {
    this.settle();
    this.#ledger.end();
    this.seekLeaks();
  }
}

/** Removes the log's own time from a console line, if there is one. */
function withoutTime(text: string): string {
  return text.replace(/^(?:<\d+>)?\[ *\d+\.\d+\] ?/, "");
}
