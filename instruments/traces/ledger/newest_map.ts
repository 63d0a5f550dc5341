/** A map of what was written last: beyond its size the oldest is dropped. */
export class NewestMap<Key, Value> extends Map<Key, Value> {
  /** How many were dropped. */
  dropped = 0;
  readonly #most: number;
  readonly #onDrop: ((key: Key, value: Value) => void) | null;

  constructor(most: number, onDrop: ((key: Key, value: Value) => void) | null = null) {
    super();
    this.#most = most;
    this.#onDrop = onDrop;
  }

  override set(key: Key, value: Value): this {
    this.delete(key);
    super.set(key, value);
    if (this.size > this.#most) this.#dropOldest();
    return this;
  }

  #dropOldest(): void {
    for (const [key, value] of this) {
      this.delete(key);
      this.dropped++;
      this.#onDrop?.(key, value);
      return;
    }
  }
}
