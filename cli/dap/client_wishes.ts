/** What the client wants to stop while something is worked out. */
import { type Arrivals, STOPPING } from "./heard_input.ts";

export class ClientWishes {
  readonly #arrivals: Arrivals | null;
  /** Requests that wait for their answers. */
  readonly #waiting = new Set<number>();
  readonly #cancelled = new Set<number>();
  /** Those that wait and want a stop. */
  #stops = 0;
  #current = 0;

  /** @param arrivals What has come in and was not handed over yet; null where nobody knows. */
  constructor(arrivals: Arrivals | null) {
    this.#arrivals = arrivals;
  }

  /** A request has come. */
  came(seq: number, command: string, cancelled: unknown): void {
    this.#waiting.add(seq);
    if (STOPPING.includes(command)) this.#stops++;
    const isMeant = command === "cancel" && typeof cancelled === "number";
    if (isMeant && this.#waiting.has(cancelled)) this.#cancelled.add(cancelled);
  }

  /** Its answer is worked out from now on. */
  begins(seq: number, command: string): void {
    this.#current = seq;
    if (STOPPING.includes(command)) this.#stops--;
  }

  /** It has its answer. */
  ended(seq: number): void {
    this.#current = 0;
    this.#waiting.delete(seq);
    this.#cancelled.delete(seq);
  }

  /** Nobody wants the answer that is worked out. */
  get isCancelled(): boolean {
    const current = this.#current;
    return current !== 0 &&
      (this.#cancelled.has(current) || this.#arrivals?.cancels(current) === true);
  }

  /** The client has gone, or goes. */
  get isEnding(): boolean {
    return this.#arrivals?.ends() ?? false;
  }

  nowMs(): number {
    return performance.now();
  }

  interrupted(): boolean {
    return this.#stops > 0 || this.isCancelled || (this.#arrivals?.stops() ?? false);
  }
}
