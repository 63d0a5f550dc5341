/**
 * A map with numbers as keys, in the order in which they came. V8's own makes an object of each key
 * above 2^31, as addresses are, and calls a function to hash it.
 */
const NONE = -1;
const DELETED = -2;
/** Entries that there is room for at first: a power of two. Where few live for long, room is renewed less often. */
const LEAST_ENTRIES = 32;
/** Room is renewed for so many times as many entries as are left. */
const ROOM_TIMES = 4;
const UPPER = 2 ** -32;
/** Spreads keys that are multiples of one power of two. */
const GOLDEN = 0x9e3779b1 | 0;

/** @typeParam Value Never undefined. */
export class NumberMap<Value> {
  size = 0;
  /** Keys and values in their order; a deleted key has no value. */
  #keys = new Float64Array(LEAST_ENTRIES);
  #values: (Value | undefined)[] = new Array(LEAST_ENTRIES).fill(undefined);
  /** Before it all entries are deleted. */
  #first = 0;
  /** Where the next entry comes. */
  #next = 0;
  /** Entries by the hashes of their keys, twice as many as there are: half of it is free. */
  #slots = new Int32Array(2 * LEAST_ENTRIES).fill(NONE);

  get(key: number): Value | undefined {
    const slot = this.#slotOf(key);
    return slot < 0 ? undefined : this.#values[this.#slots[slot]!];
  }

  has(key: number): boolean {
    return this.#slotOf(key) >= 0;
  }

  /** A key that is there keeps its place. */
  set(key: number, value: Value): void {
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

  /** @returns Whether it was there. */
  delete(key: number): boolean {
    const slot = this.#slotOf(key);
    if (slot < 0) return false;
    this.#values[this.#slots[slot]!] = undefined;
    this.#slots[slot] = DELETED;
    this.size--;
    return true;
  }

  /** The key that came first; undefined without one. */
  get oldestKey(): number | undefined {
    while (this.#first < this.#next && this.#values[this.#first] === undefined) this.#first++;
    return this.#first < this.#next ? this.#keys[this.#first] : undefined;
  }

  *[Symbol.iterator](): Generator<[number, Value]> {
    for (let entry = this.#first; entry < this.#next; entry++) {
      const value = this.#values[entry];
      if (value !== undefined) yield [this.#keys[entry]!, value];
    }
  }

  *values(): Generator<Value> {
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

  /** Drops deleted entries, and makes more room where most are left. */
  #renew(): void {
    const [keys, values] = [this.#keys, this.#values];
    const last = this.#next;
    let room = LEAST_ENTRIES;
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
