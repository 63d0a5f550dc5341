/** Rows of tables at a position, by the table's name or by address. */
import type { LabTableName, LabTableRow, TableFields } from "@dmalab/devices";
import type { HistoryRow } from "@dmalab/runtime/recording";
import type { FieldTable } from "@dmalab/runtime/vocabulary";
import type { RowField } from "./cells.ts";
import type { RecordedRun } from "./recorded_run.ts";
import type { Position } from "./position.ts";

/** Values that fields of a row must have; the lifetime is excluded. */
export type RowFilter<T extends LabTableName> = Partial<Pick<LabTableRow<T>, keyof TableFields[T]>>;

/**
 * The rows of a table at a position.
 * @param table The name of the table; for an added table, its specification.
 */
export function rowsAt<T extends LabTableName>(
  run: RecordedRun,
  table: T,
  position: Position,
): readonly LabTableRow<T>[];
/** The rows of an added table. */
export function rowsAt<F extends FieldTable>(
  run: RecordedRun,
  table: { readonly name: string; readonly fields: F },
  position: Position,
): readonly HistoryRow<F>[];
export function rowsAt(
  run: RecordedRun,
  table: string | { readonly name: string },
  position: Position,
): readonly HistoryRow[] {
  const facts = run.table(typeof table === "string" ? table : table.name);
  return facts.rowsAt(position.seq).map((row) => facts.row(row));
}

/**
 * The rows of a table that cover an address at a position: `rowsCovering(run, "page_table", 0xffff_d000,
 * position)`.
 *
 * @param equal Values that other fields must have, if several devices use the same addresses.
 * @throws {RangeError} When the table's rows cover no addresses.
 */
export function rowsCovering<T extends LabTableName>(
  run: RecordedRun,
  table: T,
  address: number,
  position: Position,
  equal: RowFilter<T> = {},
): readonly LabTableRow<T>[] {
  const { covers } = coveringCell(run, table, address);
  const wanted = Object.entries(equal);
  return rowsAt(run, table, position).filter((row) => {
    const values = row as Readonly<Record<string, unknown>>;
    const first = values[covers.field] as number;
    const end = first + (values[run.table(table).spec.size!] as number);
    return address >= first && address < end &&
      wanted.every(([name, value]) => values[name] === value);
  });
}

/**
 * The cell of a table that covers an address, for `lastWritesOf` and data breakpoints.
 * @throws {RangeError} When the table's rows cover no addresses.
 */
export function coveringCell(
  run: RecordedRun,
  table: string,
  address: number,
  equal: RowField["equal"] = {},
): RowField & { readonly covers: NonNullable<RowField["covers"]> } {
  const { addressField: field } = run.table(table);
  if (field === null) throw new RangeError(`Rows of table ${table} cover no addresses`);
  return { table, equal, covers: { field, address } };
}
