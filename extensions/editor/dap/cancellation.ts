/**
 * Tracks which requests the client has cancelled, and whether the client wants the current search
 * to stop.
 *
 * A search blocks its thread, so another thread reads the standard input. In shared memory, the
 * reading thread counts the requests that the searching thread has not reached yet.
 */
import type { DebugProtocol } from "@vscode/debugprotocol";

/** Requests that end the session. */
const ENDING: readonly string[] = ["terminate", "disconnect"];
/** Requests that stop the current search. */
const STOPPING: readonly string[] = ["pause", ...ENDING];

/**
 * Slots of the shared memory. The slots from `CANCELLED` on are a ring with the numbers of the last
 * cancelled requests.
 */
const SLOTS = { STOPS: 0, ENDS: 1, CANCELS: 2, CANCELLED: 3 } as const;
const MAX_CANCELLED = 16;
const SHARED_BYTES = (SLOTS.CANCELLED + MAX_CANCELLED) * Int32Array.BYTES_PER_ELEMENT;

export class Cancellation {
  readonly #heard: Int32Array;
  /**
   * Number of stopping requests that this thread has begun to answer; `#ends`: number of ending
   * requests.
   */
  #stops = 0;
  #ends = 0;
  /** The request that is being answered; 0 for none. */
  #current = 0;

  /** @param shared The memory shared with the thread that receives the requests. */
  constructor(readonly shared: SharedArrayBuffer = new SharedArrayBuffer(SHARED_BYTES)) {
    this.#heard = new Int32Array(shared);
  }

  /** Notes a request that was received. */
  hear(command: string, cancelled?: unknown): void {
    if (STOPPING.includes(command)) Atomics.add(this.#heard, SLOTS.STOPS, 1);
    if (ENDING.includes(command)) Atomics.add(this.#heard, SLOTS.ENDS, 1);
    if (command !== "cancel" || typeof cancelled !== "number") return;
    const turn = Atomics.add(this.#heard, SLOTS.CANCELS, 1) % MAX_CANCELLED;
    Atomics.store(this.#heard, SLOTS.CANCELLED + turn, cancelled);
  }

  /** Notes that a request is now being answered. */
  begin({ command, seq }: DebugProtocol.Request): void {
    this.#current = seq;
    if (STOPPING.includes(command)) this.#stops++;
    if (ENDING.includes(command)) this.#ends++;
  }

  /** Notes that the response to the current request was sent. */
  end(): void {
    this.#current = 0;
  }

  get isCancelled(): boolean {
    return this.#current !== 0 && this.#heard.indexOf(this.#current, SLOTS.CANCELLED) >= 0;
  }

  /** Whether the client has disconnected, or wants to end the session. */
  get isEnding(): boolean {
    return Atomics.load(this.#heard, SLOTS.ENDS) > this.#ends;
  }

  nowMs(): number {
    return performance.now();
  }

  interrupted(): boolean {
    return Atomics.load(this.#heard, SLOTS.STOPS) > this.#stops || this.isCancelled;
  }
}
