/** All recorded data of one request of a disk, as known at a position. */
import {
  type LabTableName,
  type LabTableRow,
  readRequest,
  type RequestPicture,
} from "@dmalab/devices";
import type { MachineEvent } from "@dmalab/runtime";
import type { Position } from "../position.ts";
import type { RecordedRun } from "../recorded_run.ts";

/** A step in the life of a request. */
export interface RequestPhase {
  /** The request's state from this step on. */
  readonly phase: "mapped" | "sent" | "fetched" | "completed" | "unmapped" | "ended";
  /** The event that shows the step. */
  readonly seq: number;
  /** Virtual time. */
  readonly atNs: number;
}

/**
 * Rows of a table, created by events of the request. `endedSeq` is set only if the row has ended at
 * or before the position.
 */
export type RequestRows<T extends LabTableName> = readonly LabTableRow<T>[];

/** Everything about a request: its picture, and the record of its history. */
export interface RequestView extends RequestPicture {
  /** The request's command; null before the command is sent. */
  readonly command: LabTableRow<"queue_slots"> | null;
  /** The states of the request, in order. */
  readonly phases: readonly RequestPhase[];
  /** IOVA ranges that were allocated for the request. */
  readonly ranges: RequestRows<"iova">;
  /** Mappings that were made for the request. */
  readonly mappings: RequestRows<"mappings">;
  /** Page-table entries that were written for the request. */
  readonly pageTable: RequestRows<"page_table">;
  /** Bounce buffers that were made for the request. */
  readonly bounced: RequestRows<"swiotlb">;
  /** The device's data transfers. */
  readonly data: readonly MachineEvent<"nvme.data">[];
  /** The events that describe how the request's data was unmapped. */
  readonly unmaps: readonly MachineEvent<"nvme.unmap">[];
  /** The numbers of all events of the request. */
  readonly events: readonly number[];
}

/** The requests that have begun at a position, in the order of their first events. */
export function requestsAt(run: RecordedRun, position: Position): readonly number[] {
  const found = new Set<number>();
  for (let seq = 1; seq <= position.seq; seq++) {
    const request = run.log.requestAt(seq);
    if (request !== null) found.add(request);
  }
  return [...found];
}

/**
 * All data of a request at a position; null when no event of it has happened yet.
 * @param known The events of the request in the whole run, if the caller has them, or only those of one of its
 *   attempts, which leaves out the rows from before; otherwise they are searched.
 */
export function requestView(
  run: RecordedRun,
  position: Position,
  request: number,
  known: readonly number[] | null = null,
): RequestView | null {
  const events: MachineEvent[] = [];
  for (const seq of known ?? eventsOf(run, request)) {
    if (seq > position.seq) break;
    events.push(run.event(seq));
  }
  if (events.length === 0) return null;
  const first = events[0]!.seq;
  const own = <T extends LabTableName>(table: T) =>
    rowsOf(
      run,
      table,
      position,
      ({ createdSeq }) => createdSeq >= first && run.log.requestAt(createdSeq) === request,
    );
  const named = <N extends MachineEvent["name"]>(name: N) =>
    events.filter((event): event is MachineEvent<N> => event.name === name);
  return {
    ...readRequest(request, events),
    command: rowsOf(run, "queue_slots", position, (row) => row.request === request).at(-1) ?? null,
    phases: events.flatMap(({ at_ns: atNs, seq }): readonly RequestPhase[] => {
      const phase = phaseAt(run, seq);
      return phase === null ? [] : [{ phase, seq, atNs }];
    }),
    ranges: own("iova"),
    mappings: own("mappings"),
    pageTable: own("page_table"),
    bounced: own("swiotlb"),
    data: named("nvme.data"),
    unmaps: named("nvme.unmap"),
    events: events.map(({ seq }) => seq),
  };
}

function* eventsOf({ log }: RecordedRun, request: number): Iterable<number> {
  for (let seq = 1; seq <= log.count; seq++) {
    if (log.requestAt(seq) === request) yield seq;
  }
}

const PHASES: { readonly [N in MachineEvent["name"]]?: RequestPhase["phase"] } = {
  "nvme.choose": "mapped",
  "nvme.submit": "sent",
  "nvme.fetch": "fetched",
  "nvme.complete": "completed",
  "nvme.unmap": "unmapped",
};

/**
 * The state of an event's request after the event; null if the event does not change that state.
 */
export function phaseAt({ log }: RecordedRun, seq: number): RequestPhase["phase"] | null {
  const name = log.nameAt(seq);
  if (name !== "block.status") return PHASES[name] ?? null;
  const { ended } = log.event(seq).fields as MachineEvent<"block.status">["fields"];
  return ended === "request" ? "ended" : null;
}

/** Rows as known at a position: a row that ends later counts as valid. */
function rowsOf<T extends LabTableName>(
  run: RecordedRun,
  table: T,
  { seq }: Position,
  isMeant: (row: LabTableRow<T>) => boolean,
): LabTableRow<T>[] {
  const facts = run.table(table);
  const rows: LabTableRow<T>[] = [];
  for (let number = 0; number < facts.count && facts.since(number) <= seq; number++) {
    const row: LabTableRow<T> = facts.row(number);
    if (isMeant(row)) {
      rows.push(row.endedSeq === null || row.endedSeq <= seq ? row : { ...row, endedSeq: null });
    }
  }
  return rows;
}
