/** The starts of a script's statements, and the ends of activities: numbers in columns. */
import { countBefore } from "../binary_search.ts";
import { invariant } from "../errno.ts";
import { WholeRows } from "./columns.ts";

/** The columns of a statement's start; WIDTH is their number. */
const STARTED = { SEQ: 0, NUMBER: 1, DEPTH: 2, WIDTH: 3 };

/** The columns of a record of calls that returned between two events; WIDTH is their number. */
const RETURNED = { STATEMENT: 0, SEQ: 1, DEPTH: 2, WIDTH: 3 };

/**
 * Up to this number all statements are recorded; after it, only statements that follow an event.
 */
const ALL_UP_TO = 4_000_000;

/** The statements that a run has started, in order, counted from 1. */
export class StatementLog {
  /** Number of recorded statements. */
  count = 0;
  readonly #rows = new WholeRows(STARTED.WIDTH);
  readonly #returned = new WholeRows(RETURNED.WIDTH);
  #returnedCount = 0;

  /**
   * Whether a statement is recorded. After `ALL_UP_TO` statements, a statement is recorded only if
   * an event has occurred since the last recorded statement, because a loop without events would
   * fill the memory.
   *
   * @param count Number of statements recorded before.
   * @param lastSeq The number of the last event before the last recorded statement.
   * @param seq The number of the last event now.
   */
  isNoted(count: number, lastSeq: number, seq: number): boolean {
    return count < ALL_UP_TO || seq > lastSeq;
  }

  /**
   * Records the start of a statement.
   * @param seq The number of the last event before the statement.
   * @param number The statement's number in the code.
   * @param depth Number of running calls, including the call of this statement: 1 at the top level.
   */
  note(seq: number, number: number, depth: number): void {
    // If no event has happened since the last return, the statement's depth replaces the record of
    // that return.
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
   * Records that calls have returned in the middle of a statement.
   * @param seq The number of the last event before the return.
   * @param depth Number of calls that are still running.
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

  /**
   * A column of the last recorded return; null if no return was recorded since the last statement.
   */
  #lastReturned(what: number): number | null {
    const row = this.#returnedCount - 1;
    if (row < 0 || this.#returned.get(row, RETURNED.STATEMENT) !== this.count) return null;
    return this.#returned.get(row, what);
  }

  /** Number of running calls after an event, given the last statement started before it. */
  depthAfter(seq: number, started: number): number {
    const returned = this.#returned;
    const last = countBefore(this.#returnedCount, (row) => {
      const statement = returned.get(row, RETURNED.STATEMENT);
      return statement < started || statement === started && returned.get(row, RETURNED.SEQ) < seq;
    }) - 1;
    const isOwn = last >= 0 && returned.get(last, RETURNED.STATEMENT) === started;
    return isOwn ? returned.get(last, RETURNED.DEPTH) : this.depthAt(started);
  }

  /** Calls back with the recorded returns of calls, in order. */
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

  /** A statement's number in the code. */
  numberAt(started: number): number {
    return this.#value(started, STARTED.NUMBER);
  }

  /** Number of running calls when a statement started. */
  depthAt(started: number): number {
    return this.#value(started, STARTED.DEPTH);
  }

  /** Number of statements started before an event. */
  startedBefore(seq: number): number {
    return countBefore(this.count, (row) => this.seqAt(row + 1) < seq);
  }

  /** Bytes of host memory, including spare capacity. */
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

/** Event numbers at which sequences of events ended, for example the events of an activity. */
export class Ends {
  count = 0;
  readonly #rows = new WholeRows(1);

  /** Adds an end, unless it is the last one already. */
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

  /** Whether a sequence of events ended at exactly this event. */
  endsAt(seq: number): boolean {
    return this.before(seq + 1) === seq;
  }

  /** Bytes of host memory, including spare capacity. */
  get hostBytes(): number {
    return this.#rows.hostBytes;
  }

  #indexAfter(seq: number): number {
    return countBefore(this.count, (row) => this.#rows.get(row, 0) <= seq);
  }
}
