/**
 * A table of facts with lifetimes: rows of plain values, each with the event that created it, and the
 * events between which it was valid. The table can be queried for any moment of a run.
 *
 * The definition of a table says which events begin rows, and which events end them. It repeats no
 * rule of the kernel: if an event does not tell enough to change the table, the event gets another
 * field. A row's key consists of the values of the fields that the definition names in `key`; `seq`
 * is the event's number.
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

/** The value of `#chunk` before the first row. */
const NO_VALUES = new Float64Array(0);

const FOREVER = 0x7fff_ffff;

/**
 * The columns of a row's lifetime: the event since which the row is valid, the event that created
 * it, the event that ended it; and for a bag the previous valid row with the same key. WIDTH is the
 * number of columns.
 */
const LIFE = { SINCE: 0, BORN: 1, DIED: 2, BELOW: 3, WIDTH: 4 };
export class HistoryTable<F extends FieldTable = FieldTable> {
  /** Number of rows so far. Rows are numbered in the order of their beginnings. */
  count = 0;
  /** Number of valid rows. */
  live = 0;
  /** The current kernel call, for the event of its return. */
  call: KernelCallRecord | null = null;
  /** Rows that began for requests in progress. */
  readonly #ofRequests = new RowsOfRequests();

  readonly #pool: ValuePool;
  readonly #names: readonly FieldName<F>[];
  readonly #isText: readonly boolean[];
  readonly #isBool: readonly boolean[];
  /** By field: the last text, and its number in the pool. */
  readonly #lastTexts: string[] = [];
  readonly #lastNumbers: number[] = [];
  /**
   * The names of the last row's values in the order in which they came, and the field index of each
   * name; -1 for a name that is no field.
   */
  #order: { readonly names: readonly string[]; readonly places: readonly number[] } = {
    names: [],
    places: [],
  };
  /** Indices of the key's fields, and of the size; -1 for a table without sizes. */
  readonly #key: readonly number[];
  readonly #size: number;
  /** The size of the largest row so far. */
  #mostBytes = 0;
  readonly #width: number;
  readonly #values: FloatRows;
  readonly #lives = new WholeRows(LIFE.WIDTH);
  /** How many values of the key come before its last value. */
  readonly #owners: number;
  readonly #root: Level | RowIndex;
  /** Indexes of owners without rows, for reuse. */
  readonly #spare: RowIndex[] = [];
  readonly #lists = new LiveLists();
  /** Place of the last row's values: a chunk, and an index in it. */
  #chunk: Float64Array = NO_VALUES;
  #chunkAt = 0;
  /**
   * The owner of the last row, in tables with one owner value. It is cached with its index, because
   * consecutive rows mostly have the same owner.
   */
  #lastOwner = NaN;
  #lastIndex: RowIndex | null = null;

  constructor(readonly spec: HistoryTableSpec<F>, pool: ValuePool) {
    this.#pool = pool;
    this.#names = Object.keys(spec.fields) as FieldName<F>[];
    this.#isText = this.#names.map((name) => ["word", "text"].includes(spec.fields[name]!.kind));
    this.#isBool = this.#names.map((name) => spec.fields[name]!.kind === "bool");
    this.#width = this.#names.length;
    this.#values = new FloatRows(this.#width);
    this.#key = spec.key.map((name) => this.#indexOf(name));
    this.#size = spec.size === undefined ? -1 : this.#indexOf(spec.size);
    this.#owners = this.#key.length - (spec.place === undefined ? 1 : 0);
    this.#root = this.#owners === 0 ? new RowIndex() : new Map();
  }

  /**
   * Begins a row. The valid row with the same key ends, except in a bag.
   * @param request The row ends at the latest when `endRequest` is called for this request.
   */
  begin(seq: number, values: AllHold<F>, request?: number | null): void {
    const row = this.#make(seq, seq);
    if (!this.#fill(values)) {
      this.#learnOrder(values);
      this.#fill(values);
    }
    this.#noteSize(row);
    const { place } = this.spec;
    this.#enter(row, place === undefined ? this.#lastOf(row) : place(values), seq);
    if (request !== undefined) this.#ofRequests.add(request, row);
  }

  /**
   * Stores the values of the last row, if they come in the same order as the values of the row
   * before.
   * @returns False when the order differs.
   */
  #fill(given: Readonly<Record<string, unknown>>): boolean {
    const numbers = this.#chunk;
    const first = this.#chunkAt;
    const { names, places } = this.#order;
    let at = 0;
    // V8 reads the properties in such a loop by index, whatever the object's shape.
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
   * Ends the row that has this key, if there is one.
   * @param prefers For a bag: returns how well a row fits. Among the best rows, the newest ends.
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

  /**
   * For a bag: ends the row that fits best; among equal rows, the newest. A row for which `fits`
   * returns null does not count.
   */
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
   * For a bag: ends consecutive rows that cover `[first, first + sizeBytes)`. At each address, ends
   * the row that fits best. Used for a call that ends mappings made by many calls.
   * @param owner All values of the key except the last.
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
    // Rare: an address in between had no row any more, so all later rows are searched.
    for (const top of index.rows()) {
      const start = this.#lastOf(top);
      if (start < at || start >= end) continue;
      this.#endOne(seq, this.#best(top, prefers));
    }
  }

  /**
   * For a table of ranges: ends rows in `[first, end)`. A row that extends past the range is cut:
   * its remaining parts stay valid, with the same creating event.
   * @param owner All values of the key except the last.
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
    if (at >= end || !index.mayHaveIn(first - this.#mostBytes, end)) return;
    // Rare: the range begins, or continues after a hole, in the middle of a row.
    for (const row of index.rows()) {
      const start = this.#lastOf(row);
      if (start < end && start + this.#sizeOf(row) > first) this.#cut(index, row, seq, first, end);
    }
  }

  /**
   * Ends the row that has this key, and continues it with another size and the same creating event.
   * With size 0 the row only ends.
   */
  resize(seq: number, key: readonly (number | string)[], sizeBytes: number): void {
    const index = this.#descend(key, key.length - 1) as RowIndex;
    const last = this.#keyNumber(key.at(-1)!);
    const row = index.get(last);
    index.delete(last);
    this.#kill(row, seq);
    if (sizeBytes > 0) this.#keep(index, row, seq, 0, sizeBytes);
  }

  /** The valid row with a key; null for none. */
  held(key: readonly (number | string)[]): HistoryRow<F> | null {
    const index = this.#descend(key, key.length - 1) as RowIndex | null;
    const row = index?.get(this.#keyNumber(key.at(-1)!)) ?? NO_ROW;
    return row === NO_ROW ? null : this.row(row);
  }

  /**
   * For a bag: ends the rows that began for a request and are still valid.
   * @param seq Null to end no row; the table then only forgets the request.
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

  /** Ends all valid rows that have a key starting with these values. */
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
   * The rows that were valid after an event, in no particular order.
   *
   * @param upTo Leaves out rows that ended later than this event, or have not ended; default:
   *   returns all.
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

  /**
   * The event since which a row was valid. It is later than the row's creating event if the row was
   * cut off a longer row.
   */
  since(row: number): number {
    return this.#life(row, LIFE.SINCE);
  }

  /**
   * The number of the first row that began to be valid at an event or later; rows are numbered in that
   * order.
   */
  #firstSince(seq: number): number {
    return countBefore(this.count, (row) => this.#life(row, LIFE.SINCE) < seq);
  }

  createdSeqOf(row: number): number {
    return this.#life(row, LIFE.BORN);
  }

  /** The field with a row's start address; null where rows cover no bytes. */
  get addressField(): FieldName<F> | null {
    const { address = this.spec.key.at(-1)!, fields, size } = this.spec;
    return size !== undefined && isAddress(fields[address]!) ? address : null;
  }

  /**
   * All rows, valid or ended, that cover an address, oldest first. `field` is the one with a row's
   * start address.
   */
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

  /** Removes all rows, and keeps the capacity. */
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

  /** The last value of a row's key, in a table without `place`: only fields form the key there. */
  #lastOf(row: number): number {
    return this.#keyOf(row, this.#key.length - 1);
  }

  #keyOf(row: number, index: number): number {
    return this.#number(row, this.#key[index]!);
  }

  /** The level or index below the first `depth` values of a key. */
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

  /** Removes one row of a bag from the rows that have the same key. */
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

  /** Ends the part of a row that lies in a range; the rest stays valid. */
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
    this.#noteSize(row);
    index.put(this.#lastOf(row), row);
  }

  #noteSize(row: number): void {
    if (this.#size < 0) return;
    const sizeBytes = this.#sizeOf(row);
    // False for a row without a size, which no range meets.
    if (sizeBytes > this.#mostBytes) this.#mostBytes = sizeBytes;
  }

  #kill(row: number, seq: number): void {
    this.#list(seq);
    invariant(this.#life(row, LIFE.DIED) === FOREVER, "A row ends twice");
    this.#setLife(row, LIFE.DIED, seq);
    invariant(this.live > 0, "More rows end than hold");
    this.live--;
    this.#lists.changes++;
  }

  /**
   * Makes a list of the valid rows, if many changes were made since the last list. Called before
   * the first change by an event.
   */
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
    // Consecutive rows mostly have the same texts.
    if (this.#lastTexts[index] === value) return this.#lastNumbers[index]!;
    this.#lastTexts[index] = value as string;
    return this.#lastNumbers[index] = this.#pool.text(value as string);
  }

  #valueOf(index: number, value: number): unknown {
    if (Number.isNaN(value)) return null;
    if (this.#isText[index]) return this.#pool.value(value);
    return this.#isBool[index] ? value === 1 : value;
  }
}
