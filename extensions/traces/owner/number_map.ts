/**
 * A map with numbers as keys, in insertion order. V8's own `Map` is slower for keys above 2^31,
 * such as addresses, because it allocates an object for each key and calls a function to hash the
 * key.
 */
const NONE = -1;
const DELETED = -2;
/**
 * Least capacity of a table that was full once, a power of two. Some tables lose most of their
 * entries again: the larger the capacity, the less often such a table must be rebuilt.
 */
const LEAST_ENTRIES = 32;
/**
 * Capacity of the first table, a power of two. V8 stores typed arrays of up to 64 bytes in the object itself. A map
 * with one entry has no table: of many devices, each may have few mappings.
 */
const FIRST_ENTRIES = 4;
const NO_KEYS = new Float64Array(0);
const NO_SLOTS = new Int32Array(0);
const NO_VALUES: undefined[] = [];
/** A rebuilt table has room for this many times the remaining entries. */
const ROOM_TIMES = 4;
const UPPER = 2 ** -32;
/** Multiplier of the hash. It spreads keys that are multiples of one power of two. */
const GOLDEN = 0x9e3779b1 | 0;

/** @typeParam Value Type of the values, which must not include undefined. */
export class NumberMap<Value> {
  size = 0;
  /** The only entry of a map without a table; the value is undefined without one. */
  #onlyKey = 0;
  #onlyValue: Value | undefined = undefined;
  /** Keys and values in insertion order; the value of a deleted key is undefined. */
  #keys = NO_KEYS;
  #values: (Value | undefined)[] = NO_VALUES;
  /** All entries before this index are deleted. */
  #first = 0;
  /** Index of the next entry. */
  #next = 0;
  /**
   * Hash table with the indices of the entries. The table is twice as large as the arrays of
   * entries, so at least half of it is free.
   */
  #slots = NO_SLOTS;

  get(key: number): Value | undefined {
    if (this.#keys.length === 0) return this.#onlyKey === key ? this.#onlyValue : undefined;
    const slot = this.#slotOf(key);
    return slot < 0 ? undefined : this.#values[this.#slots[slot]!];
  }

  has(key: number): boolean {
    return this.get(key) !== undefined;
  }

  /** Sets a value; a key that is already in the map keeps its place. */
  set(key: number, value: Value): void {
    if (this.#keys.length === 0 && this.#setOnly(key, value)) return;
    const slot = this.#slotOf(key);
    if (slot >= 0) {
      this.#values[this.#slots[slot]!] = value;
      return;
    }
    if (this.#next === this.#keys.length) this.#renew();
    this.#keys[this.#next] = key;
    this.#values[this.#next] = value;
    this.#link(this.#next++);
    this.size++;
  }

  /** @returns False if the map needs a table for the key. */
  #setOnly(key: number, value: Value): boolean {
    if (this.size === 0 || this.#onlyKey === key) {
      this.#onlyKey = key;
      this.#onlyValue = value;
      this.size = 1;
      return true;
    }
    const [onlyKey, onlyValue] = [this.#onlyKey, this.#onlyValue!];
    this.#onlyValue = undefined;
    this.#renew();
    this.#keys[0] = onlyKey;
    this.#values[0] = onlyValue;
    this.#link(this.#next++);
    return false;
  }

  /** @returns Whether the key was in the map. */
  delete(key: number): boolean {
    if (this.#keys.length === 0) {
      if (this.get(key) === undefined) return false;
      this.#onlyValue = undefined;
      this.size = 0;
      return true;
    }
    const slot = this.#slotOf(key);
    if (slot < 0) return false;
    this.#values[this.#slots[slot]!] = undefined;
    this.#slots[slot] = DELETED;
    this.size--;
    return true;
  }

  /** The key that was added first; undefined if the map is empty. */
  get oldestKey(): number | undefined {
    if (this.#onlyValue !== undefined) return this.#onlyKey;
    while (this.#first < this.#next && this.#values[this.#first] === undefined) this.#first++;
    return this.#first < this.#next ? this.#keys[this.#first] : undefined;
  }

  *[Symbol.iterator](): Generator<[number, Value]> {
    if (this.#onlyValue !== undefined) return yield [this.#onlyKey, this.#onlyValue];
    for (let entry = this.#first; entry < this.#next; entry++) {
      const value = this.#values[entry];
      if (value !== undefined) yield [this.#keys[entry]!, value];
    }
  }

  *values(): Generator<Value> {
    if (this.#onlyValue !== undefined) return yield this.#onlyValue;
    for (let entry = this.#first; entry < this.#next; entry++) {
      const value = this.#values[entry];
      if (value !== undefined) yield value;
    }
  }

  #slotOf(key: number): number {
    if (this.size === 0) return NONE;
    const slots = this.#slots;
    const mask = slots.length - 1;
    for (let slot = hashOf(key) & mask; slots[slot] !== NONE; slot = slot + 1 & mask) {
      const entry = slots[slot]!;
      if (entry >= 0 && this.#keys[entry] === key) return slot;
    }
    return NONE;
  }

  #link(entry: number): void {
    const slots = this.#slots;
    const mask = slots.length - 1;
    let slot = hashOf(this.#keys[entry]!) & mask;
    while (slots[slot]! >= 0) slot = slot + 1 & mask;
    slots[slot] = entry;
  }

  /** Rebuilds the table without deleted entries, and with more room if most entries remain. */
  #renew(): void {
    const [keys, values] = [this.#keys, this.#values];
    const last = this.#next;
    let room = keys.length === 0 ? FIRST_ENTRIES : LEAST_ENTRIES;
    while (room < ROOM_TIMES * this.size) room *= 2;
    if (room !== keys.length) {
      this.#keys = new Float64Array(room);
      this.#values = new Array(room).fill(undefined);
      this.#slots = new Int32Array(2 * room);
    }
    this.#slots.fill(NONE);
    let next = 0;
    for (let entry = this.#first; entry < last; entry++) {
      const value = values[entry];
      if (value === undefined) continue;
      values[entry] = undefined;
      this.#keys[next] = keys[entry]!;
      this.#values[next] = value;
      this.#link(next++);
    }
    this.#first = 0;
    this.#next = next;
  }
}

function hashOf(key: number): number {
  const hash = Math.imul((key | 0) ^ (key * UPPER | 0), GOLDEN);
  return hash ^ hash >>> 16;
}
