/** What differs between two moments, of one run or of two. */
import type { HistoryRow, HistoryTable } from "@dmalab/runtime/recording";
import type { RecordedRun, RunPosition } from "./recorded_run.ts";

/** A row that is only at one of the moments, or other there. */
export interface RowDiff {
  /** `+` only at the second moment, `-` only at the first, `~` other values. */
  readonly mark: "+" | "-" | "~";
  readonly before: HistoryRow | null;
  readonly after: HistoryRow | null;
}

/** What differs in one table. */
export interface TableDiff {
  readonly table: HistoryTable;
  readonly rows: readonly RowDiff[];
}

/** Tables that differ, in the order in which they are declared, each with its rows by their keys. */
export function diffPositions(one: RunPosition, other: RunPosition): readonly TableDiff[] {
  const differences: TableDiff[] = [];
  for (const table of other.recording.tables) {
    const rows = diffTable(table, heldAt(one, table.spec.name), heldAt(other, table.spec.name));
    if (rows.length > 0) differences.push({ table, rows });
  }
  return differences;
}

function heldAt({ position, recording }: RunPosition, name: string): readonly HistoryRow[] {
  const table = recording.table(name);
  return table.rowsAt(position.seq).map((row) => table.row(row));
}

function diffTable(
  { spec: { fields, key, place } }: HistoryTable,
  before: readonly HistoryRow[],
  after: readonly HistoryRow[],
): readonly RowDiff[] {
  const names = Object.keys(fields);
  const keyOf = (row: HistoryRow) =>
    [...key.map((name) => row[name]), place?.(row as never) ?? ""].join(" ");
  const textOf = (row: HistoryRow) => names.map((name) => String(row[name])).join(" ");
  const differences: RowDiff[] = [];
  const left = Map.groupBy(before, keyOf);
  for (const row of after) {
    const candidates = left.get(keyOf(row)) ?? [];
    const same = candidates.findIndex((each) => textOf(each) === textOf(row));
    if (same >= 0) candidates.splice(same, 1);
    else {
      const old = candidates.shift() ?? null;
      differences.push({ mark: old === null ? "+" : "~", before: old, after: row });
    }
  }
  for (const rows of left.values()) {
    for (const row of rows) differences.push({ mark: "-", before: row, after: null });
  }
  return differences;
}

/** The first event that two runs do not have in common; null when one is a beginning of the other. */
export function firstDifferentEvent(one: RecordedRun, other: RecordedRun): number | null {
  const common = Math.min(one.log.count, other.log.count);
  for (let seq = 1; seq <= common; seq++) {
    const isSameKind = one.log.kindAt(seq) === other.log.kindAt(seq);
    // The statement that led to it may stand elsewhere and say the same.
    const text = (recording: RecordedRun) =>
      JSON.stringify({ ...recording.event(seq), site: null });
    if (!isSameKind || text(one) !== text(other)) return seq;
  }
  return one.log.count === other.log.count ? null : common + 1;
}
