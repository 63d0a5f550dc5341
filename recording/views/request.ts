/** Everything that is kept of one request of a disk, as it is known at a moment. */
import type { MachineEvent } from "@dmalab/runtime";
import type { LabTableName, LabTableRow } from "@dmalab/devices";
import type { Position } from "../position.ts";
import type { RecordedRun } from "../recorded_run.ts";

/** A run of memory that the request covers, and the event that says so. */
export interface RequestSegment {
  /** Where it lies, by the address of the CPU. */
  readonly phys: number;
  /** Its size. */
  readonly sizeBytes: number;
  /** The event. */
  readonly seq: number;
}

/** An entry of the command's data pointer: a PRP entry, or an SGL descriptor. */
export interface RequestEntry {
  /** `PRP1`, `PRP2`, `SGL`, or its number in a list page. */
  readonly label: string;
  /** Which of `listPages` it stands in; null for the command itself. */
  readonly page: number | null;
  /** Its number in that page; null in the command. */
  readonly index: number | null;
  /** Where a device reads it; null in the command. */
  readonly at: number | null;
  /** What it says: an address for the device. */
  readonly dma: number;
  /** Of an SGL: how many bytes. */
  readonly lengthBytes: number | null;
  /** `list`: it leads to a list page. */
  readonly leadsTo: "data" | "list";
  /** The event that wrote it. */
  readonly seq: number;
  /** The event with which the device read it; null when it has not. */
  readonly fetched: number | null;
}

/** A page of PRP entries or SGL descriptors. */
export interface RequestListPage {
  /** Where it lies, by the address of the device. */
  readonly dma: number;
  /** The entry that leads to it was written by this event. */
  readonly seq: number;
}

/** A step in the life of a request. */
export interface RequestPhase {
  /** Its state from there on. */
  readonly phase: "mapped" | "sent" | "fetched" | "completed" | "unmapped" | "ended";
  /** The event that says so. */
  readonly seq: number;
  /** Virtual time. */
  readonly atNs: number;
}

/** Rows of a table that events of the request wrote; `endedSeq` where they have ended by then. */
export type RequestRows<T extends LabTableName> = readonly LabTableRow<T>[];

/** Everything of a request; entries and list pages are those of its data. */
export interface RequestView {
  /** Its number. */
  readonly request: number;
  /** The disk; null where no event names one. */
  readonly device: string | null;
  /** Its command; null before it is sent. */
  readonly command: LabTableRow<"queue_slots"> | null;
  /** The format of the data pointer; null before one is chosen. */
  readonly format: string | null;
  /** How it ended; null before it does. */
  readonly status: string | null;
  /** Its states, in order. */
  readonly phases: readonly RequestPhase[];
  /** The memory that was mapped for it. */
  readonly segments: readonly RequestSegment[];
  /** The memory of its metadata. */
  readonly metadata: readonly RequestSegment[];
  /** IOVA ranges, mappings, page-table entries and bounce buffers that were made for it. */
  readonly ranges: RequestRows<"iova">;
  /** Mappings that were made for it. */
  readonly mappings: RequestRows<"mappings">;
  /** Page-table entries that were written for it. */
  readonly pageTable: RequestRows<"page_table">;
  /** Bounce buffers that were made for it. */
  readonly bounced: RequestRows<"swiotlb">;
  /** The entries of its data pointer, those of the command first. */
  readonly entries: readonly RequestEntry[];
  /** The list pages that its command leads to. */
  readonly listPages: readonly RequestListPage[];
  /** Where the device moved data. */
  readonly data: readonly MachineEvent<"nvme.data">[];
  /** How its data was unmapped. */
  readonly unmaps: readonly MachineEvent<"nvme.unmap">[];
  /** The numbers of all its events. */
  readonly events: readonly number[];
}

/** The requests that have begun by a moment, by the event that began them. */
export function requestsAt(run: RecordedRun, position: Position): readonly number[] {
  const found = new Set<number>();
  for (let seq = 1; seq <= position.seq; seq++) {
    const request = run.log.requestAt(seq);
    if (request !== null) found.add(request);
  }
  return [...found];
}

/** Everything of a request at a moment; null when nothing of it has happened. */
export function requestView(
  run: RecordedRun,
  position: Position,
  request: number,
): RequestView | null {
  const events: MachineEvent[] = [];
  for (let seq = 1; seq <= position.seq; seq++) {
    if (run.log.requestAt(seq) === request) events.push(run.event(seq));
  }
  if (events.length === 0) return null;
  const own = <T extends LabTableName>(table: T) => requestRows(run, table, position, request);
  const named = <N extends MachineEvent["name"]>(name: N) =>
    events.filter((event): event is MachineEvent<N> => event.name === name);
  const tried = lastTry(events);
  const { entries, listPages } = entriesOf(run, position, request, events, tried.metadata[0]?.seq);
  const chosen = named("nvme.choose").at(-1);
  return {
    request,
    device: events.find(({ device }) => device !== null)?.device ?? null,
    command: rowsOf(run, "queue_slots", position, (row) => row.request === request).at(-1) ?? null,
    format: chosen?.fields.format ?? null,
    status: named("block.status").find(({ fields }) => fields.ended === "request")?.fields.status ??
      null,
    phases: events.flatMap(({ at_ns: atNs, seq }): readonly RequestPhase[] => {
      const phase = phaseAt(run, seq);
      return phase === null ? [] : [{ phase, seq, atNs }];
    }),
    segments: segmentsOf(tried.data),
    metadata: segmentsOf(tried.metadata),
    ranges: own("iova"),
    mappings: own("mappings"),
    pageTable: own("page_table"),
    bounced: own("swiotlb"),
    entries,
    listPages,
    data: named("nvme.data"),
    unmaps: named("nvme.unmap"),
    events: events.map(({ seq }) => seq),
  };
}

const PHASES: { readonly [N in MachineEvent["name"]]?: RequestPhase["phase"] } = {
  "nvme.choose": "mapped",
  "nvme.submit": "sent",
  "nvme.fetch": "fetched",
  "nvme.complete": "completed",
  "nvme.unmap": "unmapped",
};

/** The state that an event brings its request to; null for none. */
export function phaseAt({ log }: RecordedRun, seq: number): RequestPhase["phase"] | null {
  const name = log.nameAt(seq);
  if (name !== "block.status") return PHASES[name] ?? null;
  const { ended } = log.event(seq).fields as MachineEvent<"block.status">["fields"];
  return ended === "request" ? "ended" : null;
}

/** Events of the last try: of its data, and of its metadata, which is mapped behind it. */
function lastTry(events: readonly MachineEvent[]) {
  const chosen = events.findLastIndex(({ name }) => name === "nvme.choose");
  const before = events.slice(0, chosen < 0 ? events.length : chosen)
    .findLastIndex(({ name }) => name === "nvme.unmap");
  const own = events.slice(before + 1);
  const split = own.findIndex(({ name }) =>
    name === "nvme.metadata" || name === "call.blk_rq_integrity_dma_map_iter_start"
  );
  return split < 0
    ? { data: own, metadata: [] }
    : { data: own.slice(0, split), metadata: own.slice(split) };
}

/** The memory that it covers: what the iterator produced, a scatterlist has, or one call maps. */
function segmentsOf(events: readonly MachineEvent[]): readonly RequestSegment[] {
  const found: Record<"iterated" | "listed" | "mapped", RequestSegment[]> = {
    iterated: [],
    listed: [],
    mapped: [],
  };
  for (const event of events) {
    const { seq } = event;
    if (event.name === "block.segment") {
      const { phys, size_bytes: sizeBytes } = event.fields;
      found.iterated.push({ phys, sizeBytes, seq });
    } else if (event.name === "call.dma_map_sg" || event.name === "call.dma_map_sgtable") {
      for (const [phys, sizeBytes] of event.fields.sg) {
        found.listed.push({ phys, sizeBytes, seq });
      }
    } else if (event.name === "dma.map") {
      const { phys, size_bytes: sizeBytes } = event.fields;
      found.mapped.push({ phys, sizeBytes, seq });
    }
  }
  const { iterated, listed, mapped } = found;
  return iterated.length > 0 ? iterated : listed.length > 0 ? listed : mapped;
}

/** Rows as they are known at a moment: what ends later has not ended. */
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

/** Rows that events of a request wrote. */
function requestRows<T extends LabTableName>(
  run: RecordedRun,
  table: T,
  position: Position,
  request: number,
) {
  return rowsOf(
    run,
    table,
    position,
    ({ createdSeq }) => createdSeq > 0 && run.log.requestAt(createdSeq) === request,
  );
}

/** Of rows with the same place, and of those of earlier tries, only the last ones. */
function lastRows<T extends "prp_entries" | "sgl_entries">(
  run: RecordedRun,
  rows: readonly LabTableRow<T>[],
): readonly LabTableRow<T>[] {
  const ended = rows.at(-1)?.endedSeq;
  return rows.filter(({ endedSeq }) =>
    endedSeq === ended && (endedSeq === null || run.log.nameAt(endedSeq) === "nvme.unmap")
  );
}

interface Entries {
  readonly entries: readonly RequestEntry[];
  readonly listPages: readonly RequestListPage[];
}

const PRP_BYTES = 8;
const DESCRIPTOR_BYTES = 16;

function entriesOf(
  run: RecordedRun,
  position: Position,
  request: number,
  events: readonly MachineEvent[],
  metadataSeq = Infinity,
): Entries {
  const isData = (row: { readonly request: number; readonly createdSeq: number }) =>
    row.request === request && row.createdSeq < metadataSeq;
  const prps = lastRows(run, rowsOf(run, "prp_entries", position, isData));
  const walks = new Map<number, number>();
  let fetched: number | null = null;
  for (const event of events) {
    if (event.name === "nvme.walk") walks.set(event.fields.dma, event.seq);
    if (event.name === "nvme.fetch") fetched = event.seq;
  }
  if (prps.length > 0) return prpEntries(prps, walks, fetched);
  const sgls = lastRows(run, rowsOf(run, "sgl_entries", position, isData));
  return sglEntries(sgls, walks, fetched);
}

/** PRP2 leads to the first list page, and the last entry of a page to the next one. */
function prpEntries(
  rows: readonly LabTableRow<"prp_entries">[],
  walks: ReadonlyMap<number, number>,
  fetched: number | null,
): Entries {
  const held = (holder: string) => rows.find((row) => row.holder === holder);
  const pages = Map.groupBy(
    rows.filter(({ holder }) => holder === "list"),
    (row) => row.list_page!,
  );
  const listPages: RequestListPage[] = [];
  const entries: RequestEntry[] = [];
  for (const [holder, label] of [["prp1", "PRP1"], ["prp2", "PRP2"]] as const) {
    const row = held(holder);
    if (row === undefined) continue;
    const leadsTo = holder === "prp2" && pages.size > 0 ? "list" : "data";
    if (leadsTo === "list") listPages.push({ dma: row.entry, seq: row.createdSeq });
    entries.push({ ...IN_COMMAND, label, dma: row.entry, leadsTo, seq: row.createdSeq, fetched });
  }
  for (let page = 0; pages.has(page); page++) {
    const inPage = pages.get(page)!.toSorted((a, b) => a.index! - b.index!);
    const start = listPages[page]?.dma ?? null;
    inPage.forEach(({ createdSeq, entry, index }, number) => {
      const leadsTo = number === inPage.length - 1 && pages.has(page + 1) ? "list" : "data";
      if (leadsTo === "list") listPages.push({ dma: entry, seq: createdSeq });
      const at = start === null ? null : start + index! * PRP_BYTES;
      entries.push({
        label: String(index),
        page,
        index,
        at,
        dma: entry,
        lengthBytes: null,
        leadsTo,
        seq: createdSeq,
        fetched: at === null ? null : walks.get(at) ?? null,
      });
    });
  }
  return { entries, listPages };
}

const IN_COMMAND = { page: null, index: null, at: null, lengthBytes: null } as const;

/** The command's descriptor is written last, and leads to the list where there is one. */
function sglEntries(
  rows: readonly LabTableRow<"sgl_entries">[],
  walks: ReadonlyMap<number, number>,
  fetched: number | null,
): Entries {
  const head = rows.at(-1);
  if (head === undefined) return { entries: [], listPages: [] };
  const first: RequestEntry = {
    ...IN_COMMAND,
    label: "SGL",
    dma: head.address,
    lengthBytes: head.length_bytes,
    leadsTo: head.type === "data_block" ? "data" : "list",
    seq: head.createdSeq,
    fetched,
  };
  if (first.leadsTo === "data") return { entries: [first], listPages: [] };
  const links = rows.slice(0, -1).filter(({ type }) => type !== "data_block");
  const listPages = [head, ...links].map(({ address, createdSeq }) => ({
    dma: address,
    seq: createdSeq,
  }));
  const entries = [first];
  let page = 0;
  let index = 0;
  const add = ({ address, createdSeq, length_bytes, type }: LabTableRow<"sgl_entries">) => {
    const at = listPages[page]!.dma + index * DESCRIPTOR_BYTES;
    const leadsTo = type === "data_block" ? "data" : "list";
    entries.push({
      label: String(index),
      page,
      index: index++,
      at,
      dma: address,
      lengthBytes: length_bytes,
      leadsTo,
      seq: createdSeq,
      fetched: walks.get(at) ?? null,
    });
  };
  for (const row of rows.slice(0, -1).filter(({ type }) => type === "data_block")) {
    const isFull = links[page] !== undefined && index === PAGE_DESCRIPTORS - 1;
    if (isFull) {
      add(links[page]!);
      page++;
      index = 0;
    }
    add(row);
  }
  return { entries, listPages };
}

/** Descriptors of a whole page. */
const PAGE_DESCRIPTORS = 256;
