/** What differs between two moments, of one run or of two: their events beside each other, and the rows of tables. */
import { diffPositions, firstDifferentEvent } from "../diff.ts";
import type { RecordedRun, RunPosition } from "../recorded_run.ts";
import { formatEventText } from "@dmalab/lang/render";
import { type CellView, rowCells } from "./tables.ts";

/** A row that is only at one of the moments, or has other values there. */
export interface RowDiffView {
  /** `+` only at the second moment, `-` only at the first, `~` other values. */
  readonly mark: "+" | "-" | "~";
  /** Its fields, by the table's columns: those of the second moment, where it is there. */
  readonly cells: readonly CellView[];
  /** The fields at the first moment; null where it is not there, and where `cells` has them. */
  readonly was: readonly CellView[] | null;
  /** The event that wrote it, in the run of which `cells` are. */
  readonly createdSeq: number;
}

/** What differs between two moments. */
export interface DiffView {
  /** The first event that two runs do not have in common; null for none, and within one run. */
  readonly event: number | null;
  /** Tables that differ. */
  readonly tables: readonly {
    readonly name: string;
    readonly columns: readonly string[];
    readonly rows: readonly RowDiffView[];
  }[];
}

/** What differs between two moments. */
export function diffView(one: RunPosition, other: RunPosition): DiffView {
  const isOneRun = one.recording === other.recording;
  return {
    event: isOneRun ? null : firstDifferentEvent(one.recording, other.recording),
    tables: diffPositions(one, other).map(({ rows, table }) => ({
      name: table.spec.name,
      columns: Object.keys(table.spec.fields),
      rows: rows.map(({ after, before, mark }) => {
        const shown = (after ?? before)!;
        const was = after === null || before === null ? null : rowCells(table, before);
        return { mark, cells: rowCells(table, shown), was, createdSeq: shown.createdSeq };
      }),
    })),
  };
}

/** An event of one run beside one of another; null where one has none. */
export interface AlignedEvents {
  /** Its number in the one. */
  readonly one: number | null;
  /** Its number in the other. */
  readonly other: number | null;
  /** They say the same. */
  readonly isSame: boolean;
}

/** Events of two runs side by side: those with the same text, then those with the same name. */
export function alignEvents(
  one: RecordedRun,
  other: RecordedRun,
  from: number,
  count: number,
): readonly AlignedEvents[] {
  const left = seqsOf(one, from, count);
  const right = seqsOf(other, from, count);
  const rows: AlignedEvents[] = [];
  // What has no counterpart since the last that had one.
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

/** The longest common subsequence of two lists by their texts, with what has no counterpart between. */
function pairs(
  left: readonly number[],
  right: readonly number[],
  textLeft: (seq: number) => string,
  textRight: (seq: number) => string,
): readonly Pair[] {
  const lefts = left.map(textLeft);
  const rights = right.map(textRight);
  // By where one is in both: how many from there on have a counterpart.
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
