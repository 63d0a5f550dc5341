/**
 * Maps a key number to a row; a table uses it to find its rows. Unlike a `Map`, it can be emptied
 * and reused without leaving garbage, and allocates no object for a number.
 */
import { invariant } from "../errno.ts";
import { zeros } from "../zeros.ts";

export const NO_ROW = -1;

/** Initial number of slots, as a power of two; between an eighth and a half of the slots are used. */
const FIRST_BITS = 5;
/** Maximum number of slots that `clear` keeps, as a power of two. */
const SPARE_BITS = 8;
/**
 * 2^32 divided by the golden ratio: a factor that spreads consecutive numbers, and multiples of a
 * page, over the slots.
 */
const SPREAD = 0x9e37_79b1;
const HIGH_SPREAD = 0x85eb_ca6b;
const WORD = 2 ** 32;

/**
 * The arrays of an index before its first row. They are shared and never written; most tables of a
 * short run never have a row.
 */
const NO_KEYS = new Float64Array(1 << FIRST_BITS);
const NO_ROWS = new Int32Array(1 << FIRST_BITS).fill(NO_ROW);

export class RowIndex {
  count = 0;
  /** The least and the greatest number since the index was empty. */
  #least = Infinity;
  #greatest = -Infinity;
  #bits = FIRST_BITS;
  #keys = NO_KEYS;
  /** The row in each slot, or none. */
  #rows = NO_ROWS;

  /** The row of a number, or `NO_ROW`. */
  get(number: number): number {
    const key = keyOf(number);
    const rows = this.#rows;
    const keys = this.#keys;
    const mask = rows.length - 1;
    for (let at = home(key, this.#bits);; at = (at + 1) & mask) {
      const row = rows[at]!;
      if (row === NO_ROW || keys[at] === key) return row;
    }
  }

  /**
   * Sets the row of a number.
   * @returns Its previous row, or `NO_ROW`.
   */
  put(number: number, row: number): number {
    if (this.#rows === NO_ROWS) this.#resize(FIRST_BITS);
    const key = keyOf(number);
    const rows = this.#rows;
    const keys = this.#keys;
    const mask = rows.length - 1;
    let at = home(key, this.#bits);
    for (; rows[at] !== NO_ROW; at = (at + 1) & mask) {
      if (keys[at] !== key) continue;
      const before = rows[at]!;
      rows[at] = row;
      return before;
    }
    rows[at] = row;
    keys[at] = key;
    if (key < this.#least) this.#least = key;
    if (key > this.#greatest) this.#greatest = key;
    if (2 * ++this.count > mask + 1) this.#resize(this.#bits + 1);
    return NO_ROW;
  }

  delete(number: number): void {
    const key = keyOf(number);
    const rows = this.#rows;
    const keys = this.#keys;
    const mask = rows.length - 1;
    let free = home(key, this.#bits);
    for (; keys[free] !== key || rows[free] === NO_ROW; free = (free + 1) & mask) {
      if (rows[free] === NO_ROW) return;
    }
    invariant(this.count > 0, "A row leaves an empty index");
    if (--this.count === 0) this.#forgetSpan();
    // Later entries move up if the freed slot would make them unreachable.
    for (let at = (free + 1) & mask; rows[at] !== NO_ROW; at = (at + 1) & mask) {
      const wanted = home(keys[at]!, this.#bits);
      if (((at - wanted) & mask) < ((at - free) & mask)) continue;
      rows[free] = rows[at]!;
      keys[free] = keys[at]!;
      free = at;
    }
    rows[free] = NO_ROW;
    if (8 * this.count <= mask && this.#bits > FIRST_BITS) this.#resize(this.#bits - 1);
  }

  /** False if no number is in `[first, end)`; true if it is unknown. */
  mayHaveIn(first: number, end: number): boolean {
    return this.#least < end && this.#greatest >= first;
  }

  /**
   * Calls back with every number and its row, in no particular order. The index must not change
   * during the call.
   */
  forEach(visit: (row: number, number: number) => void): void {
    for (let at = 0; at < this.#rows.length; at++) {
      if (this.#rows[at] !== NO_ROW) visit(this.#rows[at]!, this.#keys[at]!);
    }
  }

  /** A copy of all rows, for callers that change the index while they iterate. */
  rows(): number[] {
    const rows: number[] = [];
    this.forEach((row) => void rows.push(row));
    return rows;
  }

  get hostBytes(): number {
    return this.#keys.byteLength + this.#rows.byteLength;
  }

  /** Removes all entries, and keeps only little capacity. */
  clear(): void {
    if (this.#rows === NO_ROWS) return;
    this.#rows.fill(NO_ROW);
    this.count = 0;
    this.#forgetSpan();
    if (this.#bits > SPARE_BITS) this.#resize(FIRST_BITS);
  }

  #forgetSpan(): void {
    this.#least = Infinity;
    this.#greatest = -Infinity;
  }

  #resize(bits: number): void {
    const keys = this.#keys;
    const rows = this.#rows;
    invariant(1 << bits > this.count, "An index shrinks below its rows");
    this.#bits = bits;
    this.#keys = zeros(Float64Array, 1 << bits);
    this.#rows = zeros(Int32Array, 1 << bits).fill(NO_ROW);
    this.count = 0;
    for (let at = 0; at < rows.length; at++) {
      if (rows[at] !== NO_ROW) this.put(keys[at]!, rows[at]!);
    }
  }
}

/** Rows by the request for which they began, until the request ends. */
export class RowsOfRequests {
  readonly #rows = new Map<number | null, number[]>();

  add(request: number | null, row: number): void {
    const own = this.#rows.get(request);
    if (own === undefined) this.#rows.set(request, [row]);
    else own.push(row);
  }

  /** Removes and returns the rows of a request that has ended. */
  take(request: number | null): readonly number[] {
    const own = this.#rows.get(request) ?? [];
    this.#rows.delete(request);
    return own;
  }

  clear(): void {
    this.#rows.clear();
  }
}

/** Rows by the values of their key, one level for each value. */
export type Level = Map<number, Level | RowIndex>;

/** Empties all indexes of a level; they are reused when the same key values occur again. */
export function clearLevel(level: Level | RowIndex): void {
  if (level instanceof RowIndex) level.clear();
  else for (const inner of level.values()) clearLevel(inner);
}

/** A number in comparable form: NaN becomes a number that equals itself. */
function keyOf(number: number): number {
  return number === number ? number : -Infinity;
}

/** The first slot in which a key may be found. */
function home(key: number, bits: number): number {
  const word = (key | 0) ^ Math.imul(key / WORD | 0, HIGH_SPREAD);
  return Math.imul(word, SPREAD) >>> (32 - bits);
}
