/**
 * A bench as a picture for print, with a panel for each figure that differs between cells. If an
 * axis is numeric, a panel has lines over that axis, with logarithmic scales; otherwise it has
 * bars.
 */
import { groupBy } from "@dmalab/runtime/basics";
import { describeSettings } from "../values/machine_variant.ts";
import type { BenchOutcome, BenchReport } from "../run/report.ts";
import { amountAxis, axisLabel, linearPlace, placeText, type PlotAxis } from "../text/axis.ts";
import { wrapText } from "../text/columns.ts";
import { escapeMarkup } from "../text/markup.ts";
import {
  axisValue,
  benchAxes,
  type BenchAxis,
  cellFigure,
  countedCells,
  tellingFigures,
} from "./bench_view.ts";
import type { HostTime } from "./bench_json.ts";
import { conditionLines } from "./bench_table.ts";
import { figureText } from "./figure_text.ts";
import { formatDuration, formatSizeCut, formatTimeRounded } from "../text/numbers.ts";
import { figureNamed, type FigureUnit } from "./figures.ts";

/** Limit of the panels in one picture. Further figures are only in the table. */
const MAX_PANELS = 8;

const PANEL = { width: 360, height: 250, left: 62, right: 12, top: 34, bottom: 44 } as const;
const PANELS_ACROSS = 2;
/** The lines below the panels: their distance in pixels, and the letters that surely fit. */
const NOTE = { height: 16, letters: { 1: 60, 2: 124 } } as const;

/**
 * Colours of a plot, in any form that is valid in CSS. Without colour, series differ by their
 * dashes.
 */
export interface PlotColours {
  readonly ground: string;
  readonly text: string;
  readonly grid: string;
  readonly axis: string;
  /**
   * The colours of the series, in order. If there are more series than colours, the colours start
   * again from the first.
   */
  readonly series: readonly string[];
}

/** Colours for print: dark on white. */
const PRINT: PlotColours = {
  ground: "#fff",
  text: "#000",
  grid: "#ddd",
  axis: "#555",
  series: ["#1b4f9c", "#b3401a", "#2f7d32", "#6a3d9a", "#8c6d00", "#00798c"],
};
const DASHES = ["", "6 3", "2 2", "8 3 2 3", "1 3", "10 4"] as const;

/** A series of a panel: its name and its points. */
interface PlotSeries {
  readonly name: string;
  readonly points: readonly PlotPoint[];
}

interface PlotPoint {
  readonly x: number;
  readonly label: string;
  readonly value: number;
  /** Half the length of the error bar; 0 for exact values. */
  readonly spread: number;
  readonly text: string;
}

interface PlotPanel {
  readonly title: string;
  readonly unit: FigureUnit;
  readonly series: readonly PlotSeries[];
}

/**
 * The SVG of a bench; null if no figure differs between its cells.
 *
 * @param hostTimes Times of the cells, in the order of the cells, for a separate panel.
 * @param chosen Names of figures and events to draw; if empty, the figures that differ between
 *   cells.
 * @param colours The default is for print.
 */
export function benchPlot(
  report: BenchReport,
  hostTimes: readonly (HostTime | null)[] = [],
  chosen: readonly string[] = [],
  colours: PlotColours = PRINT,
): string | null {
  const cells = countedCells(report);
  const axes = benchAxes(report);
  const over = axes.find(({ values }) => values.every((value) => numberOf(value) !== null)) ?? null;
  const telling = tellingFigures(cells).different.filter((name) =>
    name !== "p90" && name !== "max"
  );
  const figures = chosen.length > 0 ? chosen : telling.slice(0, MAX_PANELS);
  const exact = figures.map((figure): PlotPanel => ({
    title: `${figure}${
      figureNamed(figure)?.isTotal === false
        ? ` of each ${cells[0]?.latency.of ?? "iteration"}`
        : " per iteration"
    }`,
    unit: figureNamed(figure)?.unit ?? "count",
    series: seriesOf(cells, axes, over, (cell) => ({
      value: cellFigure(cell, figure),
      spread: 0,
      text: figureText(figure, cell),
    })),
  }));
  const timed = hostTimes.some((time) => time !== null)
    ? [{
      title: "processor time of the host per iteration",
      unit: "ns" as const,
      series: seriesOf(cells, axes, over, (cell) => {
        const time = hostTimes[report.cells.indexOf(cell)];
        const { medianNs: value, spreadNs: spread } = time ?? { medianNs: 0, spreadNs: 0 };
        return {
          value,
          spread,
          text: `${formatTimeRounded(value)} ± ${formatTimeRounded(spread)}`,
        };
      }),
    }]
    : [];
  const panels = [...exact, ...timed];
  return panels.length === 0
    ? null
    : svg({ name: report.name, panels, over, notes: conditionLines(cells) }, colours);
}

function seriesOf(
  cells: readonly BenchOutcome[],
  axes: readonly BenchAxis[],
  over: BenchAxis | null,
  of: (cell: BenchOutcome) => Pick<PlotPoint, "value" | "spread" | "text">,
): PlotSeries[] {
  const others = axes.filter((axis) => axis !== over);
  const nameOf = (cell: BenchOutcome) =>
    describeSettings(others.map(({ key }) => ({ key, value: axisValue(cell, key) })));
  if (over === null) {
    const points = cells.map((cell, x): PlotPoint => ({
      x,
      label: axes.map(({ key }) => axisValue(cell, key)).join(" "),
      ...of(cell),
    }));
    return [{ name: "", points }];
  }
  return [...groupBy(cells, nameOf)].map(([name, some]) => ({
    name,
    points: some.map((cell): PlotPoint => {
      const label = axisValue(cell, over.key);
      return { x: numberOf(label)!, label, ...of(cell) };
    }),
  }));
}

const UNITS: Readonly<Record<string, number>> = {
  "": 1,
  B: 1,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
  ns: 1,
  us: 1e3,
  ms: 1e6,
  s: 1e9,
};

/** The numeric value of an axis value: `64KiB`, `8`, `1.5us`; null for a word. */
function numberOf(value: string): number | null {
  const [, digits, unit] = value.match(/^([\d_]+(?:\.\d+)?)([A-Za-z]*)$/) ?? [];
  if (digits === undefined || !Object.hasOwn(UNITS, unit!)) return null;
  const number = Number(digits.replaceAll("_", "")) * UNITS[unit!]!;
  return number > 0 ? number : null;
}

interface Plot {
  readonly name: string;
  readonly panels: readonly PlotPanel[];
  /** The axis of lines; null for bars. */
  readonly over: BenchAxis | null;
  /** Sentences below the panels. */
  readonly notes: readonly string[];
}

function svg({ name, notes, over, panels }: Plot, colours: PlotColours): string {
  const across = panels.length === 1 ? 1 : PANELS_ACROSS;
  const lines = notes.flatMap((note) => wrapText(note, NOTE.letters[across]));
  const legend = panels[0]!.series.map(({ name: series }) => series).filter((series) =>
    series !== ""
  );
  const top = 26 + 16 * legend.length;
  const width = across * PANEL.width;
  const foot = top + Math.ceil(panels.length / across) * PANEL.height + NOTE.height / 2;
  const height = foot + NOTE.height * lines.length;
  const drawn = panels.map((panel, index) => {
    const [x, y] = [index % across * PANEL.width, top + Math.floor(index / across) * PANEL.height];
    return `<g transform="translate(${x} ${y})">${
      over === null ? barPanel(panel, colours) : linePanel(panel, over, colours)
    }</g>`;
  });
  const legends = legend.map((text, index) =>
    `<line x1="12" x2="44" y1="${36 + 16 * index}" y2="${36 + 16 * index}" ${
      stroke(index, colours)
    }/>` +
    axisLabel(52, 40 + 16 * index, text, "start")
  );
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" ` +
    `viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="11" fill="${colours.text}" role="img">` +
    `<title>${
      escapeMarkup(name)
    }</title><rect width="100%" height="100%" fill="${colours.ground}"/>` +
    `<text x="12" y="18" font-size="13" font-weight="bold">${escapeMarkup(name)}</text>` +
    `${legends.join("")}${drawn.join("")}` +
    lines.map((line, index) => axisLabel(12, foot + NOTE.height * index, line, "start")).join("") +
    "</svg>\n";
}

function stroke(series: number, colours: PlotColours): string {
  const dash = DASHES[series % DASHES.length]!;
  return `fill="none" stroke="${ofSeries(series, colours)}" stroke-width="1.6"${
    dash === "" ? "" : ` stroke-dasharray="${dash}"`
  }`;
}

function ofSeries(series: number, { series: colours }: PlotColours): string {
  return colours[series % colours.length]!;
}

function frame({ title, unit }: PlotPanel, y: PlotAxis, colours: PlotColours): string {
  const { bottom, height, left, right, width } = PANEL;
  const lines = y.ticks.map((tick) => {
    const at = placeText(y.place(tick));
    return `<line x1="${left}" x2="${
      width - right
    }" y1="${at}" y2="${at}" stroke="${colours.grid}"/>` +
      axisLabel(left - 5, y.place(tick) + 4, tickText(tick, unit), "end");
  });
  const scale = y.isLogarithmic ? ", logarithmic" : "";
  return `<text x="${left}" y="14" font-weight="bold">${escapeMarkup(title)}${scale}</text>${
    lines.join("")
  }` +
    `<line x1="${left}" x2="${left}" y1="${PANEL.top}" y2="${
      height - bottom
    }" stroke="${colours.axis}"/>`;
}

function tickText(value: number, unit: FigureUnit): string {
  if (unit === "ns") return formatDuration(value);
  if (unit === "bytes" && Number.isInteger(value)) return formatSizeCut(value);
  return value >= 1e6
    ? value.toExponential(0).replace("+", "")
    : String(Number(value.toPrecision(6)));
}

function linePanel(panel: PlotPanel, over: BenchAxis, colours: PlotColours): string {
  const { series } = panel;
  const { bottom, height, left, right, top, width } = PANEL;
  const points = series.flatMap((each) => each.points);
  const y = amountAxis(points.map(({ value }) => value), { from: height - bottom, to: top });
  const xs = [...new Set(points.map((point) => point.x))].sort((a, b) => a - b);
  const [first, last] = [xs[0]!, xs.at(-1)!];
  const places = { from: left + 10, to: width - right - 10 };
  const placeOf = linearPlace(Math.log(first), Math.log(last), places);
  const place = (x: number) => first === last ? (left + width - right) / 2 : placeOf(Math.log(x));
  const ticks = over.values.map((value) =>
    axisLabel(place(numberOf(value)!), height - bottom + 15, value, "middle")
  );
  const drawn = series.map(({ name, points: own }, index) => {
    const sorted = [...own].sort((a, b) => a.x - b.x);
    const path = sorted.map(({ value, x }, at) =>
      `${at === 0 ? "M" : "L"}${placeText(place(x))} ${placeText(y.place(value))}`
    ).join("");
    const marks = sorted.map((point) =>
      `${errorBar(place(point.x), point, y, colours)}<circle cx="${
        placeText(place(point.x))
      }" cy="${placeText(y.place(point.value))}" r="2.6" fill="${
        ofSeries(index, colours)
      }"><title>${
        escapeMarkup(`${name} ${over.key} = ${point.label}: ${point.text}`)
      }</title></circle>`
    ).join("");
    return `<path d="${path}" ${stroke(index, colours)}/>${marks}`;
  });
  const key = first === last ? over.key : `${over.key}, logarithmic`;
  const axis = axisLabel((left + width - right) / 2, height - bottom + 32, key, "middle");
  return frame(panel, y, colours) + ticks.join("") + axis + drawn.join("");
}

function barPanel(panel: PlotPanel, colours: PlotColours): string {
  const { series } = panel;
  const { bottom, height, left, right, top, width } = PANEL;
  const points = series[0]!.points;
  const y = amountAxis(points.map(({ value }) => value), { from: height - bottom, to: top }, true);
  const step = (width - right - left) / points.length;
  const drawn = points.map((point, index) => {
    const x = left + step * (index + 0.15);
    const barTop = y.place(point.value);
    return `<rect x="${placeText(x)}" y="${placeText(barTop)}" width="${
      placeText(step * 0.7)
    }" height="${placeText(height - bottom - barTop)}" fill="${ofSeries(0, colours)}"/>${
      errorBar(x + step * 0.35, point, y, colours)
    }` +
      axisLabel(x + step * 0.35, barTop - 4, point.text, "middle") +
      axisLabel(x + step * 0.35, height - bottom + 15, point.label, "middle");
  });
  return frame(panel, y, colours) + drawn.join("");
}

/** The error bar of a measurement. */
function errorBar(
  x: number,
  { spread, value }: PlotPoint,
  y: PlotAxis,
  { text }: PlotColours,
): string {
  if (spread === 0) return "";
  const [low, high] = [
    placeText(y.place(Math.max(0, value - spread))),
    placeText(y.place(value + spread)),
  ];
  return `<path d="M${placeText(x)} ${low}V${high}M${placeText(x - 4)} ${low}h8M${
    placeText(x - 4)
  } ${high}h8" ` +
    `stroke="${text}" fill="none"/>`;
}
