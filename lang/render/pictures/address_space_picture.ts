/** A drawing of a device's IOVA space: strips of cells, and a list of the ranges from the top down. */
import { pad, PICTURE_COLUMNS, spread, wrapText } from "../../text/columns.ts";
import { formatAddress, formatCount, formatSize } from "../../text/numbers.ts";
import { stripCells } from "./strip.ts";

export interface PicturedRange {
  readonly start: number;
  readonly sizeBytes: number;
  readonly use: "mapped" | "taken" | "cached" | "waiting" | "reserved";
  /** Further information, in a few words. */
  readonly note: string;
}

export interface PicturedSpace {
  /** The ranges, highest first. */
  readonly ranges: readonly PicturedRange[];
  readonly granuleBytes: number;
  /** Where the next search below 4 GiB starts; null for the top. */
  readonly cursor32: number | null;
  /** Where the next search above 4 GiB starts; null for the top. */
  readonly cursor64: number | null;
  /**
   * Texts about the CPUs' caches, with the numbers of ranges in the loaded and in the previous
   * magazine: `4KiB 3+0 cpu 0`.
   */
  readonly caches: readonly string[];
}

const STRIP_CELLS = 60;
/**
 * If at least this many ranges of the same kind directly follow a listed range, they are only
 * counted.
 */
const SAME_ROWS = 3;
const LIMIT_32BIT = 2 ** 32;
const CELLS = { mapped: "█", taken: "▓", cached: "▒", waiting: "▒", reserved: "╳" } as const;
/** Precedence of uses: a cell shows the first of these that occurs in it. */
const ORDER = ["mapped", "taken", "waiting", "cached", "reserved"] as const;

/**
 * The drawing, in at most 80 columns.
 * @param rows Maximum number of listed ranges; further ranges are only counted.
 */
export function addressSpacePicture(space: PicturedSpace, rows: number): string[] {
  const movable = space.ranges.filter(({ use }) => use !== "reserved");
  const high = movable.filter(({ start }) => start >= LIMIT_32BIT);
  const low = movable.filter(({ start }) => start < LIMIT_32BIT);
  const strips = [
    ...high.length > 0 ? strip(high, space) : [],
    ...low.length > 0 ? strip(low, space) : [],
  ];
  return [
    ...strips,
    ...strips.length > 0 ? [legend(space.ranges, strips.join(""))] : [],
    ...rangeLines(space, movable, rows),
    ...cacheLines(space.caches),
  ];
}

/** One or two lines with the ranges that a machine never allocates; empty without such ranges. */
export function reservedLines(
  ranges: readonly { readonly start: number; readonly end: number }[],
): string[] {
  if (ranges.length === 0) return [];
  const texts = ranges.map(({ start, end }) =>
    `${formatAddress(start)} ${formatSize(end - start)}`
  );
  return indented(`never allocated: ${texts.join(", ")}`);
}

/**
 * A strip of cells, from the lowest range up to the end of the highest range. The top of the strip
 * is rounded up to a whole cell.
 */
function strip(ranges: readonly PicturedRange[], space: PicturedSpace): string[] {
  const [highest] = ranges;
  const lowest = ranges.at(-1)!;
  const end = highest!.start + highest!.sizeBytes;
  let cellBytes = space.granuleBytes;
  while (Math.ceil(end / cellBytes) - Math.floor(lowest.start / cellBytes) > STRIP_CELLS) {
    cellBytes *= 2;
  }
  const last = Math.ceil(end / cellBytes);
  const first = Math.max(0, last - STRIP_CELLS);
  const pieces = space.ranges.map(({ use, ...range }) => ({ ...range, kind: use }));
  const scale = { start: first * cellBytes, cellBytes, cells: last - first };
  const drawn = stripCells(pieces, scale, ORDER).map((use) => use === null ? "░" : CELLS[use]).join(
    "",
  );
  const bottom = formatAddress(first * cellBytes);
  const top = formatAddress(last * cellBytes - 1);
  return [
    `  ▕${drawn}▏ ${formatSize(cellBytes)} a cell`,
    `   ${bottom}${pad(top, drawn.length - bottom.length, "right")}`,
  ];
}

/** The meanings of the cells in a drawing. */
function legend(ranges: readonly PicturedRange[], drawn: string): string {
  const kinds = new Map<string, string[]>();
  for (const use of ORDER) {
    const cell = CELLS[use];
    if (!drawn.includes(cell) || !ranges.some((range) => range.use === use)) continue;
    kinds.set(cell, [...kinds.get(cell) ?? [], use]);
  }
  const parts = [...kinds].map(([cell, names]) => `${cell} ${names.join(" or ")}`);
  return `   ${[...parts, "░ free"].join("   ")}`;
}

/** A line for each range, or one line for several consecutive ranges of a kind. */
function rangeLines(
  space: PicturedSpace,
  movable: readonly PicturedRange[],
  rows: number,
): string[] {
  const columns = Math.max(
    0,
    ...movable.slice(0, SAME_ROWS * rows).map(({ start }) => formatAddress(start).length),
  );
  const lines: string[] = [];
  let at = 0;
  for (; at < movable.length && lines.length < rows; at++) {
    const range = movable[at]!;
    lines.push(rangeLine(range, space, columns));
    const same = likeIt(movable, at, space);
    if (same < SAME_ROWS) continue;
    lines.push(`${pad("…", columns + 2, "right")} ${same} more like it`);
    at += same;
  }
  const rest = movable.slice(at);
  if (rest.length === 0) return lines;
  const counts = ORDER.flatMap((use) => {
    const count = rest.filter((range) => range.use === use).length;
    return count === 0 ? [] : [`${count} ${use}`];
  });
  return [...lines, `${pad("…", columns + 2, "right")} ${rest.length} more: ${counts.join(", ")}`];
}

function rangeLine(range: PicturedRange, space: PicturedSpace, columns: number): string {
  const cursors = [
    ...range.start === space.cursor32 ? ["◂ cursor"] : [],
    ...range.start === space.cursor64 ? ["◂ cursor above 4GiB"] : [],
  ];
  const text = `  ${pad(formatAddress(range.start), columns, "right")} ${
    pad(formatSize(range.sizeBytes), 9, "right")
  }  ${pad(range.use, 7)}  ${range.note}`.trimEnd();
  return spread(text, cursors.join(" "));
}

/**
 * Number of consecutive ranges directly below a range, with the same size, use and note as that
 * range.
 */
function likeIt(ranges: readonly PicturedRange[], at: number, space: PicturedSpace): number {
  const { sizeBytes, use, note } = ranges[at]!;
  let count = 0;
  for (let next = at + 1; next < ranges.length; next++) {
    const range = ranges[next]!;
    const same = range.sizeBytes === sizeBytes && range.use === use && range.note === note &&
      range.start + sizeBytes === ranges[next - 1]!.start &&
      range.start !== space.cursor32 && range.start !== space.cursor64;
    if (!same) break;
    count++;
  }
  return count;
}

function cacheLines(caches: readonly string[]): string[] {
  return caches.length === 0 ? [] : indented(`caches, loaded + previous: ${caches.join(", ")}`);
}

/** Text below a drawing, broken into several lines if it is too long. */
export function indented(text: string): string[] {
  return wrapText(text, PICTURE_COLUMNS - 4).map((line, index) =>
    `${index === 0 ? "  " : "    "}${line}`
  );
}

/** `3 ranges in use, 1 cached`: ranges that are free again, but not in the tree, count as what they are. */
export function countUses(ranges: readonly PicturedRange[]): string {
  const movable = ranges.filter(({ use }) => use !== "reserved");
  const cached = movable.filter(({ use }) => use === "cached").length;
  const waiting = movable.filter(({ use }) => use === "waiting").length;
  const parts = [
    `${formatCount(movable.length - cached - waiting, "range")} in use`,
    ...cached > 0 ? [`${cached} cached`] : [],
    ...waiting > 0 ? [`${waiting} waiting`] : [],
  ];
  return parts.join(", ");
}
