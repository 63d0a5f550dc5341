/** When the statements of a script started, and where activities ended: numbers in columns. */
import { countBefore } from "../binary_search.ts";
import { invariant } from "../errno.ts";
import { WholeRows } from "./columns.ts";

/** The columns of a statement that started; the last is their number. */
const STARTED = { SEQ: 0, NUMBER: 1, DEPTH: 2, WIDTH: 3 };

/** The columns of calls that have returned before the next event. */
const RETURNED = { STATEMENT: 0, SEQ: 1, DEPTH: 2, WIDTH: 3 };

/** Statements that are all noted; of those behind them only such as come after an event. */
const ALL_UP_TO = 4_000_000;

/** The statements that a run has started, in order, counted from 1. */
export class StatementLog {
  /** How many have started. */
  count = 0;
  readonly #rows = new WholeRows(STARTED.WIDTH);
  readonly #returned = new WholeRows(RETURNED.WIDTH);
  #returnedCount = 0;

  /**
   * Whether a statement is noted: a loop without events would fill the memory.
   *
   * @param count How many were noted before.
   * @param lastSeq The number of the last event before the last of them.
   * @param seq The number of the last event now.
   */
  isNoted(count: number, lastSeq: number, seq: number): boolean {
    return count < ALL_UP_TO || seq > lastSeq;
  }

  /**
   * Notes that one starts.
   * @param seq The number of the last event before it.
   * @param number Which statement of the code it is.
   * @param depth How many calls are running, itself counted: 1 for what no call contains.
   */
  note(seq: number, number: number, depth: number): void {
    // Nothing has happened since: the statement is enough.
    if (this.#lastReturned(RETURNED.SEQ) === seq) this.#returnedCount--;
    if (this.count >= ALL_UP_TO && !this.isNoted(this.count, this.seqAt(this.count), seq)) return;
    const row = this.count++;
    const values = this.#rows.reach(row);
    const at = this.#rows.offset(row);
    values[at + STARTED.SEQ] = seq;
    values[at + STARTED.NUMBER] = number;
    values[at + STARTED.DEPTH] = depth;
  }

  /**
   * Notes that calls have returned in the midst of a statement.
   * @param seq The number of the last event before.
   * @param depth How many calls are running still.
   */
  noteReturn(seq: number, depth: number): void {
    if (this.count === 0) return;
    if (this.#lastReturned(RETURNED.SEQ) === seq) this.#returnedCount--;
    invariant(this.#returnedCount >= 0, "A return is taken back that was not noted");
    const row = this.#returnedCount++;
    const values = this.#returned.reach(row);
    const at = this.#returned.offset(row);
    values[at + RETURNED.STATEMENT] = this.count;
    values[at + RETURNED.SEQ] = seq;
    values[at + RETURNED.DEPTH] = depth;
  }

  /** The notes about the last calls that have returned since the last statement; null for none. */
  #lastReturned(what: number): number | null {
    const row = this.#returnedCount - 1;
    if (row < 0 || this.#returned.get(row, RETURNED.STATEMENT) !== this.count) return null;
    return this.#returned.get(row, what);
  }

  /** How many calls were running after an event, since which no other statement than that had started. */
  depthAfter(seq: number, started: number): number {
    const returned = this.#returned;
    const last = countBefore(this.#returnedCount, (row) => {
      const statement = returned.get(row, RETURNED.STATEMENT);
      return statement < started || statement === started && returned.get(row, RETURNED.SEQ) < seq;
    }) - 1;
    const isOwn = last >= 0 && returned.get(last, RETURNED.STATEMENT) === started;
    return isOwn ? returned.get(last, RETURNED.DEPTH) : this.depthAt(started);
  }

  /** Calls back with what was noted of calls that have returned, in order. */
  forEachReturn(visit: (statement: number, seq: number, depth: number) => void): void {
    for (let row = 0; row < this.#returnedCount; row++) {
      const { DEPTH, SEQ, STATEMENT } = RETURNED;
      const [statement, seq, depth] = [STATEMENT, SEQ, DEPTH].map((what) =>
        this.#returned.get(row, what)
      );
      visit(statement!, seq!, depth!);
    }
  }

  /** The number of the last event before a statement started. */
  seqAt(started: number): number {
    return this.#value(started, STARTED.SEQ);
  }

  /** Which statement of the code it was. */
  numberAt(started: number): number {
    return this.#value(started, STARTED.NUMBER);
  }

  /** How many calls were running when it started. */
  depthAt(started: number): number {
    return this.#value(started, STARTED.DEPTH);
  }

  /** How many had started before an event happened. */
  startedBefore(seq: number): number {
    return countBefore(this.count, (row) => this.seqAt(row + 1) < seq);
  }

  /** Bytes of host memory that it takes, room to grow included. */
  get hostBytes(): number {
    return this.#rows.hostBytes + this.#returned.hostBytes;
  }

  #value(started: number, what: number): number {
    if (started < 1 || started > this.count) {
      throw new RangeError(`No statement ${started} started`);
    }
    return this.#rows.get(started - 1, what);
  }
}

/** Numbers that grow: where stretches of events ended. */
export class Ends {
  count = 0;
  readonly #rows = new WholeRows(1);

  /** Notes an end, unless there was one already. */
  note(seq: number): void {
    if (this.count > 0 && this.#rows.get(this.count - 1, 0) >= seq) return;
    this.#rows.reach(this.count)[this.#rows.offset(this.count)] = seq;
    this.count++;
  }

  /** The first end after an event; null without one. */
  after(seq: number): number | null {
    const index = this.#indexAfter(seq);
    return index === this.count ? null : this.#rows.get(index, 0);
  }

  /** The last end before an event; null without one. */
  before(seq: number): number | null {
    const index = this.#indexAfter(seq - 1);
    return index === 0 ? null : this.#rows.get(index - 1, 0);
  }

  /** Whether one is exactly there. */
  endsAt(seq: number): boolean {
    return this.before(seq + 1) === seq;
  }

  /** Bytes of host memory that it takes, room to grow included. */
  get hostBytes(): number {
    return this.#rows.hostBytes;
  }

  #indexAfter(seq: number): number {
    return countBefore(this.count, (row) => this.#rows.get(row, 0) <= seq);
  }
}
