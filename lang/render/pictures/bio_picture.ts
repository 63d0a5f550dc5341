/**
 * A drawing of a bio. A line shows the bytes of a page that a segment fills, and the alignment of
 * the address at which the segment meets the previous one.
 *
 *        0x20_0000    4KiB  ▕████████████████▏                        4KiB
 *        0x30_0200   3584B  ▕░░██████████████▏                        512B
 */
import { clip, endsOf, pad, PICTURE_COLUMNS, spread } from "../../text/columns.ts";
import { formatAddress, formatCount, formatSize } from "../../text/numbers.ts";
import { usedBar } from "./strip.ts";

export interface PicturedVector {
  readonly phys: number;
  readonly sizeBytes: number;
  /** The alignment at which the segment meets the previous segment; null for the first segment. */
  readonly meetsBytes: number | null;
}

export interface PicturedBio {
  readonly title: string;
  /** The text at the right edge of the first line. */
  readonly gap: string;
  readonly vectors: readonly PicturedVector[];
}

const PAGE_BYTES = 4096;
/** Number of cells of the bar for a page. */
const BAR_CELLS = 16;
const CELL_BYTES = PAGE_BYTES / BAR_CELLS;
/**
 * Up to `longest` vectors are all shown. For a longer list, the `first` and the `last` ones are
 * shown.
 */
const SHOWN = { longest: 12, first: 8, last: 3 };

/** The drawing, in at most 80 columns. */
export function bioPicture({ gap, title, vectors }: PicturedBio): string[] {
  const lines = vectors.map(vectorLine);
  return [
    spread(title, gap),
    "─".repeat(PICTURE_COLUMNS),
    ...vectors.length === 0
      ? ["  no memory"]
      : [`${pad("  physical", 29)}${pad("first page", 22)}${pad("last page", 19)}meets on`],
    ...endsOf(lines, SHOWN, (hidden) => `  … ${formatCount(hidden.length, "more vector")}`),
  ].map((line) => clip(line, PICTURE_COLUMNS).trimEnd());
}

function vectorLine({ meetsBytes, phys, sizeBytes }: PicturedVector): string {
  const begin = phys % PAGE_BYTES;
  const end = begin + sizeBytes;
  const rest = end % PAGE_BYTES || PAGE_BYTES;
  const first = bar(begin, Math.min(end, PAGE_BYTES));
  const last = end <= PAGE_BYTES ? "" : bar(0, rest);
  const between = end <= 2 * PAGE_BYTES ? "    " : "  … ";
  const meets = meetsBytes === null ? "" : formatSize(meetsBytes);
  return `  ${pad(formatAddress(phys), 14, "right")} ${pad(formatSize(sizeBytes), 8, "right")}  ` +
    `${first}${pad(last === "" ? "" : between + last, 22)} ${meets}`;
}

/** The bar of a page, filled between two offsets. */
function bar(from: number, to: number): string {
  const scale = { start: 0, cellBytes: CELL_BYTES, cells: BAR_CELLS };
  return usedBar([{ start: from, sizeBytes: to - from }], scale);
}
