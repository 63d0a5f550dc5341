/** A plot of columns as SVG, each of which leads to a place of the page. */
import { escapeMarkup } from "@dmalab/lang/text";

const HEIGHT = 120;
const MARGIN = 14;
const WIDTH = 768;

export interface Column {
  /** From the left end on, 0 to 1. */
  readonly at: number;
  /** Share of the whole width. */
  readonly width: number;
  /** The higher first: each is drawn before the one that follows. */
  readonly values: readonly number[];
  /** What it says when it is pointed at. */
  readonly title: string;
  /** The place it leads to. */
  readonly id: string;
  /** Below the column. */
  readonly label?: string;
}

/** @param shown How a value is printed at the axis. */
export function columnPlot(
  title: string,
  columns: readonly Column[],
  shown: (value: number) => string,
  ends: readonly [string, string] | null = null,
): string {
  const most = Math.max(1, ...columns.map(({ values }) => Math.max(...values)));
  const drawn = columns.map(({ at, id, label, title, values, width }) => {
    const x = (at * WIDTH).toFixed(1);
    const wide = Math.max(1, width * WIDTH - 0.5).toFixed(1);
    const bars = values.map((value, index) => {
      const high = value === 0 ? 0 : Math.max(1, value / most * HEIGHT);
      return `<rect class="s${index}" x="${x}" y="${(MARGIN + HEIGHT - high).toFixed(1)}" ` +
        `width="${wide}" height="${high.toFixed(1)}"/>`;
    });
    const below = label === undefined ? "" : text((at + width / 2) * WIDTH, label, "middle");
    return `<a href="#${id}"><title>${escapeMarkup(title)}</title>${bars.join("")}${below}</a>`;
  });
  const [first, last] = ends ?? ["", ""];
  return `<figure><figcaption>${escapeMarkup(title)}</figcaption>
<svg viewBox="0 0 ${WIDTH} ${HEIGHT + 2 * MARGIN}" role="img" aria-label="${escapeMarkup(title)}">
<path d="M0 ${MARGIN}H${WIDTH}M0 ${MARGIN + HEIGHT}H${WIDTH}"/>
<text x="0" y="${MARGIN - 3}">${escapeMarkup(shown(most))}</text>
${drawn.join("\n")}
${first === "" ? "" : text(0, first, "start") + text(WIDTH, last, "end")}
</svg></figure>`;
}

function text(x: number, label: string, anchor: string): string {
  return `<text x="${x.toFixed(1)}" y="${HEIGHT + 2 * MARGIN - 3}" text-anchor="${anchor}">${
    escapeMarkup(label)
  }</text>`;
}
