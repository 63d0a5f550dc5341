/**
 * Tracks held locks, and the order in which a driver takes them. If a driver takes two locks in both
 * orders, it can deadlock, even if it does not in this run.
 *
 * @see rules/c-api.md 14
 */
import type { Machine } from "@dmalab/runtime";

interface Held {
  readonly at: number;
  /** The statement that took the lock. */
  readonly site: number | null;
}

export class LockOrder {
  /** For each lock, the locks that were taken while it was held, each with the statement. */
  readonly #after = new Map<number, Map<number, number | null>>();
  /** The locks held by the running context, in the order in which they were taken. */
  #held: Held[] = [];
  /** The locks held by the interrupted contexts. */
  readonly #outer: Held[][] = [];

  /** @param place Formats the place of a statement. */
  constructor(
    private readonly machine: Machine,
    private readonly place: (site: number | null) => string,
  ) {}

  /** Notes that a context without locks interrupts the running one. */
  enter(): void {
    this.#outer.push(this.#held);
    // If the interrupted context holds no locks, its empty list is reused.
    if (this.#held.length > 0) this.#held = [];
  }

  /** Notes that the running context has ended; locks that it still holds are forgotten. */
  leave(): void {
    const outer = this.#outer.pop()!;
    if (outer === this.#held) outer.length = 0;
    else this.#held = outer;
  }

  /** Notes that a lock was taken by a call that could have waited for it. */
  taken(at: number): void {
    const { site } = this.machine.events.context;
    for (const held of this.#held) this.#follow(held, at, site);
    this.tried(at);
  }

  /** Notes that a lock was taken by a call that does not wait. */
  tried(at: number): void {
    this.#held.push({ at, site: this.machine.events.context.site });
  }

  given(at: number): void {
    const index = this.#held.findLastIndex((held) => held.at === at);
    if (index >= 0) this.#held.splice(index, 1);
  }

  /**
   * The statement that took a lock, as the end of a sentence. Also whether the holder of the lock
   * is an interrupted context, which cannot go on.
   */
  heldBy(at: number): { readonly since: string; readonly waits: boolean } {
    const all = [...this.#outer.flat(), ...this.#held];
    const held = all.findLast((each) => each.at === at);
    const waits = held !== undefined && !this.#held.includes(held);
    return { since: held === undefined ? "" : ` since ${this.place(held.site)}`, waits };
  }

  /** Forgets the locks in freed memory. */
  forget(at: number, end: number): void {
    const isGone = (lock: number) => lock >= at && lock < end;
    for (const [lock, after] of this.#after) {
      if (isGone(lock)) this.#after.delete(lock);
      else for (const other of after.keys()) if (isGone(other)) after.delete(other);
    }
  }

  #follow(held: Held, at: number, site: number | null): void {
    const after = this.#after.get(held.at);
    if (held.at === at || after?.has(at)) return;
    const back = this.#firstStep(at, held.at);
    if (after === undefined) this.#after.set(held.at, new Map([[at, site]]));
    else after.set(at, site);
    if (back === undefined) return;
    this.machine.checker?.contexts.lockOrder(
      `Lock-order inversion: taken while holding the lock from ${
        this.place(held.site)
      }; the opposite ` +
        "order was seen before (possible ABBA deadlock)",
      back,
    );
  }

  /**
   * The first statement on a path from one lock to another in the recorded order; undefined without a
   * path.
   */
  #firstStep(from: number, to: number): number | null | undefined {
    const seen = new Set([from]);
    const ways = [...this.#after.get(from) ?? []];
    for (let next = ways.pop(); next !== undefined; next = ways.pop()) {
      const [lock, site] = next;
      if (lock === to) return site;
      if (seen.has(lock)) continue;
      seen.add(lock);
      for (const [after] of this.#after.get(lock) ?? []) ways.push([after, site]);
    }
    return undefined;
  }
}
