/**
 * What the code that runs may do: sleep, or not while it holds a spin lock.
 *
 * @see behaviour/c-api.md 14 (no sleep while held), and its column C
 */
import { invariant } from "./errno.ts";

export class CpuContext {
  #locks = 0;

  /** Spin locks that are held. */
  get locks(): number {
    return this.#locks;
  }

  /** Nothing may sleep now. */
  get isAtomic(): boolean {
    return this.#locks > 0;
  }

  lock(): void {
    this.#locks++;
  }

  unlock(): void {
    invariant(this.#locks > 0, "A lock is given back that nobody holds");
    this.#locks--;
  }
}
