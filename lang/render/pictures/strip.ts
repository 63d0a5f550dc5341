/** Ranges as a strip of cells. Each cell shows the most important of the ranges that lie in it. */

/** A range of addresses, slots or bytes with its kind. */
export interface StripPiece<K extends string> {
  readonly start: number;
  readonly sizeBytes: number;
  readonly kind: K;
}

/** A strip's first address, the size of a cell, and the number of cells. */
export interface StripScale {
  readonly start: number;
  readonly cellBytes: number;
  readonly cells: number;
}

/**
 * The kind of range that each cell of a strip shows; null for a cell without a range.
 * @param order Kinds by importance: a cell shows the first kind that occurs in it.
 */
export function stripCells<K extends string>(
  pieces: readonly StripPiece<K>[],
  { cellBytes, cells, start }: StripScale,
  order: readonly K[],
): readonly (K | null)[] {
  const shown: (K | null)[] = new Array(cells).fill(null);
  for (const { kind, sizeBytes, start: first } of pieces) {
    const from = Math.max(Math.floor((first - start) / cellBytes), 0);
    const to = Math.min(Math.ceil((first + sizeBytes - start) / cellBytes), cells);
    for (let cell = from; cell < to; cell++) {
      const there = shown[cell]!;
      if (there === null || order.indexOf(kind) < order.indexOf(there)) shown[cell] = kind;
    }
  }
  return shown;
}

/** A bar that shows which cells are in use: `▕███░░░▏`. */
export function usedBar(
  ranges: readonly Omit<StripPiece<string>, "kind">[],
  scale: StripScale,
): string {
  const pieces = ranges.map(({ sizeBytes, start }) => ({ start, sizeBytes, kind: "used" }));
  const cells = stripCells(pieces, scale, ["used"]);
  return `▕${cells.map((kind) => kind === null ? "░" : "█").join("")}▏`;
}
