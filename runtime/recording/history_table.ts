/**
 * A table of facts with lifetimes: rows of plain values, each with the event that wrote it, and the
 * events between which it held. Any moment of a run can be asked for.
 *
 * A table is declared: which events begin rows, and which end them. It repeats no rule of the
 * kernel; where an event says too little, the event gets a field. Keys are values of the key's fields;
 * `seq` is the event's number.
 */
import { countBefore } from "../binary_search.ts";
import { invariant } from "../errno.ts";
import { type AllHold, type FieldTable, isAddress } from "../vocabulary/fields.ts";
import { FloatRows, WholeRows } from "./columns.ts";
import type {
  FieldName,
  HistoryRow,
  HistoryTableSpec,
  KernelCallRecord,
} from "./history_table_spec.ts";
import { LiveLists } from "./live_lists.ts";
import { clearLevel, type Level, NO_ROW, RowIndex, RowsOfRequests } from "./row_index.ts";
import type { ValuePool } from "./value_pool.ts";

/** What there is to write to before the first row. */
const NO_VALUES = new Float64Array(0);

const FOREVER = 0x7fff_ffff;

/**
 * The columns of a row's life: the event from which it holds, the one that wrote it, the one that
 * ended it; and for a bag the row with the same key that was there before. The last is their
 * number.
 */
const LIFE = { SINCE: 0, BORN: 1, DIED: 2, BELOW: 3, WIDTH: 4 };
export class HistoryTable<F extends FieldTable = FieldTable> {
  /** Rows made so far, in the order of their beginnings. */
  count = 0;
  /** Rows that hold now. */
  live = 0;
  /** The call that runs, for the event of its return. */
  call: KernelCallRecord | null = null;
  /** Rows that began for requests under way. */
  readonly #ofRequests = new RowsOfRequests();

  readonly #pool: ValuePool;
  readonly #names: readonly FieldName<F>[];
  readonly #isText: readonly boolean[];
  /** By field: the text that came last, and its number. */
  readonly #lastTexts: string[] = [];
  readonly #lastNumbers: number[] = [];
  /** Names in the order in which values were given last, and which field each of them is; -1 for none. */
  #order: { readonly names: readonly string[]; readonly places: readonly number[] } = {
    names: [],
    places: [],
  };
  /** Which fields are the key, and the size of a row; -1 for a table without sizes. */
  readonly #key: readonly number[];
  readonly #size: number;
  readonly #width: number;
  readonly #values: FloatRows;
  readonly #lives = new WholeRows(LIFE.WIDTH);
  /** How many values of a row's key come before its last number. */
  readonly #owners: number;
  readonly #root: Level | RowIndex;
  /** Entries of an ended owner: the next one takes them. */
  readonly #spare: RowIndex[] = [];
  readonly #lists = new LiveLists();
  /** Where the row that was made last has its values: a chunk, and a place in it. */
  #chunk: Float64Array = NO_VALUES;
  #chunkAt = 0;
  /** Where the last row with one owner lies: consecutive ones mostly share it. */
  #lastOwner = NaN;
  #lastIndex: RowIndex | null = null;

  constructor(readonly spec: HistoryTableSpec<F>, pool: ValuePool) {
    this.#pool = pool;
    this.#names = Object.keys(spec.fields) as FieldName<F>[];
    this.#isText = this.#names.map((name) => ["word", "text"].includes(spec.fields[name]!.kind));
    this.#width = this.#names.length;
    this.#values = new FloatRows(this.#width);
    this.#key = spec.key.map((name) => this.#indexOf(name));
    this.#size = spec.size === undefined ? -1 : this.#indexOf(spec.size);
    this.#owners = this.#key.length - (spec.place === undefined ? 1 : 0);
    this.#root = this.#owners === 0 ? new RowIndex() : new Map();
  }

  /**
   * A row begins. One with the same key ends, unless several may hold.
   * @param request What `endRequest` ends it by.
   */
  begin(seq: number, values: AllHold<F>, request?: number | null): void {
    const row = this.#make(seq, seq);
    if (!this.#fill(values)) {
      this.#learnOrder(values);
      this.#fill(values);
    }
    const { place } = this.spec;
    this.#enter(row, place === undefined ? this.#lastOf(row) : place(values), seq);
    if (request !== undefined) this.#ofRequests.add(request, row);
  }

  /**
   * Keeps the values of the row made last, which come in the order of the row before.
   * @returns False when they do not.
   */
  #fill(given: Readonly<Record<string, unknown>>): boolean {
    const numbers = this.#chunk;
    const first = this.#chunkAt;
    const { names, places } = this.#order;
    let at = 0;
    // The engine reads the properties of such a loop by their place, whatever object it is.
    for (const name in given) {
      if (name !== names[at]) return false;
      const index = places[at++]!;
      if (index < 0) continue;
      const value = given[name];
      numbers[first + index] = typeof value === "number" ? value : this.#numberOf(index, value);
    }
    return at === names.length;
  }

  #learnOrder(given: Readonly<Record<string, unknown>>): void {
    const names = Object.keys(given);
    const places = names.map((name) => this.#names.indexOf(name as FieldName<F>));
    const missing = this.#names.find((_, index) => !places.includes(index));
    if (missing !== undefined) {
      throw new RangeError(`A row of table ${this.spec.name} has no "${missing}"`);
    }
    this.#order = { names, places };
  }

  /**
   * The row with a key ends, if there is one.
   * @param prefers Of a bag: how well a row fits; of the best the newest ends.
   */
  end(
    seq: number,
    key: readonly (number | string)[],
    prefers?: (row: HistoryRow<F>) => number,
  ): boolean {
    const index = this.#descend(key, key.length - 1) as RowIndex | null;
    const last = this.#keyNumber(key.at(-1)!);
    const top = index?.get(last) ?? NO_ROW;
    if (index === null || top === NO_ROW) return false;
    if (this.spec.isBag !== true) {
      index.delete(last);
      this.#kill(top, seq);
      return true;
    }
    this.#endOne(seq, this.#best(top, prefers));
    return true;
  }

  /** For a bag: the row that fits best ends, the newest of equals; null without a fit. */
  endBest(seq: number, fits: (row: HistoryRow<F>) => number | null): void {
    let best = NO_ROW;
    let most = -Infinity;
    for (const row of this.liveRows()) {
      const fit = fits(this.row(row));
      if (fit !== null && fit >= most) [best, most] = [row, fit];
    }
    if (best === NO_ROW) return;
    this.#endOne(seq, best);
  }

  /**
   * For a bag: the rows of `[first, first + sizeBytes)` end, the row that fits at each place, as
   * one call ends what many have put side by side.
   * @param owner The values of the key before its last.
   */
  endRun(
    seq: number,
    owner: readonly (number | string)[],
    first: number,
    sizeBytes: number,
    prefers: (row: HistoryRow<F>) => number,
  ): void {
    const index = this.#descend(owner, owner.length) as RowIndex | null;
    if (index === null) return;
    const end = first + sizeBytes;
    let at = first;
    while (at < end) {
      const top = index.get(at);
      if (top === NO_ROW) break;
      const row = this.#best(top, prefers);
      this.#endOne(seq, row);
      const taken = this.#sizeOf(row);
      if (taken === 0) break;
      at += taken;
    }
    if (at >= end) return;
    // Rare: something in between has gone before.
    for (const top of index.rows()) {
      const start = this.#lastOf(top);
      if (start < at || start >= end) continue;
      this.#endOne(seq, this.#best(top, prefers));
    }
  }

  /**
   * For a table of ranges: rows in `[first, end)` end. A row that reaches beyond is cut, and its
   * rest stays valid, written by the same event as before.
   * @param owner The values of the key before its last.
   */
  endRange(seq: number, owner: readonly (number | string)[], first: number, end: number): void {
    const index = this.#descend(owner, owner.length) as RowIndex | null;
    if (index === null) return;
    let at = first;
    while (at < end) {
      const row = index.get(at);
      if (row === NO_ROW) break;
      at += this.#sizeOf(row);
      this.#cut(index, row, seq, first, end);
    }
    if (at >= end) return;
    // Rare: the range begins or goes on in the middle of a row.
    for (const row of index.rows()) {
      const start = this.#lastOf(row);
      if (start < end && start + this.#sizeOf(row) > first) this.#cut(index, row, seq, first, end);
    }
  }

  /** A row has another size from here on, 0 for none; the event writes the rest as before. */
  resize(seq: number, key: readonly (number | string)[], sizeBytes: number): void {
    const index = this.#descend(key, key.length - 1) as RowIndex;
    const last = this.#keyNumber(key.at(-1)!);
    const row = index.get(last);
    index.delete(last);
    this.#kill(row, seq);
    if (sizeBytes > 0) this.#keep(index, row, seq, 0, sizeBytes);
  }

  /** The row that holds with a key; null for none. */
  held(key: readonly (number | string)[]): HistoryRow<F> | null {
    const index = this.#descend(key, key.length - 1) as RowIndex | null;
    const row = index?.get(this.#keyNumber(key.at(-1)!)) ?? NO_ROW;
    return row === NO_ROW ? null : this.row(row);
  }

  /**
   * For a bag: rows that began for a request end, as far as they hold still.
   * @param seq Null where none ends, and the request is over.
   */
  endRequest(seq: number | null, request: number | null): void {
    for (const row of this.#ofRequests.take(request)) {
      if (seq !== null && this.#life(row, LIFE.DIED) === FOREVER) this.#endOne(seq, row);
    }
  }

  #endOne(seq: number, row: number): void {
    const index = this.#indexFor(row);
    const last = this.#lastOf(row);
    this.#takeOut(index, last, index.get(last), row);
    this.#kill(row, seq);
  }

  /** Ends every valid row with values that begin like that. */
  endAll(seq: number, owner: readonly (number | string)[]): void {
    const outer = this.#descend(owner, owner.length - 1) as Level | null;
    const last = this.#keyNumber(owner.at(-1)!);
    const level = outer?.get(last);
    if (outer === null || level === undefined) return;
    outer.delete(last);
    this.#lastOwner = NaN;
    this.#endLevel(level, seq);
  }

  #endLevel(level: Level | RowIndex, seq: number): void {
    if (!(level instanceof RowIndex)) {
      for (const inner of level.values()) this.#endLevel(inner, seq);
      return;
    }
    level.forEach((top) => {
      for (let row = top; row !== NO_ROW; row = this.#life(row, LIFE.BELOW)) this.#kill(row, seq);
    });
    level.clear();
    this.#spare.push(level);
  }

  /**
   * The rows that held after an event, in no order that means something.
   *
   * @param upTo Only rows that ended with this event or before; all where it is left out.
   */
  rowsAt(seq: number, upTo: number = FOREVER): number[] {
    const held: number[] = [];
    const add = (row: number) => {
      const died = this.#life(row, LIFE.DIED);
      if (died > seq && died <= upTo) held.push(row);
    };
    const list = this.#lists.before(seq);
    if (list !== null) { for (const row of list.rows) add(row); }
    const end = this.#firstSince(seq + 1);
    for (let row = list?.made ?? 0; row < end; row++) add(row);
    return held;
  }

  liveRows(): number[] {
    return this.live === 0 ? [] : this.rowsAt(FOREVER - 1);
  }

  /** The rows that begin or end with events of `(after, upTo]`. */
  changedBetween(after: number, upTo: number): number[] {
    const [low, high] = after <= upTo ? [after, upTo] : [upTo, after];
    const ended = this.rowsAt(low, high);
    const begun: number[] = [];
    for (let row = this.#firstSince(low + 1), end = this.#firstSince(high + 1); row < end; row++) {
      if (this.#life(row, LIFE.DIED) > high) begun.push(row);
    }
    return after <= upTo ? [...begun, ...ended] : [...ended, ...begun];
  }

  row(row: number): HistoryRow<F> {
    const read: Record<string, unknown> = {};
    for (let index = 0; index < this.#names.length; index++) {
      read[this.#names[index]!] = this.#valueOf(index, this.#number(row, index));
    }
    const endedSeq = this.#life(row, LIFE.DIED);
    read.createdSeq = this.#life(row, LIFE.BORN);
    read.endedSeq = endedSeq === FOREVER ? null : endedSeq;
    return read as HistoryRow<F>;
  }

  /** The value of one field, without the rest of the row. */
  value(row: number, field: FieldName<F>): unknown {
    const index = this.#indexOf(field);
    return this.#valueOf(index, this.#number(row, index));
  }

  /** From which event on a row held: later than `born` where it was cut off a longer one. */
  since(row: number): number {
    return this.#life(row, LIFE.SINCE);
  }

  /** The number of the first row that holds from an event on, or later; rows are numbered in that order. */
  #firstSince(seq: number): number {
    return countBefore(this.count, (row) => this.#life(row, LIFE.SINCE) < seq);
  }

  createdSeqOf(row: number): number {
    return this.#life(row, LIFE.BORN);
  }

  /** The field with the address at which a row's bytes begin; null where rows cover none. */
  get addressField(): FieldName<F> | null {
    const { address = this.spec.key.at(-1)!, fields, size } = this.spec;
    return size !== undefined && isAddress(fields[address]!) ? address : null;
  }

  /** The rows that ever held and cover an address of a field, oldest first. */
  covering(field: FieldName<F>, address: number, upTo: number): number[] {
    const index = this.#indexOf(field);
    const found: number[] = [];
    for (let row = 0; row < this.count && this.#life(row, LIFE.SINCE) <= upTo; row++) {
      const first = this.#number(row, index);
      const sizeBytes = this.#size < 0 ? 1 : this.#sizeOf(row);
      if (address >= first && address < first + sizeBytes) found.push(row);
    }
    return found;
  }

  get hostBytes(): number {
    return this.#lists.hostBytes + this.#values.hostBytes + this.#lives.hostBytes;
  }

  #indexOf(field: FieldName<F>): number {
    const index = this.#names.indexOf(field);
    if (index < 0) throw new RangeError(`Table ${this.spec.name} has no field "${field}"`);
    return index;
  }

  #number(row: number, index: number): number {
    return this.#values.get(row, index);
  }

  #life(row: number, what: number): number {
    return this.#lives.get(row, what);
  }

  #setLife(row: number, what: number, value: number): void {
    this.#lives.set(row, what, value);
  }

  /** Makes it empty, as a new one is, and keeps the room. */
  clear(): void {
    this.count = this.live = 0;
    this.call = null;
    this.#lists.clear();
    this.#ofRequests.clear();
    clearLevel(this.#root);
  }

  #make(since: number, createdSeq: number): number {
    this.#list(since);
    const row = this.count++;
    this.#chunk = this.#values.reach(row);
    this.#chunkAt = this.#values.offset(row);
    const lives = this.#lives.reach(row);
    const at = this.#lives.offset(row);
    lives[at + LIFE.SINCE] = since;
    lives[at + LIFE.BORN] = createdSeq;
    lives[at + LIFE.DIED] = FOREVER;
    lives[at + LIFE.BELOW] = NO_ROW;
    this.live++;
    this.#lists.changes++;
    return row;
  }

  #enter(row: number, last: number, seq: number): void {
    const before = this.#indexFor(row).put(last, row);
    if (before === NO_ROW) return;
    if (this.spec.isBag === true) this.#setLife(row, LIFE.BELOW, before);
    else this.#kill(before, seq);
  }

  #indexFor(row: number): RowIndex {
    if (this.#owners !== 1) return this.#indexBelow(row);
    const owner = this.#keyOf(row, 0);
    if (owner === this.#lastOwner) return this.#lastIndex!;
    this.#lastOwner = owner;
    return this.#lastIndex = this.#indexBelow(row);
  }

  #indexBelow(row: number): RowIndex {
    let level = this.#root;
    for (let depth = 1; depth <= this.#owners; depth++) {
      const value = this.#keyOf(row, depth - 1);
      const inner: Level | RowIndex = (level as Level).get(value) ??
        (depth === this.#owners ? this.#spare.pop() ?? new RowIndex() : new Map());
      (level as Level).set(value, inner);
      level = inner;
    }
    return level as RowIndex;
  }

  /** The last number of a row's key, where fields alone make it. */
  #lastOf(row: number): number {
    return this.#keyOf(row, this.#key.length - 1);
  }

  #keyOf(row: number, index: number): number {
    return this.#number(row, this.#key[index]!);
  }

  /** What lies below the first values of a key. */
  #descend(key: readonly (number | string)[], depth: number): Level | RowIndex | null {
    let level = this.#root;
    for (let index = 0; index < depth; index++) {
      const next = (level as Level).get(this.#keyNumber(key[index]!));
      if (next === undefined) return null;
      level = next;
    }
    return level;
  }

  #keyNumber(value: number | string): number {
    return typeof value === "string" ? this.#pool.text(value) : value;
  }

  #best(top: number, prefers: ((row: HistoryRow<F>) => number) | undefined): number {
    if (prefers === undefined || this.#life(top, LIFE.BELOW) === NO_ROW) return top;
    let best = top;
    let most = -Infinity;
    for (let row = top; row !== NO_ROW; row = this.#life(row, LIFE.BELOW)) {
      const fit = prefers(this.row(row));
      if (fit > most) [best, most] = [row, fit];
    }
    return best;
  }

  /** Takes one row of a bag out of those with its key. */
  #takeOut(index: RowIndex, last: number, top: number, row: number): void {
    const below = this.#life(row, LIFE.BELOW);
    if (row === top) {
      if (below === NO_ROW) index.delete(last);
      else index.put(last, below);
      return;
    }
    let above = top;
    while (this.#life(above, LIFE.BELOW) !== row) above = this.#life(above, LIFE.BELOW);
    this.#setLife(above, LIFE.BELOW, below);
  }

  #sizeOf(row: number): number {
    return this.#number(row, this.#size);
  }

  /** Ends what of a row lies in a range; what lies outside holds on. */
  #cut(index: RowIndex, row: number, seq: number, first: number, end: number): void {
    const start = this.#lastOf(row);
    const sizeBytes = this.#sizeOf(row);
    index.delete(start);
    this.#kill(row, seq);
    if (start < first) this.#keep(index, row, seq, 0, first - start);
    if (start + sizeBytes > end) this.#keep(index, row, seq, end - start, start + sizeBytes - end);
  }

  #keep(index: RowIndex, of: number, seq: number, offset: number, sizeBytes: number): void {
    invariant(sizeBytes > 0, "The rest of a cut row is empty");
    const { size, moving = [] } = this.spec;
    const row = this.#make(seq, this.#life(of, LIFE.BORN));
    for (let field = 0; field < this.#names.length; field++) {
      const name = this.#names[field]!;
      const value = this.#number(of, field);
      const moved = moving.includes(name) ? value + offset : value;
      this.#values.set(row, field, name === size ? sizeBytes : moved);
    }
    index.put(this.#lastOf(row), row);
  }

  #kill(row: number, seq: number): void {
    this.#list(seq);
    invariant(this.#life(row, LIFE.DIED) === FOREVER, "A row ends twice");
    this.#setLife(row, LIFE.DIED, seq);
    invariant(this.live > 0, "More rows end than hold");
    this.live--;
    this.#lists.changes++;
  }

  /** Lists the rows that hold, before the first change of an event, where the last list is far. */
  #list(seq: number): void {
    if (!this.#lists.isDue(seq, this.live)) return;
    let made = this.count;
    while (made > 0 && this.#life(made - 1, LIFE.SINCE) >= seq) made--;
    invariant(made <= this.count, "A list counts rows that are not made");
    this.#lists.add({ seq: seq - 1, made, rows: new Uint32Array(this.rowsAt(seq - 1)) });
  }

  #numberOf(index: number, value: unknown): number {
    if (value === null || value === undefined) return NaN;
    if (!this.#isText[index]) return Number(value);
    // Rows that follow each other have mostly the same words.
    if (this.#lastTexts[index] === value) return this.#lastNumbers[index]!;
    this.#lastTexts[index] = value as string;
    return this.#lastNumbers[index] = this.#pool.text(value as string);
  }

  #valueOf(index: number, value: number): unknown {
    if (Number.isNaN(value)) return null;
    if (this.#isText[index]) return this.#pool.value(value);
    return this.spec.fields[this.#names[index]!]!.kind === "bool" ? value === 1 : value;
  }
}
