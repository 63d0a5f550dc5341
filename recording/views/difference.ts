/** Differences between two positions of one run or of two runs: rows of tables, and events side by side. */
import { groupBy } from "@dmalab/runtime/basics";
import type { HistoryTable } from "@dmalab/runtime/recording";
import { formatEventText } from "@dmalab/lang/render";

import type { RecordedRun, RunPosition } from "../recorded_run.ts";
import { type CellView, type RowView, rowView, sortedByKey } from "./tables.ts";

/**
 * A row that is valid at only one of two positions, or a row that replaced another row with the
 * same key.
 */
export interface RowDiff extends RowView {
  /** The name of the row's table. */
  readonly table: string;
  /**
   * `+` if the row is only at the second position, `-` if it is only at the first, `~` if its
   * values differ.
   */
  readonly mark: "+" | "-" | "~";
  /** For a row with other values, the fields at the first position; else null. */
  readonly was: readonly CellView[] | null;
}

/**
 * The rows that differ between two positions: rows of the second position, and rows that exist only at the
 * first. They are in the order of the tables, and within a table in the order of its key. A row that ended and
 * began again with the same values does not differ.
 */
export function changedRows(one: RunPosition, other: RunPosition): readonly RowDiff[] {
  return other.recording.tables.flatMap((table) => changedInTable(table, one, other));
}

function changedInTable(
  table: HistoryTable,
  one: RunPosition,
  other: RunPosition,
): readonly RowDiff[] {
  const first = one.recording.table(table.spec.name);
  const [before, after] = first === table
    ? rowsOfChange(table, one.position.seq, other.position.seq)
    : [first.rowsAt(one.position.seq), table.rowsAt(other.position.seq)];
  if (before.length + after.length === 0) return [];
  const left = groupBy(before.map((row) => comparedRow(first, row)), ({ values }) => values);
  const came = after.map((row) => comparedRow(table, row))
    .filter(({ values }) => left.get(values)?.shift() === undefined);
  const gone = groupBy([...left.values()].flat(), ({ place }) => place);
  const rows = came.map(({ place, view }): RowDiff => {
    // Several rows of a bag have the same key, so none of them replaces another.
    const was = table.spec.isBag === true ? undefined : gone.get(place)?.shift();
    const mark = was === undefined ? "+" : "~";
    return { ...view, table: table.spec.name, mark, was: was?.view.cells ?? null };
  });
  const lost = [...gone.values()].flat()
    .map(({ view }): RowDiff => ({ ...view, table: table.spec.name, mark: "-", was: null }));
  return sortedByKey(
    table,
    [...lost, ...rows],
    ({ cells }, field) => cells.find(({ name }) => name === field)!.value,
  );
}

/**
 * The rows of one run that are valid after only one of two events, in two lists: those valid only after
 * the first event, and those valid only after the second.
 */
function rowsOfChange(table: HistoryTable, from: number, to: number) {
  const changed = table.changedBetween(from, to);
  const isOld = (row: number) => table.since(row) <= Math.min(from, to);
  const [old, young] = [changed.filter(isOld), changed.filter((row) => !isOld(row))];
  return from <= to ? [old, young] as const : [young, old] as const;
}

/** A row with its values and its key, as texts. */
function comparedRow(table: HistoryTable, number: number) {
  const view = rowView(table, number);
  const { key, place } = table.spec;
  return {
    view,
    values: view.cells.map(({ value }) => String(value)).join("\n"),
    place: [...key.map((name) => table.value(number, name)), place?.(table.row(number) as never)]
      .join("\n"),
  };
}

/**
 * The number of the first event in which two runs differ. If one run has the same events as the
 * other and then ends, the number after its last event. Null when all events are the same.
 */
export function firstDifferentEvent(one: RecordedRun, other: RecordedRun): number | null {
  const common = Math.min(one.log.count, other.log.count);
  for (let seq = 1; seq <= common; seq++) {
    const isSameKind = one.log.kindAt(seq) === other.log.kindAt(seq);
    // The events are compared as text without the site, because the statement that led to an event
    // may have another location with the same text.
    const text = (recording: RecordedRun) =>
      JSON.stringify({ ...recording.event(seq), site: null });
    if (!isSameKind || text(one) !== text(other)) return seq;
  }
  return one.log.count === other.log.count ? null : common + 1;
}

/** Matching events of two runs; null where one run has no counterpart. */
export interface AlignedEvents {
  /** The event's number in the first run. */
  readonly one: number | null;
  /** The event's number in the second run. */
  readonly other: number | null;
  /** Whether the two events have the same text. */
  readonly isSame: boolean;
}

/**
 * Aligns events of two runs. First, events with the same text are aligned; between them, events
 * with the same name.
 */
export function alignEvents(
  one: RecordedRun,
  other: RecordedRun,
  from: number,
  count: number,
): readonly AlignedEvents[] {
  const left = seqsOf(one, from, count);
  const right = seqsOf(other, from, count);
  const rows: AlignedEvents[] = [];
  // The events without a counterpart since the last pair.
  let [gone, come]: [number[], number[]] = [[], []];
  const flush = () => {
    for (const [first, second] of pairs(gone, come, nameOf(one), nameOf(other))) {
      rows.push({ one: first, other: second, isSame: false });
    }
    [gone, come] = [[], []];
  };
  for (const [first, second] of pairs(left, right, textOf(one), textOf(other))) {
    if (first === null) come.push(second!);
    else if (second === null) gone.push(first);
    else {
      flush();
      rows.push({ one: first, other: second, isSame: true });
    }
  }
  flush();
  return rows;
}

function seqsOf({ log }: RecordedRun, from: number, count: number): readonly number[] {
  const length = Math.max(0, Math.min(count, log.count - from + 1));
  return Array.from({ length }, (_, index) => from + index);
}

function nameOf({ log }: RecordedRun): (seq: number) => string {
  return (seq) => `${log.deviceAt(seq)} ${log.nameAt(seq)}`;
}

function textOf(run: RecordedRun): (seq: number) => string {
  return (seq) => `${nameOf(run)(seq)} ${formatEventText(run.event(seq))}`;
}

type Pair = readonly [one: number | null, other: number | null];

/**
 * Aligns two lists by the longest common subsequence of their texts. Elements without a counterpart
 * stay between the aligned ones.
 */
function pairs(
  left: readonly number[],
  right: readonly number[],
  textLeft: (seq: number) => string,
  textRight: (seq: number) => string,
): readonly Pair[] {
  const lefts = left.map(textLeft);
  const rights = right.map(textRight);
  // `common[i][j]` is the length of the longest common subsequence of the rest of `left` from index
  // `i` and the rest of `right` from index `j`.
  const common = Array.from({ length: left.length + 1 }, () => new Int32Array(right.length + 1));
  for (let i = left.length - 1; i >= 0; i--) {
    for (let j = right.length - 1; j >= 0; j--) {
      common[i]![j] = lefts[i] === rights[j]
        ? 1 + common[i + 1]![j + 1]!
        : Math.max(common[i + 1]![j]!, common[i]![j + 1]!);
    }
  }
  const found: Pair[] = [];
  for (let i = 0, j = 0; i < left.length || j < right.length;) {
    if (i < left.length && lefts[i] === rights[j]) found.push([left[i++]!, right[j++]!]);
    else if (j === right.length || i < left.length && common[i + 1]![j]! >= common[i]![j + 1]!) {
      found.push([left[i++]!, null]);
    } else found.push([null, right[j++]!]);
  }
  return found;
}
