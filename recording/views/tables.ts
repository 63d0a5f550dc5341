/** Rows of a recording's tables as text, the same in every view. */
import type { HistoryTable } from "@dmalab/runtime/recording";
import type { FieldKind } from "@dmalab/runtime/vocabulary";
import { formatFieldValue, valuePart } from "@dmalab/lang/render";
import type { Position } from "../position.ts";
import type { RecordedRun } from "../recorded_run.ts";

/** A value with its field, kind and text. */
export interface CellView {
  /** The name of the value's field. */
  readonly name: string;
  /** The kind of the value. */
  readonly kind: FieldKind;
  /** The value itself; null for none. */
  readonly value: unknown;
  /** Its text. */
  readonly text: string;
}

/** A row of a table at a position. */
export interface RowView {
  /** The row's number in its table. */
  readonly row: number;
  /** The row's fields, by the table's columns. */
  readonly cells: readonly CellView[];
  /** The event that created the row; 0 if the row existed when the machine was ready. */
  readonly createdSeq: number;
  /** The event that ended the row; null while the row is valid. */
  readonly endedSeq: number | null;
}

/** A table at a position. */
export interface TableView {
  /** The name of the table. */
  readonly name: string;
  /** The meaning of a row. */
  readonly doc: string;
  /** The names of the table's fields. */
  readonly columns: readonly string[];
  /** Number of valid rows in all. */
  readonly count: number;
  /** The rows in the requested window. */
  readonly rows: readonly RowView[];
}

/** A window of a table's rows. */
export interface RowWindow {
  /** Index of the first row. */
  readonly first: number;
  /** Maximum number of rows. */
  readonly count: number;
}

const ALL: RowWindow = { first: 0, count: Infinity };

/** A table at a position, sorted by its key; only rows in the window are converted to text. */
export function tableAt(
  recording: RecordedRun,
  name: string,
  position: Position,
  { count, first }: RowWindow = ALL,
): TableView {
  const table = recording.table(name);
  const all = rowsByKey(table, position);
  const rows = all.slice(first, first + count).map((row) => rowView(table, row));
  return {
    name,
    doc: table.spec.doc,
    columns: Object.keys(table.spec.fields),
    count: all.length,
    rows,
  };
}

export function rowsByKey(table: HistoryTable, position: Position): readonly number[] {
  const rows = table.rowsAt(position.seq).sort((one, other) => one - other);
  return sortedByKey(table, rows, (row, field) => table.value(row, field));
}

/** Number of valid rows of each table at a position. */
export function tableSizes(
  recording: RecordedRun,
  position: Position,
): readonly { readonly name: string; readonly rows: number }[] {
  return recording.tables.map((table) => ({
    name: table.spec.name,
    rows: table.rowsAt(position.seq).length,
  }));
}

export function rowView(table: HistoryTable, number: number): RowView {
  const row = table.row(number);
  return {
    row: number,
    cells: Object.entries(table.spec.fields)
      .map(([name, field]) => valuePart(name, field, row[name] ?? null)),
    createdSeq: row.createdSeq,
    endedSeq: row.endedSeq,
  };
}

export function rowTexts({ cells }: Pick<RowView, "cells">): readonly string[] {
  return cells.map(({ text }) => text);
}

/** The key of a row, as text. */
export function keyText(table: HistoryTable, row: number): string {
  const { fields, key } = table.spec;
  return key.map((name) => formatFieldValue(fields[name]!, table.value(row, name)))
    .join(" ");
}

/** Sorts rows by the key of their table; rows with the same key keep their order. */
export function sortedByKey<T>(
  { spec: { key } }: HistoryTable,
  rows: readonly T[],
  valueOf: (row: T, field: string) => unknown,
): readonly T[] {
  const keyed = rows.map((row) => ({ row, values: key.map((name) => valueOf(row, name)) }));
  keyed.sort((one, other) => {
    for (let index = 0; index < key.length; index++) {
      const order = compareValues(one.values[index], other.values[index]);
      if (order !== 0) return order;
    }
    return 0;
  });
  return keyed.map(({ row }) => row);
}

function compareValues(one: unknown, other: unknown): number {
  // Most rows belong to the same device. Without this test, the locale comparison of equal names
  // would take longer than all other comparisons.
  if (one === other) return 0;
  if (typeof one === "number" && typeof other === "number") return one - other;
  return String(one).localeCompare(String(other), "en");
}
