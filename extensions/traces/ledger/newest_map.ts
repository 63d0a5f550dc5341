/** A map of bounded size: the oldest entry is dropped for a new one. */
import { NumberMap } from "../owner/number_map.ts";

export class NewestMap<Value> extends NumberMap<Value> {
  dropped = 0;

  constructor(
    private readonly most: number,
    private readonly onDrop: ((key: number, value: Value) => void) | null = null,
  ) {
    super();
  }

  override set(key: number, value: Value): void {
    this.delete(key);
    super.set(key, value);
    if (this.size > this.most) this.#dropOldest();
  }

  #dropOldest(): void {
    const key = this.oldestKey!;
    const value = this.get(key)!;
    this.delete(key);
    this.dropped++;
    this.onDrop?.(key, value);
  }
}
