/**
 * Which locks are held, and in which order a driver takes them: two that are taken both ways round can wait
 * for each other for ever, whether they do or not.
 *
 * @see rules/c-api.md 14
 */
import type { Machine } from "@dmalab/runtime";

interface Held {
  readonly at: number;
  /** The statement that took it. */
  readonly site: number | null;
}

export class LockOrder {
  /** Locks that were taken while one was held, with the statement, by both. */
  readonly #after = new Map<number, Map<number, number | null>>();
  /** The locks of the running context: the first taken first. */
  #held: Held[] = [];
  /** The locks of the contexts that it interrupted. */
  readonly #outer: Held[][] = [];

  /** @param place Gives the place of a statement as text. */
  constructor(
    private readonly machine: Machine,
    private readonly place: (site: number | null) => string,
  ) {}

  /** Another context interrupts the running one: it holds nothing. */
  enter(): void {
    this.#outer.push(this.#held);
    // A context that holds nothing lends its list.
    if (this.#held.length > 0) this.#held = [];
  }

  /** The running context has ended; the locks that it has kept are known no longer. */
  leave(): void {
    const outer = this.#outer.pop()!;
    if (outer === this.#held) outer.length = 0;
    else this.#held = outer;
  }

  /** A lock was taken by a call that would have waited for it. */
  taken(at: number): void {
    const { site } = this.machine.events.context;
    for (const held of this.#held) this.#follow(held, at, site);
    this.tried(at);
  }

  /** One was taken because it was free. */
  tried(at: number): void {
    this.#held.push({ at, site: this.machine.events.context.site });
  }

  given(at: number): void {
    const index = this.#held.findLastIndex((held) => held.at === at);
    if (index >= 0) this.#held.splice(index, 1);
  }

  /** Since when a lock is held, as the end of a sentence; and whether its holder waits meanwhile. */
  heldBy(at: number): { readonly since: string; readonly waits: boolean } {
    const all = [...this.#outer.flat(), ...this.#held];
    const held = all.findLast((each) => each.at === at);
    const waits = held !== undefined && !this.#held.includes(held);
    return { since: held === undefined ? "" : ` since ${this.place(held.site)}`, waits };
  }

  /** What lies in freed memory is no lock any more. */
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

  /** The first statement on a way from one lock to another; undefined where there is no way. */
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
