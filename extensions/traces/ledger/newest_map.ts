/** A map of what was written last: beyond its size the oldest is dropped. */
export class NewestMap<Key, Value> extends Map<Key, Value> {
  dropped = 0;
  /**
   * Goes on behind what was dropped last: a new one would pass all that is gone. While nothing is
   * dropped there is none, because it keeps each table of the map alive that has been outgrown.
   */
  #oldest: MapIterator<[Key, Value]> | null = null;

  constructor(
    private readonly most: number,
    private readonly onDrop: ((key: Key, value: Value) => void) | null = null,
  ) {
    super();
  }

  override set(key: Key, value: Value): this {
    this.delete(key);
    super.set(key, value);
    if (this.size > this.most) this.#dropOldest();
    else this.#oldest = null;
    return this;
  }

  #dropOldest(): void {
    this.#oldest ??= this.entries();
    const [key, value] = this.#oldest.next().value!;
    this.delete(key);
    this.dropped++;
    this.onDrop?.(key, value);
  }
}
