/**
 * Checks of where a call is made from: one that may sleep has no place under a spin lock.
 *
 * @see rules/c-api.md, column C
 */
import type { CpuContext } from "../../cpu_context.ts";
import type { MappingRecords } from "./ledger.ts";

export class ContextChecks {
  readonly #ledger: MappingRecords;

  constructor(ledger: MappingRecords) {
    this.#ledger = ledger;
  }

  /** What may sleep is about to. @param what A call's name, or a statement's. */
  maySleep(what: string): void {
    const { context } = this.#ledger.platform;
    if (!context.isAtomic) return;
    this.#ledger.report(
      "sleep_in_atomic",
      `${what} may sleep, but is called in atomic context: ${whyAtomic(context)}`,
      null,
    );
  }

  /** Locks are taken in an order in which two can wait for each other. @param before Who took them so first. */
  lockOrder(text: string, before: number | null): void {
    this.#ledger.report("lock_order", text, before);
  }
}

function whyAtomic({ inInterrupt, locks }: CpuContext): string {
  if (locks > 1) return `${locks} spinlocks held`;
  if (locks === 1) return "spinlock held";
  return inInterrupt ? "in hardirq" : "IRQs disabled";
}
