/**
 * Lists of a table's valid rows. A list is made from time to time, so the rows at any moment are found
 * with the last list before it and a short scan of later rows.
 */
import { countBefore } from "../binary_search.ts";

/** Lifetime columns that every row has besides its own fields. */
export interface Lifetime {
  /** The event that created the row; 0 for rows that existed when the machine was ready. */
  readonly createdSeq: number;
  /** The event that ended the row; null while the row is valid. */
  readonly endedSeq: number | null;
}

/**
 * The next list is made when the number of changes reaches this number plus the number of valid
 * rows.
 */
const LIST_EVERY = 512;

/** The rows that were valid at one moment. */
interface LiveList {
  /** The last event before that moment. */
  readonly seq: number;
  /** Number of rows that began up to that moment. */
  readonly made: number;
  readonly rows: Uint32Array;
}

export class LiveLists {
  /** Number of changes since the last list. */
  changes = 0;
  readonly #lists: LiveList[] = [];

  /**
   * Whether a list must be made before the first change that event `seq` makes.
   * @param live Number of valid rows.
   */
  isDue(seq: number, live: number): boolean {
    if (this.changes < LIST_EVERY + live) return false;
    const last = this.#lists.at(-1);
    return last === undefined || last.seq < seq - 1;
  }

  clear(): void {
    this.#lists.length = 0;
    this.changes = 0;
  }

  add(list: LiveList): void {
    this.#lists.push(list);
    this.changes = 0;
  }

  /** The last list up to a moment; null for none. */
  before(seq: number): LiveList | null {
    const lists = this.#lists;
    return lists[countBefore(lists.length, (index) => lists[index]!.seq <= seq) - 1] ?? null;
  }

  get hostBytes(): number {
    return this.#lists.reduce((sum, { rows }) => sum + rows.byteLength, 0);
  }
}
