/**
 * Single cells of a machine that change: a page-table entry, a slot of a queue, a byte. A cell is
 * the sequence of all rows that a table had at one place.
 */
import type { HistoryTable } from "@dmalab/runtime/recording";
import type { RecordedRun } from "./recorded_run.ts";

/**
 * A place in a table: the rows with these field values. If `covers` is set, only the rows that
 * cover the address.
 */
export interface RowField {
  readonly table: string;
  readonly equal: Readonly<Record<string, number | string | null>>;
  /**
   * An address that a row must cover, and the name of the field with the row's start address; null
   * for none.
   */
  readonly covers: { readonly field: string; readonly address: number } | null;
}

/** The contents of a cell from one event to another. */
interface Version {
  /** The row's number in its table. */
  readonly row: number;
  /** The event that created the row; 0 if the row existed when the machine was ready. */
  readonly createdSeq: number;
  /** The event that ended the row; null while the row is valid. */
  readonly endedSeq: number | null;
  readonly fields: Readonly<Record<string, unknown>>;
}

export interface RowFieldChange {
  readonly seq: number;
  /** `written`: a row began, possibly replacing another; `ended`: no row from here on. */
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
    // If a part of a row was removed, its rest is a new row. The rest was written before the
    // removal.
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
