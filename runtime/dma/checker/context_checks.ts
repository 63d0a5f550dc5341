/**
 * Checks of where a call is made from: one that may sleep has no place under a spin lock.
 *
 * @see behaviour/c-api.md, column C
 */
import type { Ledger } from "./ledger.ts";

export class ContextChecks {
  readonly #ledger: Ledger;

  constructor(ledger: Ledger) {
    this.#ledger = ledger;
  }

  /** What may sleep is about to. @param what A call's name, or a statement's. */
  maySleep(what: string): void {
    const { context } = this.#ledger.machine;
    if (!context.isAtomic) return;
    const locks = context.locks === 1 ? "a spin lock is" : `${context.locks} spin locks are`;
    this.#ledger.report("sleep_in_atomic", `${what} may sleep, but ${locks} held`, null);
  }
}
