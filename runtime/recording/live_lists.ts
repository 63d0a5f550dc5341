/** Which rows of a table held, listed now and then: any moment is a list and a short scan behind it. */
import { countBefore } from "../binary_search.ts";

/** What every row carries beside its own fields. */
export interface Lifetime {
  /** The event that wrote it; 0 for what there was when the machine was ready. */
  readonly createdSeq: number;
  /** The event that ended it; null while it holds. */
  readonly endedSeq: number | null;
}

/** Changes after which the rows that hold are listed, beside as many as there are such rows. */
const LIST_EVERY = 512;

/** The rows that held at one moment. */
interface LiveList {
  /** The moment: after this event. */
  readonly seq: number;
  /** Rows made until then. */
  readonly made: number;
  readonly rows: Uint32Array;
}

export class LiveLists {
  /** Changes since the last list. */
  changes = 0;
  readonly #lists: LiveList[] = [];

  /** Whether there is to be a list before the first change of an event. @param live Rows that hold. */
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
