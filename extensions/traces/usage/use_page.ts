/**
 * Writes one HTML page without scripts about the mappings of devices. Its plots have points that
 * link to trace lines.
 */
import { addAll, maxOf } from "@dmalab/runtime/basics";
import { staticPage } from "@dmalab/cli/presentation";
import {
  axisLabel,
  escapeMarkup,
  formatSizeCut,
  formatTimeRounded,
  linearAxis,
  placeText,
} from "@dmalab/lang/text";
import type { DeviceUse, Interval, UseTally } from "./device_use.ts";
import type { PowersOfTwo } from "./powers_of_two.ts";
import type { TracedUse } from "./traced_use.ts";
import {
  byCount,
  duration,
  flushOf,
  headLines,
  modeText,
  rateText,
  restLines,
} from "./use_report.ts";

const HEIGHT = 120;
const MARGIN = 14;
const WIDTH = 768;

interface Column {
  /** Position from the left end, 0 to 1. */
  readonly at: number;
  /** Width as a share of the plot. */
  readonly width: number;
  /** Values in descending order: each bar is drawn before the next lower one. */
  readonly values: readonly number[];
  /** The tooltip. */
  readonly title: string;
  /** Id of the element to which the column links. */
  readonly id: string;
  readonly label?: string;
}

/** @param shown Formats a value at the axis. */
function columnPlot(
  title: string,
  columns: readonly Column[],
  shown: (value: number) => string,
  ends: readonly [string, string] | null = null,
): string {
  const most = maxOf(columns.map(({ values }) => maxOf(values)), 1);
  const foot = MARGIN + HEIGHT;
  const { place, ticks } = linearAxis(0, most, most, { from: foot, to: MARGIN });
  const drawn = columns.map(({ at, id, label, title, values, width }) => {
    const x = placeText(at * WIDTH);
    const wide = placeText(Math.max(1, width * WIDTH - 0.5));
    const bars = values.map((value, index) => {
      const top = value === 0 ? foot : Math.min(foot - 1, place(value));
      return `<rect class="s${index}" x="${x}" y="${placeText(top)}" width="${wide}" ` +
        `height="${placeText(foot - top)}"/>`;
    });
    const below = label === undefined ? "" : under((at + width / 2) * WIDTH, label, "middle");
    return `<a href="#${id}"><title>${escapeMarkup(title)}</title>${bars.join("")}${below}</a>`;
  });
  const [first, last] = ends ?? ["", ""];
  return `<figure><figcaption>${escapeMarkup(title)}</figcaption>
<svg viewBox="0 0 ${WIDTH} ${HEIGHT + 2 * MARGIN}" role="img" aria-label="${escapeMarkup(title)}">
<path d="${ticks.map((tick) => `M0 ${placeText(place(tick))}H${WIDTH}`).join("")}"/>
${axisLabel(0, MARGIN - 3, shown(most), "start")}
${drawn.join("\n")}
${first === "" ? "" : under(0, first, "start") + under(WIDTH, last, "end")}
</svg></figure>`;
}

/** Draws a text under the columns. */
function under(x: number, label: string, anchor: "start" | "middle" | "end"): string {
  return axisLabel(x, HEIGHT + 2 * MARGIN - 3, label, anchor);
}

const MAX_CALLERS = 20;
const MAX_REQUESTS = 50;
/** Largest number of trace lines that are printed for one point. */
const MAX_LINES = 6;
/** If a device is active for less than 1/16 of the trace, its plots show only the active part. */
const SHORT_SHARE = 16;
const NS_PER_S = 1e9;

const STYLE = `body{margin:16px auto;max-width:60rem;padding:0 16px}
figure{margin:1rem 0}figcaption{font-weight:600}svg{width:100%;font-size:10px}
svg text{fill:currentColor}path{stroke:var(--line);fill:none}.s0{fill:var(--map)}.s1{fill:var(--unmap)}
a:hover rect,a:focus rect{fill:var(--decision)}
td,th{padding:.1rem .8rem .1rem 0;text-align:left;vertical-align:top}td.n{text-align:right}
code{font-size:12px;overflow-wrap:anywhere}dl{margin:0}dd{margin:0 0 0 1rem}
dt:target,dt:target+dd,dt:target+dd+dd,dt:target+dd+dd+dd{background:var(--current)}`;

export class UsePage {
  /** Trace lines to which points link. */
  readonly lines = new Set<number>();
  readonly #points: { readonly title: string; readonly lines: readonly number[] }[] = [];
  readonly #body: string[] = [];

  constructor(use: TracedUse, seconds: number, private readonly name: string) {
    for (const [device, each] of use.devices.devices) {
      this.#say(`<h2>${escapeMarkup(device)}: ${modeText(each)}</h2>`);
      this.#say(lists(headLines(use.devices, device, seconds)));
      this.#overTime(device, each, seconds);
      this.#callers(device, each.callers, seconds);
      this.#powers(`${device}: sizes`, each.sizesBytes, formatSizeCut);
      this.#powers(`${device}: lifetimes`, each.lifetimesUs, duration);
      const flush = flushOf(use.devices, device);
      if (flush !== null) this.#powers(`${device}: unmap to flush`, flush.windowsUs, duration);
    }
    this.#say("<h2>Calls and requests</h2>", lists(restLines(use)));
    for (const [name, { ns }] of use.calls.functions) {
      this.#powers(`${name}: duration`, ns, formatTimeRounded);
    }
    this.#requests(use);
  }

  /** @param texts Texts of the lines in `lines`. */
  html(texts: ReadonlyMap<number, string>): string {
    const points = this.#points.map(({ lines, title }, index) =>
      `<dt id="p${index}">${escapeMarkup(title)}</dt>${
        lines.map((line) => `<dd><code>${line}: ${escapeMarkup(texts.get(line) ?? "")}</code></dd>`)
          .join("")
      }`
    );
    return staticPage({
      title: `What devices map: ${this.name}`,
      outcome: null,
      style: STYLE,
      body: `<p>Each column and number leads to lines of the trace.</p>
${this.#body.join("\n")}
<h2>Lines</h2>
<dl>
${points.join("\n")}
</dl>`,
    });
  }

  #say(...markup: readonly string[]): void {
    addAll(this.#body, markup);
  }

  /** Adds a point that links to these lines. @returns Its id. */
  #point(title: string, lines: readonly number[]): string {
    const shown = [...new Set(lines)].filter((line) => line > 0).slice(0, MAX_LINES);
    for (const line of shown) this.lines.add(line);
    return `p${this.#points.push({ title, lines: shown }) - 1}`;
  }

  #overTime(device: string, use: DeviceUse, seconds: number): void {
    const { overTime } = use;
    const { intervals, startSeconds, widthSeconds } = overTime;
    const [first] = intervals[0]!;
    const last = intervals.at(-1)![0] + widthSeconds;
    const isShort = (last - first) * SHORT_SHARE < seconds;
    const start = isShort ? first : startSeconds;
    const end = isShort ? last : Math.max(startSeconds + seconds, last);
    const ids = intervals.map(([at, { firstLine, lastLine, maps, mostLine, unmaps }]) =>
      this.#point(
        `${device}, from ${at.toFixed(6)} s for ${
          formatTimeRounded(widthSeconds * NS_PER_S)
        }: ${maps} maps, ${unmaps} unmaps; first, fullest and last line`,
        [firstLine, mostLine, lastLine],
      )
    );
    /**
     * @param left Returns the values at the end of an interval, which hold until the next interval.
     *   They are drawn if there is a gap between the interval and the next one. Null if no values
     *   are drawn in gaps.
     */
    const plot = (
      title: string,
      shown: (value: number) => string,
      values: (interval: Interval) => readonly number[],
      left: ((interval: Interval) => readonly number[]) | null,
    ) => {
      const columns = intervals.flatMap(([at, interval], index): Column[] => {
        const next = intervals[index + 1]?.[0] ?? end;
        const column = (from: number, to: number, values: readonly number[]): Column => ({
          at: (from - start) / (end - start),
          width: (to - from) / (end - start),
          values,
          title: `${from.toFixed(6)} s: ${values.map(shown).join(", ")}`,
          id: ids[index]!,
        });
        const behind = at + widthSeconds;
        const rest = left?.(interval) ?? [];
        return [
          column(at, behind, values(interval)),
          ...next - behind > widthSeconds / 2 && rest.some((value) => value > 0)
            ? [column(behind, next, rest)]
            : [],
        ];
      });
      const ends = [`${start.toFixed(6)} s`, `${end.toFixed(6)} s`] as const;
      this.#say(columnPlot(`${device}: ${title}`, columns, shown, ends));
    };
    const isBounced = (use.bounced(use.bouncedMaps) ?? 0) > 0;
    plot(
      isBounced ? "most bytes mapped, and most in bounce buffers" : "most bytes mapped",
      formatSizeCut,
      (each) => [each.mostLiveBytes, ...isBounced ? [each.mostBouncedBytes] : []],
      (each) => [each.liveBytes, ...isBounced ? [each.liveBouncedBytes] : []],
    );
    const perSecond = (value: number) => `${Math.round(value)} a second`;
    plot("maps a second", perSecond, ({ maps }) => [maps / widthSeconds], null);
    if (!intervals.some(([, { space }]) => (space?.extentBytes ?? 0) > 0)) return;
    const extent = ({ space }: Interval) => [space?.extentBytes ?? 0, space?.mappedBytes ?? 0];
    const title =
      "IOVA space from the lowest to the highest live address, and what is mapped of it";
    plot(title, formatSizeCut, extent, extent);
    const pieces = ({ space }: Interval) => [space?.pieces ?? 0];
    plot("pieces of live IOVA space", String, pieces, pieces);
  }

  #callers(device: string, callers: ReadonlyMap<string, UseTally>, seconds: number): void {
    const rows = byCount(callers).slice(0, MAX_CALLERS).map(([caller, { count, line }]) => {
      const id = this.#point(`${device}, ${caller}: the first line`, [line]);
      return `<tr><td class="n"><a href="#${id}">${count}</a></td><td>${escapeMarkup(caller)}${
        rateText(count, seconds)
      }</td></tr>`;
    });
    this.#say(`<table><caption>Mapped by</caption>${rows.join("")}</table>`);
  }

  #powers(title: string, powers: PowersOfTwo, shown: (value: number) => string): void {
    const first = powers.counts.findIndex((count) => count > 0);
    if (first < 0) return;
    const shownCounts = powers.counts.slice(first);
    const columns = shownCounts.map((count, index): Column => {
      const label = `< ${shown(2 ** (first + index))}`;
      return {
        at: index / shownCounts.length,
        width: 1 / shownCounts.length,
        values: [count],
        title: `${label}: ${count}`,
        id: this.#point(`${title}, ${label}: ${count}, the newest`, powers.lines[first + index]!),
        label,
      };
    });
    this.#say(columnPlot(title, columns, String));
  }

  /** Adds the slowest requests to the page. */
  #requests({ requests }: TracedUse): void {
    const slowest = [...requests].sort((a, b) => (b.tookSeconds ?? 0) - (a.tookSeconds ?? 0));
    const rows = slowest.slice(0, MAX_REQUESTS).map((request) => {
      const { key, line, lines, tookSeconds, way } = request;
      const id = this.#point(`${key}: ${way}`, [line, ...lines]);
      const took = tookSeconds === null
        ? ""
        : formatTimeRounded(Math.round(tookSeconds * NS_PER_S));
      return `<tr><td class="n"><a href="#${id}">${line}</a></td><td>${escapeMarkup(key)}</td><td>${
        escapeMarkup(way)
      }</td><td class="n">${took}</td></tr>`;
    });
    if (rows.length === 0) return;
    const heads = ["line", "request", "mapped", "took"].map((head) => `<th>${head}</th>`).join("");
    this.#say(
      `<table><caption>The slowest requests</caption><tr>${heads}</tr>${rows.join("")}</table>`,
    );
  }
}

function lists(lines: readonly string[]): string {
  return `<ul>${lines.map((line) => `<li>${escapeMarkup(line.trim())}</li>`).join("")}</ul>`;
}
