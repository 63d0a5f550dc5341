/** Tells a client how much of a search is done, when the search takes long. */

/** A search that takes less is not shown. */
const QUIET_MS = 500;
/** Between two reports. */
const EVERY_MS = 200;

/** Sends an event to the client. */
type Send = (event: string, body?: object) => void;

export class Progress {
  /** Whether the client shows progress. */
  isShown = false;
  readonly #send: Send;
  /** Searches that were shown so far. */
  #shown = 0;
  #isOpen = false;
  #startMs: number | null = null;
  #saidMs = 0;

  constructor(send: Send) {
    this.#send = send;
  }

  /** @param share How much is done; 1 at the end. */
  report(share: number): void {
    if (!this.isShown) return;
    const nowMs = performance.now();
    if (share >= 1) this.#end();
    else if (this.#startMs === null) this.#startMs = nowMs;
    else if (!this.#isOpen && nowMs - this.#startMs >= QUIET_MS) this.#open(share);
    else if (this.#isOpen && nowMs - this.#saidMs >= EVERY_MS) this.#say("progressUpdate", share);
  }

  #open(share: number): void {
    this.#isOpen = true;
    this.#shown++;
    this.#say("progressStart", share, { title: "Evaluating breakpoint conditions" });
  }

  #end(): void {
    this.#startMs = null;
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#send("progressEnd", { progressId: this.#id });
  }

  #say(event: string, share: number, more: object = {}): void {
    this.#saidMs = performance.now();
    this.#send(event, { progressId: this.#id, percentage: Math.floor(100 * share), ...more });
  }

  get #id(): string {
    return `search ${this.#shown}`;
  }
}
