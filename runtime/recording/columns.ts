/** Rows of numbers that grow: what a recording is kept in, at a few bytes a number. */

/** Rows that there is room for at first. */
const FIRST_ROWS = 256;

/** Rows of floating-point numbers, which hold addresses and sizes exactly. */
export class FloatRows {
  /** Row by row; what lies behind the owner's last row means nothing. Another array after growth. */
  values: Float64Array;

  /** @param width Numbers of one row. */
  constructor(readonly width: number) {
    this.values = new Float64Array(FIRST_ROWS * width);
  }

  /** Makes room for a row. */
  reach(row: number): void {
    const end = (row + 1) * this.width;
    if (end <= this.values.length) return;
    const grown = new Float64Array(Math.max(end, this.values.length * 2));
    grown.set(this.values);
    this.values = grown;
  }

  /** The first rows, in rows of their own. */
  copy(rows: number): FloatRows {
    const copied = new FloatRows(this.width);
    if (rows > 0) copied.reach(rows - 1);
    copied.values.set(this.values.subarray(0, rows * this.width));
    return copied;
  }
}

/** Rows of whole numbers of 32 bits. */
export class WholeRows {
  /** Row by row; what lies behind the owner's last row means nothing. Another array after growth. */
  values: Int32Array;

  /** @param width Numbers of one row. */
  constructor(readonly width: number) {
    this.values = new Int32Array(FIRST_ROWS * width);
  }

  /** Makes room for a row. */
  reach(row: number): void {
    const end = (row + 1) * this.width;
    if (end <= this.values.length) return;
    const grown = new Int32Array(Math.max(end, this.values.length * 2));
    grown.set(this.values);
    this.values = grown;
  }

  /** The first rows, in rows of their own. */
  copy(rows: number): WholeRows {
    const copied = new WholeRows(this.width);
    if (rows > 0) copied.reach(rows - 1);
    copied.values.set(this.values.subarray(0, rows * this.width));
    return copied;
  }
}
