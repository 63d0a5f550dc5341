/**
 * Which requests the client has cancelled, and whether it wants the current search to stop.
 *
 * A search blocks its thread, so another thread reads the standard input. Its news about requests
 * that this thread has not reached are counted in memory that both share.
 */
import type { DebugProtocol } from "@vscode/debugprotocol";

/** Requests that end the session. */
const ENDING: readonly string[] = ["terminate", "disconnect"];
/** Requests that stop the current search. */
const STOPPING: readonly string[] = ["pause", ...ENDING];

/**
 * The memory that the threads share, as numbers; from `CANCELLED` on the last cancelled requests,
 * in turn.
 */
const SLOTS = { STOPS: 0, ENDS: 1, CANCELS: 2, CANCELLED: 3 } as const;
const MAX_CANCELLED = 16;
const SHARED_BYTES = (SLOTS.CANCELLED + MAX_CANCELLED) * Int32Array.BYTES_PER_ELEMENT;

export class Cancellation {
  readonly #heard: Int32Array;
  /** How many of the received requests have begun. */
  #stops = 0;
  #ends = 0;
  /** The request that is answered; 0 for none. */
  #current = 0;

  /** @param shared That of another thread's, which hears the requests. */
  constructor(readonly shared: SharedArrayBuffer = new SharedArrayBuffer(SHARED_BYTES)) {
    this.#heard = new Int32Array(shared);
  }

  /** A request was read. */
  hear(command: string, cancelled?: unknown): void {
    if (STOPPING.includes(command)) Atomics.add(this.#heard, SLOTS.STOPS, 1);
    if (ENDING.includes(command)) Atomics.add(this.#heard, SLOTS.ENDS, 1);
    if (command !== "cancel" || typeof cancelled !== "number") return;
    const turn = Atomics.add(this.#heard, SLOTS.CANCELS, 1) % MAX_CANCELLED;
    Atomics.store(this.#heard, SLOTS.CANCELLED + turn, cancelled);
  }

  /** A request is answered from now on. */
  begin({ command, seq }: DebugProtocol.Request): void {
    this.#current = seq;
    if (STOPPING.includes(command)) this.#stops++;
    if (ENDING.includes(command)) this.#ends++;
  }

  /** Its response was sent. */
  end(): void {
    this.#current = 0;
  }

  get isCancelled(): boolean {
    return this.#current !== 0 && this.#heard.indexOf(this.#current, SLOTS.CANCELLED) >= 0;
  }

  /** The client has gone, or asks to end. */
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
