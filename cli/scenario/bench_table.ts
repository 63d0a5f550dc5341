/** What the machines of one bench did, side by side: a column a machine. */
import type { BenchOutcome } from "../../lang/run/report.ts";
import { PICTURE_COLUMNS, tableLines } from "../../lang/text/columns.ts";
import { formatDuration, formatTimeRounded } from "../../lang/text/numbers.ts";
import { EVENT_NAMES } from "../../runtime/event_vocabulary.ts";

/** A name, and what it is on each machine. */
type Row = readonly [string, ...string[]];

/**
 * The lines of the table. First what the machines did, which depends on the file and the seed alone;
 * how fast this computer was at it comes last.
 *
 * @param outcomes Of one bench, those that ran.
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
    ...priceLines(outcomes),
    "",
  ];
}

/** The settings that make the machines differ, a row a key. */
function headRows(outcomes: readonly BenchOutcome[]): Row[] {
  const keys = outcomes[0]!.settings.map(({ key }) => key);
  if (keys.length === 0) return [["a turn", "machine"]];
  return keys.map((key, index): Row => [
    key,
    ...outcomes.map(({ settings }) => settings[index]!.value),
  ]);
}

function resultRows(outcomes: readonly BenchOutcome[]): Row[] {
  const names = EVENT_NAMES.filter((name) => outcomes.some(({ counts }) => name in counts));
  return [
    [
      "virtual time",
      ...outcomes.map(({ iterations, virtualNs }) => formatTimeRounded(virtualNs / iterations)),
    ],
    ["events", ...outcomes.map((each) => perTurn(each, totalOf(each)))],
    ...names.map((name): Row => [
      name,
      ...outcomes.map((each) => perTurn(each, each.counts[name] ?? 0)),
    ]),
  ];
}

function totalOf({ counts }: BenchOutcome): number {
  return Object.values(counts).reduce((sum, count) => sum + count, 0);
}

function perTurn({ iterations }: BenchOutcome, count: number): string {
  return String(Number((count / iterations).toPrecision(3)));
}

/** Turns of the loop in one second of the host's clock. */
export function turnsPerSecond({ timed }: BenchOutcome): number | null {
  return timed === null || timed.wallMs === 0 ? null : timed.iterations / timed.wallMs * 1000;
}

function hostRows(outcomes: readonly BenchOutcome[]): Row[] {
  const rates = outcomes.map(turnsPerSecond);
  if (rates.every((rate) => rate === null)) return [];
  const texts = rates.map((rate) => rate === null ? "" : Math.round(rate).toLocaleString("en-US"));
  return [["turns/s of this host", ...texts]];
}

/** What the virtual time was counted with: a time means nothing without it. */
function priceLines(outcomes: readonly BenchOutcome[]): string[] {
  const texts = outcomes.map(pricesText);
  if (new Set(texts).size === 1) return [texts[0]!];
  return outcomes.map(({ combination }, index) => `${combination}: ${texts[index]}`);
}

function pricesText({ pricesNs }: BenchOutcome): string {
  const prices = Object.entries(pricesNs).map(([key, ns]) => `${key} ${formatDuration(ns)}`);
  return prices.length === 0 ? "nothing has a price" : `at ${prices.join(", ")}`;
}

function chosen([name, ...cells]: Row, columns: readonly number[]): string[] {
  return [name, ...columns.map((column) => cells[column]!)];
}

/** The machines that stand side by side: as many as there is room for. */
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
