/**
 * Values other than numbers, each stored once and represented by a number: words, names, and the
 * small lists in some events.
 */

/** Approximate bytes of a value besides its text: for the budget of a recording. */
const ENTRY_BYTES = 64;

export class ValuePool {
  readonly #values: unknown[] = [];
  readonly #texts = new Map<string, number>();
  readonly #lists = new Map<string, number>();
  #hostBytes = 0;

  text(text: string): number {
    return this.#texts.get(text) ?? this.#add(this.#texts, text, text);
  }

  /** The number of a list of texts, of numbers or of pairs. Equal lists have the same number. */
  list(list: readonly unknown[]): number {
    const key = JSON.stringify(list);
    return this.#lists.get(key) ?? this.#add(this.#lists, key, list);
  }

  value(index: number): unknown {
    return this.#values[index];
  }

  get hostBytes(): number {
    return this.#hostBytes;
  }

  #add(known: Map<string, number>, key: string, value: unknown): number {
    const index = this.#values.push(value) - 1;
    known.set(key, index);
    this.#hostBytes += ENTRY_BYTES + 2 * key.length;
    return index;
  }
}

/** Whether two lists have the same items, which may be lists themselves. */
export function sameList(one: readonly unknown[], other: readonly unknown[]): boolean {
  if (one.length !== other.length) return false;
  for (let index = 0; index < one.length; index++) {
    const a = one[index];
    const b = other[index];
    if (a === b) continue;
    if (!Array.isArray(a) || !Array.isArray(b) || !sameList(a, b)) return false;
  }
  return true;
}
