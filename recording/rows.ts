/** Rows of tables by the table's name, and by what they cover. */
import type { TableFields, TableName, TableRow } from "@dmalab/devices";
import type { FactRow } from "@dmalab/runtime/recording";
import type { FieldTable } from "@dmalab/runtime/vocabulary";
import type { Cell } from "./cells.ts";
import type { KeptRun } from "./kept_run.ts";
import type { Position } from "./position.ts";

/** The fields of a row, but for its life: what must be equal. */
export type SomeValues<T extends TableName> = Partial<Pick<TableRow<T>, keyof TableFields[T]>>;

/**
 * The rows of a table at a moment.
 * @param table Its name; of a table that was added, what describes it.
 */
export function rowsAt<T extends TableName>(
  run: KeptRun,
  table: T,
  at: Position,
): readonly TableRow<T>[];
/** The rows of a table that was added. */
export function rowsAt<F extends FieldTable>(
  run: KeptRun,
  table: { readonly name: string; readonly fields: F },
  at: Position,
): readonly FactRow<F>[];
export function rowsAt(
  run: KeptRun,
  table: string | { readonly name: string },
  at: Position,
): readonly FactRow[] {
  const facts = run.table(typeof table === "string" ? table : table.name);
  return facts.rowsAt(at.seq).map((row) => facts.row(row));
}

/**
 * The rows of a table that cover an address at a moment: `rowsCovering(run, "page_table", 0xffff_d000, at)`.
 *
 * @param equal Values of other fields, where several devices have the same addresses.
 * @throws {RangeError} When the table's rows cover no addresses.
 */
export function rowsCovering<T extends TableName>(
  run: KeptRun,
  table: T,
  address: number,
  at: Position,
  equal: SomeValues<T> = {},
): readonly TableRow<T>[] {
  const { covers } = coveringCell(run, table, address);
  const wanted = Object.entries(equal);
  return rowsAt(run, table, at).filter((row) => {
    const values = row as Readonly<Record<string, unknown>>;
    const first = values[covers.field] as number;
    const end = first + (values[run.table(table).spec.size!] as number);
    return address >= first && address < end &&
      wanted.every(([name, value]) => values[name] === value);
  });
}

/**
 * The place of a table that covers an address, for `writersOf` and data breakpoints.
 * @throws {RangeError} When the table's rows cover no addresses.
 */
export function coveringCell(
  run: KeptRun,
  table: string,
  address: number,
  equal: Cell["equal"] = {},
): Cell & { readonly covers: NonNullable<Cell["covers"]> } {
  const { addressField: field } = run.table(table);
  if (field === null) throw new RangeError(`Rows of table ${table} cover no addresses`);
  return { table, equal, covers: { field, address } };
}
