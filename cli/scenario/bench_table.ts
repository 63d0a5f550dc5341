/** The benches of a file, side by side: a column for each of their machines. */
import { type BenchOutcome, displayName } from "@dmalab/lang/run";
import {
  clip,
  formatDuration,
  formatTimeRounded,
  PICTURE_COLUMNS,
  tableLines,
} from "@dmalab/lang/text";
import { EVENT_NAMES } from "@dmalab/runtime";

/** A name, and its value in each column. */
type Row = readonly [string, ...string[]];

/**
 * The lines of the table. First what depends on the file and the seed alone; the speed on this host
 * comes last.
 *
 * @param outcomes Of one file, those that ran.
 */
export function benchTable(outcomes: readonly BenchOutcome[]): string[] {
  if (outcomes.length === 0) return [];
  const rows = [...resultRows(outcomes), ...hostRows(outcomes)];
  const heads = headRows(outcomes);
  return [
    ...parts(heads, rows).flatMap((columns) => {
      const [head, ...more] = heads.map((row) => chosen(row, columns));
      const body = [...more, ...rows.map((row) => chosen(row, columns))];
      return [...tableLines(head!, body, ["left", ...columns.map(() => "right" as const)]), ""];
    }),
    ...latencyLines(outcomes),
    "",
  ];
}

/** Columns for the name of a bench beside others. */
const NAME_COLUMNS = 24;

/** The benches, where there are several, and the settings that make their machines differ: a row a key. */
function headRows(outcomes: readonly BenchOutcome[]): Row[] {
  const keys = new Set(outcomes.flatMap(({ settings }) => settings.map(({ key }) => key)));
  const row = (name: string, of: (outcome: BenchOutcome) => string): Row => [
    name,
    ...outcomes.map(of),
  ];
  const isOne = outcomes.every(({ place }) => place === outcomes[0]!.place);
  return [
    ...isOne && keys.size > 0 ? [] : [row("per iteration", ({ name }) => clip(name, NAME_COLUMNS))],
    ...[...keys].map((key) =>
      row(key, ({ settings }) => settings.find((each) => each.key === key)?.value ?? "")
    ),
  ];
}

function resultRows(outcomes: readonly BenchOutcome[]): Row[] {
  const names = EVENT_NAMES.filter((name) => outcomes.some(({ counts }) => name in counts));
  return [
    [
      "virtual time",
      ...outcomes.map(({ iterations, virtualNs }) => formatTimeRounded(virtualNs / iterations)),
    ],
    ["events", ...outcomes.map((each) => perIteration(each, totalOf(each)))],
    ...names.map((name): Row => [
      name,
      ...outcomes.map((each) => perIteration(each, each.counts[name] ?? 0)),
    ]),
  ];
}

function totalOf({ counts }: BenchOutcome): number {
  return Object.values(counts).reduce((sum, count) => sum + count, 0);
}

function perIteration({ iterations }: BenchOutcome, count: number): string {
  return String(Number((count / iterations).toPrecision(3)));
}

/** Iterations in one second of the host's clock. */
export function iterationsPerSecond({ timed }: BenchOutcome): number | null {
  return timed === null || timed.wallMs === 0 ? null : timed.iterations / timed.wallMs * 1000;
}

function hostRows(outcomes: readonly BenchOutcome[]): Row[] {
  const rates = outcomes.map(iterationsPerSecond);
  if (rates.every((rate) => rate === null)) return [];
  const texts = rates.map((rate) => rate === null ? "" : Math.round(rate).toLocaleString("en-US"));
  return [["iterations/s on this host", ...texts]];
}

/** The latencies that the virtual time is the sum of: without them it means nothing. */
function latencyLines(outcomes: readonly BenchOutcome[]): string[] {
  const texts = outcomes.map(latenciesText);
  if (new Set(texts).size === 1) return [texts[0]!];
  return outcomes.map((outcome, index) => `${displayName(outcome)}: ${texts[index]}`);
}

function latenciesText({ latenciesNs }: BenchOutcome): string {
  const latencies = Object.entries(latenciesNs).map(([key, ns]) => `${key} ${formatDuration(ns)}`);
  return latencies.length === 0
    ? "all latencies are 0: only `advance` moves virtual time"
    : `at ${latencies.join(", ")}`;
}

function chosen([name, ...cells]: Row, columns: readonly number[]): string[] {
  return [name, ...columns.map((column) => cells[column]!)];
}

/** The columns of each part of the table: as many as there is room for. */
function parts(heads: readonly Row[], rows: readonly Row[]): number[][] {
  const all = [...heads, ...rows];
  const width = (column: number) => Math.max(...all.map((row) => row[column]!.length));
  const found: number[][] = [];
  let room = 0;
  for (let column = 1; column < heads[0]!.length; column++) {
    const needed = width(column) + 2;
    if (room < needed) {
      found.push([]);
      room = PICTURE_COLUMNS - width(0);
    }
    found.at(-1)!.push(column - 1);
    room -= needed;
  }
  return found;
}
