/**
 * Growing rows of numbers: the storage of a recording, at a few bytes for each number.
 *
 * The rows are stored in chunks. Therefore only the beginning of a first chunk is ever copied when
 * the rows grow, and at most one chunk is partly unused.
 */
import { invariant } from "../errno.ts";
import { zeros } from "../zeros.ts";

/**
 * Initial capacity in rows; the lower `CHUNK_BITS` bits of a row's number are its place in its
 * chunk.
 */
const FIRST_ROWS = 32;
const CHUNK_BITS = 13;
const CHUNK_ROWS = 2 ** CHUNK_BITS;
const CHUNK_MASK = CHUNK_ROWS - 1;

type Numbers = Float64Array | Int32Array;

/** Rows of one kind of numbers. */
abstract class Rows<T extends Numbers> {
  readonly #chunks: T[] = [];
  /** Capacity in rows. */
  #room = 0;

  /** @param width Numbers in one row. */
  constructor(readonly width: number) {}

  /** Allocates an array of zeros. */
  protected abstract make(numbers: number): T;

  /**
   * Makes room for a row.
   * @returns The chunk that contains the row, at `offset(row)`. Growth may replace the chunk.
   */
  reach(row: number): T {
    if (row >= this.#room) this.#grow(row);
    return this.#chunks[row >>> CHUNK_BITS]!;
  }

  /** Index of a row's first number in its chunk. */
  offset(row: number): number {
    return (row & CHUNK_MASK) * this.width;
  }

  /**
   * Finds `count` consecutive rows in one chunk; each row must have only one number.
   * @returns The row itself, or the first row of the next chunk.
   */
  together(row: number, count: number): number {
    const left = CHUNK_ROWS - (row & CHUNK_MASK);
    return left >= count ? row : row + left;
  }

  get(row: number, field: number): number {
    return this.#chunks[row >>> CHUNK_BITS]![(row & CHUNK_MASK) * this.width + field]!;
  }

  set(row: number, field: number, value: number): void {
    this.#chunks[row >>> CHUNK_BITS]![(row & CHUNK_MASK) * this.width + field] = value;
  }

  /** Bytes of host memory, including spare capacity. */
  get hostBytes(): number {
    return this.#chunks.reduce((sum, { byteLength }) => sum + byteLength, 0);
  }

  #grow(row: number): void {
    const chunk = row >>> CHUNK_BITS;
    const before = this.#chunks[chunk];
    // The first chunk grows in steps to its full size, because most runs are short.
    const rows = chunk > 0 ? CHUNK_ROWS : Math.min(
      CHUNK_ROWS,
      Math.max(FIRST_ROWS, row + 1, before === undefined ? 0 : 2 * before.length / this.width),
    );
    const grown = this.make(rows * this.width);
    if (before !== undefined) grown.set(before);
    invariant(grown.length >= (before?.length ?? 0), "A chunk of rows shrinks");
    this.#chunks[chunk] = grown;
    this.#room = chunk * CHUNK_ROWS + rows;
  }
}

/** Rows of floating-point numbers, which hold addresses and sizes exactly. */
export class FloatRows extends Rows<Float64Array> {
  protected make(numbers: number): Float64Array {
    return zeros(Float64Array, numbers);
  }
}

/** Rows of whole numbers of 32 bits. */
export class WholeRows extends Rows<Int32Array> {
  protected make(numbers: number): Int32Array {
    return zeros(Int32Array, numbers);
  }
}
