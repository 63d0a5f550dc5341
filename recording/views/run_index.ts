/**
 * An index of a whole run for data that views need repeatedly: its requests, its calls, and the events of each
 * source line.
 */
import { groupBy } from "@dmalab/runtime/basics";
import type { LabTableRow } from "@dmalab/devices";
import { spanOfEvent } from "../last_writes.ts";
import type { RecordedRun } from "../recorded_run.ts";
import { lineLocation } from "./position_view.ts";

/** The index, built in one pass over the run. */
export class RunIndex {
  /**
   * The events of each request, by the request's number. The requests are in the order in which
   * they began.
   */
  readonly requests: ReadonlyMap<number, readonly number[]>;
  /** Number of open calls around each event, by event number. */
  readonly depths: Uint16Array;
  /**
   * For a call, the number of its return event; for a return, the number of its call; 0 for others.
   */
  readonly partners: Int32Array;
  #lines: ReadonlyMap<string, readonly number[]> | null = null;
  #entries: readonly LabTableRow<"page_table">[] | null = null;
  #mappings: ReadonlyMap<string, readonly LabTableRow<"mappings">[]> | null = null;

  constructor(readonly run: RecordedRun) {
    const { log } = run;
    const requests = new Map<number, number[]>();
    this.depths = new Uint16Array(log.count + 2);
    this.partners = new Int32Array(log.count + 2);
    const open: { readonly seq: number; readonly name: string }[] = [];
    for (let seq = 1; seq <= log.count; seq++) {
      const request = log.requestAt(seq);
      if (request !== null) {
        const known = requests.get(request);
        if (known === undefined) requests.set(request, [seq]);
        else known.push(seq);
      }
      const name = log.nameAt(seq);
      if (name.startsWith("ret.")) {
        const own = open.findLastIndex((call) => call.name === name.slice("ret.".length));
        if (own >= 0) {
          this.partners[open[own]!.seq] = seq;
          this.partners[seq] = open[own]!.seq;
          // If inner calls have no return event, they end together with this call.
          open.length = own;
        }
      }
      this.depths[seq] = open.length;
      if (name.startsWith("call.")) open.push({ seq, name: name.slice("call.".length) });
    }
    this.requests = requests;
  }

  /** The events caused by each line, by `file:line`, in order. */
  get lines(): ReadonlyMap<string, readonly number[]> {
    if (this.#lines !== null) return this.#lines;
    const { log } = this.run;
    const lines = new Map<string, number[]>();
    const bySite = new Map<number, string>();
    for (let seq = 1; seq <= log.count; seq++) {
      const site = log.siteAt(seq);
      const known = site === null ? undefined : bySite.get(site);
      const span = known === undefined ? spanOfEvent(this.run, seq) : null;
      const place = known ?? (span === null ? "" : lineLocation(span));
      if (site !== null && known === undefined) bySite.set(site, place);
      if (place === "") continue;
      const events = lines.get(place);
      if (events === undefined) lines.set(place, [seq]);
      else events.push(seq);
    }
    return this.#lines = lines;
  }

  /** Mappings that belong to no request, by device, in the order in which they were made. */
  get mappings(): ReadonlyMap<string, readonly LabTableRow<"mappings">[]> {
    const { log } = this.run;
    const table = this.run.table("mappings");
    return this.#mappings ??= groupBy(
      Array.from({ length: table.count }, (_, number) => table.row(number))
        .filter(({ createdSeq }) => createdSeq > 0 && log.requestAt(createdSeq) === null),
      ({ device }) => device,
    );
  }

  /**
   * All page-table entries of the run. An entry that is cleared in part goes on as further rows, which have the
   * same creating event and come later.
   */
  get entries(): readonly LabTableRow<"page_table">[] {
    const table = this.run.table("page_table");
    return this.#entries ??= Array.from(
      { length: table.count },
      (_, number) => table.row(number),
    );
  }

  /** The innermost call around an event, among calls that return; null for none. */
  callAround(seq: number): number | null {
    for (let at = seq - 1, depth = this.depths[seq]!; at > 0 && depth > 0; at--) {
      const end = this.partners[at]!;
      if (end > seq) return at;
      // A call that returned before the event is skipped as a whole.
      if (end > 0 && end < at) at = end;
    }
    return null;
  }

  /**
   * The events that have a separate row in a list in which calls can be collapsed. A return has no
   * separate row: it is in the row of its call.
   * @param isOpen Whether the events inside a call are shown.
   */
  rows(isOpen: (call: number) => boolean): Int32Array {
    const { count } = this.run.log;
    const rows = new Int32Array(count);
    let length = 0;
    for (let seq = 1; seq <= count; seq++) {
      const partner = this.partners[seq]!;
      if (partner > 0 && partner < seq) continue;
      rows[length++] = seq;
      if (partner > seq && !isOpen(seq)) seq = partner;
    }
    return rows.subarray(0, length);
  }
}
