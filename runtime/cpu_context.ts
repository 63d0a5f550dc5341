/**
 * What running code may do: it may sleep, except while it holds a spin lock, in an interrupt
 * handler, and with interrupts off.
 *
 * @see rules/c-api.md 14 (no sleep while held), and column C of that page's tables
 */
import { invariant } from "./errno.ts";

export class CpuContext {
  #locks = 0;
  #interrupts = 0;
  #disabled = 0;

  /** Number of spin locks held. */
  get locks(): number {
    return this.#locks;
  }

  get inInterrupt(): boolean {
    return this.#interrupts > 0;
  }

  get irqsOff(): boolean {
    return this.#interrupts > 0 || this.#disabled > 0;
  }

  /** True when the current code may not sleep. */
  get isAtomic(): boolean {
    return this.#locks > 0 || this.irqsOff;
  }

  enterInterrupt(): void {
    this.#interrupts++;
  }

  leaveInterrupt(): void {
    this.#interrupts--;
  }

  /** Turns interrupts off. */
  disableIrqs(): void {
    this.#disabled++;
  }

  /** Ends one level of disabled interrupts. @returns False when interrupts were not disabled. */
  enableIrqs(): boolean {
    if (this.#disabled === 0) return false;
    this.#disabled--;
    return true;
  }

  lock(): void {
    this.#locks++;
  }

  unlock(): void {
    invariant(this.#locks > 0, "Unlock of a lock that is not held");
    this.#locks--;
  }
}
