/** Which requests the client has cancelled, and whether it wants the current search to stop. */
import { type Arrivals, STOPPING } from "./stdin_worker.ts";

export class Cancellation {
  readonly #arrivals: Arrivals | null;
  /** Requests without a response. */
  readonly #waiting = new Set<number>();
  readonly #cancelled = new Set<number>();
  /** How many of them stop a search. */
  #stops = 0;
  #current = 0;

  /** @param arrivals Requests that were read and not received yet; null where no worker reads. */
  constructor(arrivals: Arrivals | null) {
    this.#arrivals = arrivals;
  }

  /** A request has arrived. */
  came(seq: number, command: string, cancelled: unknown): void {
    this.#waiting.add(seq);
    if (STOPPING.includes(command)) this.#stops++;
    const isMeant = command === "cancel" && typeof cancelled === "number";
    if (isMeant && this.#waiting.has(cancelled)) this.#cancelled.add(cancelled);
  }

  /** It is the current request from now on. */
  begins(seq: number, command: string): void {
    this.#current = seq;
    if (STOPPING.includes(command)) this.#stops--;
  }

  /** Its response was sent. */
  ended(seq: number): void {
    this.#current = 0;
    this.#waiting.delete(seq);
    this.#cancelled.delete(seq);
  }

  /** The current request was cancelled. */
  get isCancelled(): boolean {
    const current = this.#current;
    return current !== 0 &&
      (this.#cancelled.has(current) || this.#arrivals?.cancels(current) === true);
  }

  /** The client has disconnected, or asks to end. */
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
