/** Columns of numbers that grow: what a recording keeps its rows in, at a few bytes each. */

/** Any typed array that a column can be. */
type NumberArray = Float64Array | Uint32Array | Int32Array | Uint16Array;

/** Room that a new column begins with. */
const FIRST_ROOM = 256;

/** One column: numbers by row, of one width. */
export class Column<A extends NumberArray> {
  /** The numbers; those from the owner's count on mean nothing. Another array after it has grown. */
  values: A;
  readonly #make: (length: number) => A;

  constructor(make: (length: number) => A) {
    this.#make = make;
    this.values = make(FIRST_ROOM);
  }

  /** Makes room for a row. */
  reach(row: number): void {
    if (row < this.values.length) return;
    const grown = this.#make(Math.max(row + 1, this.values.length * 2));
    (grown as Float64Array).set(this.values);
    this.values = grown;
  }

  set(row: number, value: number): void {
    this.reach(row);
    this.values[row] = value;
  }

  get(row: number): number {
    return this.values[row]!;
  }

  get hostBytes(): number {
    return this.values.byteLength;
  }
}

export const floats = (): Column<Float64Array> => new Column((n) => new Float64Array(n));
export const wholes = (): Column<Uint32Array> => new Column((n) => new Uint32Array(n));
export const signed = (): Column<Int32Array> => new Column((n) => new Int32Array(n));
export const shorts = (): Column<Uint16Array> => new Column((n) => new Uint16Array(n));
export type { NumberArray };
