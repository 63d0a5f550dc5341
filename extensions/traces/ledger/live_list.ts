/**
 * Mappings in the order in which they came, with the newest one at hand. The links are parts of the
 * mappings, of which there are many: a `Set` takes more memory, and copies its table as it grows.
 */
export interface Linked<Item> {
  /** Its neighbours in a list; null outside and at an end. */
  older: Item | null;
  newer: Item | null;
}

/** @typeParam Item In at most one list at a time. */
export class LiveList<Item extends Linked<Item>> {
  size = 0;
  newest: Item | null = null;
  #oldest: Item | null = null;

  add(item: Item): void {
    item.older = this.newest;
    if (this.newest === null) this.#oldest = item;
    else this.newest.newer = item;
    this.newest = item;
    this.size++;
  }

  has(item: Item): boolean {
    return item.older !== null || this.#oldest === item;
  }

  /** @returns Whether it was there. */
  delete(item: Item): boolean {
    if (!this.has(item)) return false;
    const { newer, older } = item;
    if (older === null) this.#oldest = newer;
    else older.newer = newer;
    if (newer === null) this.newest = older;
    else newer.older = older;
    item.older = item.newer = null;
    this.size--;
    return true;
  }

  /** From the oldest to the newest. */
  all(): Item[] {
    const items: Item[] = [];
    for (let item = this.#oldest; item !== null; item = item.newer) items.push(item);
    return items;
  }
}
