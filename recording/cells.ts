/**
 * Single things of a machine that change: a page-table entry, a slot of a queue, a byte. Each is the
 * rows of a table that a moment after the other hold at one place.
 */
import type { HistoryTable } from "@dmalab/runtime/recording";
import type { RecordedRun } from "./recorded_run.ts";

/**
 * A place of a table: rows with fields that have these values, or cover them where they are ranges.
 */
export interface RowField {
  readonly table: string;
  readonly equal: Readonly<Record<string, number | string | null>>;
  /** An address that a row must cover, from one of its fields on; null for none. */
  readonly covers: { readonly field: string; readonly address: number } | null;
}

/** What there was in a cell from one event to another. */
interface Version {
  /** The row's number in its table. */
  readonly row: number;
  /** The event that wrote it; 0: it was there when the machine was ready. */
  readonly createdSeq: number;
  /** The event that ended it; null while it holds. */
  readonly endedSeq: number | null;
  readonly fields: Readonly<Record<string, unknown>>;
}

export interface RowFieldChange {
  readonly seq: number;
  /** `written`: a row began, perhaps in another's place; `ended`: without a row from here on. */
  readonly what: "written" | "ended";
  readonly version: Version;
}

/** Each event that changed a cell, oldest first. */
export function changesOf(recording: RecordedRun, cell: RowField): readonly RowFieldChange[] {
  const table = recording.table(cell.table);
  const changes = new Map<number, RowFieldChange>();
  for (const row of rowsOf(table, cell, recording.log.count)) {
    const version = versionOf(table, row);
    const since = table.since(row);
    // The rest of a cut row was not written at the moment of the cut.
    const isRest = since > version.createdSeq;
    if (!isRest) changes.set(since, { seq: since, what: "written", version });
    else if (changes.get(since)?.what === "ended") changes.delete(since);
    const { endedSeq } = version;
    if (endedSeq !== null && changes.get(endedSeq)?.what !== "written") {
      changes.set(endedSeq, { seq: endedSeq, what: "ended", version });
    }
  }
  return [...changes.values()].sort((one, other) => one.seq - other.seq);
}

function rowsOf(table: HistoryTable, { covers, equal }: RowField, upTo: number): readonly number[] {
  const rows = covers === null
    ? allRows(table, upTo)
    : table.covering(covers.field, covers.address, upTo);
  const wanted = Object.entries(equal);
  return rows.filter((row) => wanted.every(([name, value]) => table.value(row, name) === value));
}

function allRows(table: HistoryTable, upTo: number): readonly number[] {
  const rows: number[] = [];
  for (let row = 0; row < table.count && table.since(row) <= upTo; row++) rows.push(row);
  return rows;
}

function versionOf(table: HistoryTable, row: number): Version {
  const { createdSeq, endedSeq, ...fields } = table.row(row);
  return { row, createdSeq, endedSeq, fields };
}
