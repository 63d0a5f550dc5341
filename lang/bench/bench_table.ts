/** A bench as tables of exact figures, which depend only on the file and the seed. */
import { groupBy, maxOf } from "@dmalab/runtime/basics";
import { describeSettings } from "../values/machine_variant.ts";
import type { BenchOutcome, BenchReport } from "../run/report.ts";
import { clip, PICTURE_COLUMNS, tableLines } from "../text/columns.ts";
import { formatCount, formatDuration, groupThousands } from "../text/numbers.ts";
import {
  axisValue,
  benchAxes,
  type BenchAxis,
  countedCells,
  ratioToBaseline,
  tellingFigures,
} from "./bench_view.ts";
import type { LatencySummary } from "./distribution.ts";
import { figureText, ratioText } from "./figure_text.ts";

const OVER_BUDGET = "!";

/** Names of the rows that contain no figure. */
const ITERATIONS = "iterations";
const DISTRIBUTION = "distribution";

/** A name, and its value in each column. */
type Row = readonly [string, ...string[]];

/**
 * The lines of a bench; empty if no cell has counts.
 *
 * @param chosen Names of figures and events to show; if empty, all figures that are not 0.
 */
export function benchTable(
  report: BenchReport,
  chosen: readonly string[] = [],
): string[] {
  const cells = countedCells(report);
  if (cells.length === 0) return [];
  const axes = benchAxes(report);
  const table = new BenchTable(report, cells, axes, chosen);
  const isByColumn = axes.length < 2 || cells.length < 4;
  return [
    ...isByColumn ? table.byColumn() : axes.length === 2 ? table.matrices() : table.byRow(),
    ...table.notes(isByColumn),
  ];
}

class BenchTable {
  constructor(
    readonly report: BenchReport,
    readonly cells: readonly BenchOutcome[],
    readonly axes: readonly BenchAxis[],
    readonly chosen: readonly string[],
  ) {}

  /** A column for each cell, a row for each figure and each event. */
  byColumn(): string[] {
    const { cells } = this;
    const { different, same } = tellingFigures(cells);
    // Return events are left out: there are as many of them as call events.
    const events = [...new Set(cells.flatMap(({ counts }) => Object.keys(counts)))]
      .filter((name) => !name.startsWith("ret."));
    const row = (name: string, of: (cell: BenchOutcome) => string): Row => [name, ...cells.map(of)];
    const isChosen = this.chosen.length > 0;
    const figures = isChosen ? this.chosen : [...different, ...same];
    const heads: Row[] = this.axes.length === 0
      ? [row("per iteration", (cell) => clip(cell.bench, 24) + mark(cell))]
      : this.axes.map(({ key }, index) =>
        row(key, (cell) => axisValue(cell, key) + (index === 0 ? mark(cell) : ""))
      );
    const rows = [
      ...this.#counts().map((name) => row(name, ({ iterations }) => groupThousands(iterations))),
      ...figures.map((name) => row(name, (cell) => this.#text(cell, name))),
      ...!isChosen && this.#distributions().length > 0
        ? [row(DISTRIBUTION, ({ latency }) => bars(latency))]
        : [],
      ...isChosen
        ? []
        : busyNames(cells).map((name) => row(`${name} busy`, (cell) => busyText(cell, name))),
      ...isChosen ? [] : events.map((name) => row(name, (cell) => figureText(name, cell))),
    ];
    return split(heads, rows);
  }

  /** For each figure that differs between cells, a table of the first axis by the second. */
  matrices(): string[] {
    const [down, across] = this.axes as readonly [BenchAxis, BenchAxis];
    const different = this.#inMatrices();
    const cellAt = (row: string, column: string) =>
      this.cells.find((cell) =>
        axisValue(cell, down.key) === row && axisValue(cell, across.key) === column
      );
    const shown = [...this.#counts(), ...different, ...this.#distributions()];
    const parts = shown.flatMap((figure) => {
      const rows = down.values.map((value): Row => [
        value,
        ...across.values.map((column) => {
          const cell = cellAt(value, column);
          if (cell === undefined) return "-";
          return this.#text(cell, figure) + mark(cell);
        }),
      ]);
      const head: Row = [`${figure}: ${down.key}, ${across.key}`, ...across.values];
      return split([head], rows);
    });
    return [...parts, ...this.#same()];
  }

  /** A row for each cell, for more than two axes. */
  byRow(): string[] {
    const figures = [...this.#counts(), ...this.#inMatrices(), ...this.#distributions()];
    const keys = this.axes.map(({ key }) => key);
    const lines: string[] = [];
    // Each part of the table has as many figures as fit beside each other.
    let from = 0;
    do {
      let count = figures.length - from;
      for (;; count--) {
        const shown = figures.slice(from, from + count);
        const rows = this.cells.map((cell) => [
          ...keys.map((key, index) => axisValue(cell, key) + (index === 0 ? mark(cell) : "")),
          ...shown.map((name) => this.#text(cell, name)),
        ]);
        const alignments = [
          ...keys.map(() => "left" as const),
          ...shown.map(() => "right" as const),
        ];
        const table = tableLines([...keys, ...shown], rows, alignments, Infinity);
        if (count > 1 && table.some(({ length }) => length > PICTURE_COLUMNS)) continue;
        lines.push(...table.map((line) => clip(line, PICTURE_COLUMNS)), "");
        break;
      }
      from += Math.max(1, count);
    } while (from < figures.length);
    return [...lines, ...this.#same()];
  }

  /** @param hasEvents Whether the table has a row for each event. */
  notes(hasEvents: boolean): string[] {
    const over = this.cells.filter(({ isOverBudget }) => isOverBudget);
    const isQueued = this.cells.some(({ counts }) =>
      (counts["iova.free"] ?? 0) > 0 && (counts["flush_queue.flush"] ?? 0) > 0
    );
    return [
      ...conditionLines(this.cells),
      ...isQueued && hasEvents && (this.chosen.length === 0 || this.chosen.includes("iova.free"))
        ? ["iova.free: a range in the flush queue counts again when the queue is flushed"]
        : [],
      ...over.length === 0 ? [] : [`${OVER_BUDGET} over its budget`],
      ...this.report.baseline === null ? [] : [
        `×: relative to ${this.report.baseline.key} = ${this.report.baseline.value}; no factor where that is 0`,
      ],
      "",
    ];
  }

  /**
   * The figures that differ between cells. Each percentile would need a separate table, so only the
   * median and the tail are included.
   */
  #inMatrices(): readonly string[] {
    if (this.chosen.length > 0) return this.chosen;
    return tellingFigures(this.cells).different.filter((name) => name !== "p90" && name !== "max");
  }

  #distributions(): string[] {
    const differ = this.cells.some(({ latency }) => latency.ranges.length > 1);
    return differ && this.chosen.length === 0 ? [DISTRIBUTION] : [];
  }

  /** The figures that are equal in all cells, on one line. */
  #same(): string[] {
    const { same } = tellingFigures(this.cells);
    const [first] = this.cells;
    if (same.length === 0 || this.chosen.length > 0) return [];
    const texts = same.map((name) => `${name} ${figureText(name, first!)}`);
    return [`the same in all cells: ${texts.join(", ")}`, ""];
  }

  /** The name of the row with the iterations, if these differ between cells. */
  #counts(): string[] {
    if (this.chosen.length > 0) return [];
    return new Set(this.cells.map(({ iterations }) => iterations)).size > 1 ? [ITERATIONS] : [];
  }

  #text(cell: BenchOutcome, figure: string): string {
    if (figure === ITERATIONS) return groupThousands(cell.iterations);
    if (figure === DISTRIBUTION) return bars(cell.latency);
    const ratio = ratioToBaseline(this.report, cell, figure);
    const text = figureText(figure, cell);
    return ratio === null ? text : `${text} ${ratioText(ratio)}`;
  }
}

function mark({ isOverBudget }: BenchOutcome): string {
  return isOverBudget ? OVER_BUDGET : "";
}

const BARS = "▁▂▃▄▅▆▇█";

/**
 * The number of measured times in each range, as bars. The ranges go from the shortest times to the
 * longest.
 */
function bars({ ranges }: LatencySummary): string {
  const most = maxOf(ranges.map(({ count }) => count));
  return ranges.map(({ count }) =>
    count === 0 ? "·" : BARS[Math.ceil(count / most * BARS.length) - 1]!
  ).join("");
}

function busyNames(cells: readonly BenchOutcome[]): string[] {
  const names = new Set(
    cells.flatMap(({ busy }) => busy.filter(({ busyNs }) => busyNs > 0).map(({ name }) => name)),
  );
  return [...names];
}

/** The share of the virtual time in which a CPU or device worked. */
function busyText({ busy, virtualNs }: BenchOutcome, name: string): string {
  const busyNs = busy.find((each) => each.name === name)?.busyNs ?? 0;
  return virtualNs === 0 ? "-" : `${Number((100 * busyNs / virtualNs).toFixed(1))}%`;
}

/** What the figures stand for: how often the loops ran, and the latencies of the machines. */
export function conditionLines(cells: readonly BenchOutcome[]): string[] {
  return [...iterationLines(cells), ...latencyLines(cells)];
}

/** How often the loops ran, and why they stopped. */
function iterationLines(cells: readonly BenchOutcome[]): string[] {
  const texts = new Set(cells.map(iterationText));
  if (texts.size === 1) return [`per iteration, of ${[...texts][0]}`];
  const parts = [...groupBy(cells, ({ stopped }) => stopped!)].map(([stopped, some]) =>
    `${formatCount(some.length, "loop")} ${
      {
        "loop count": "ran as often as the bench says",
        events: "ran fewer, as more would cause 100_000 events",
        iterations: `ran ${groupThousands(some[0]!.iterations)} iterations`,
      }[stopped]
    }`
  );
  return [`per iteration; ${parts.join(", ")}`];
}

function iterationText({ iterations, stopped, warmup }: BenchOutcome): string {
  const count = formatCount(iterations, "iteration");
  const why = stopped === "loop count"
    ? ", as the bench says"
    : stopped === "events"
    ? ": more would cause too many events"
    : "";
  return `${count}${why}${warmup === 0 ? "" : `, after ${warmup} to warm up`}`;
}

/** The latencies that make up the virtual time, which has no meaning without them. */
function latencyLines(cells: readonly BenchOutcome[]): string[] {
  const byText = groupBy(cells, latenciesText);
  if (byText.size === 1) return [[...byText.keys()][0]!];
  return [...byText].map(([text, some]) => `${describeSettings(some[0]!.axes)}: ${text}`);
}

function latenciesText({ latenciesNs }: BenchOutcome): string {
  const latencies = Object.entries(latenciesNs).map(([key, ns]) => `${key} ${formatDuration(ns)}`);
  return latencies.length === 0
    ? "all latencies are 0: only `advance` moves virtual time"
    : `virtual time at ${latencies.join(", ")}`;
}

/** Splits a table into parts, each with as many columns as fit. */
function split(heads: readonly Row[], rows: readonly Row[]): string[] {
  const all = [...heads, ...rows];
  const width = (column: number) => maxOf(all.map((row) => row[column]!.length));
  const parts: number[][] = [];
  let room = 0;
  for (let column = 1; column < heads[0]!.length; column++) {
    const needed = width(column) + 2;
    if (room < needed || parts.length === 0) {
      parts.push([]);
      room = PICTURE_COLUMNS - width(0);
    }
    parts.at(-1)!.push(column);
    room -= needed;
  }
  return parts.flatMap((part) => {
    const [head, ...more] = all.map((row) => [row[0], ...part.map((column) => row[column]!)]);
    const sides = ["left", ...part.map(() => "right" as const)] as const;
    return [...tableLines(head!, more, sides, PICTURE_COLUMNS), ""];
  });
}
