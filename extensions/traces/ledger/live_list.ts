/**
 * A list of mappings in the order of their insertion, with fast access to the newest. The links are
 * fields of the mappings, because there are many mappings: a `Set` would take more memory, and
 * would copy its table as it grows.
 */
export interface Linked<Item> {
  /** The neighbours in the list; null at an end, and outside a list. */
  older: Item | null;
  newer: Item | null;
}

/** @typeParam Item An item can be in only one list at a time. */
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

  /** @returns Whether the item was in the list. */
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

  /** All items, from the oldest to the newest. */
  all(): Item[] {
    const items: Item[] = [];
    for (let item = this.#oldest; item !== null; item = item.newer) items.push(item);
    return items;
  }
}
