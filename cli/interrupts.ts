/**
 * Ctrl-C while a scenario runs.
 *
 * A run does not hand control back to the event loop until it is over, so that no signal would be
 * heard in it. A worker hears it instead, and sets a flag in memory that both share. Most runs are
 * over before that is worth its start: until then a signal ends the process as always.
 */
import type { HostWatch } from "../lang/vm/run_watch.ts";

/** How long a run goes on before somebody listens. */
const DEAF_MS = 300;

const LISTENER = `onmessage = ({ data }) => {
  Deno.addSignalListener("SIGINT", () => Atomics.store(new Int32Array(data), 0, 1));
};`;

export class Interrupts implements HostWatch {
  readonly #startMs = performance.now();
  readonly #flag = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
  #worker: Worker | null = null;

  nowMs(): number {
    return performance.now();
  }

  interrupted(): boolean {
    if (this.#worker === null && performance.now() - this.#startMs > DEAF_MS) {
      const url = `data:application/javascript,${encodeURIComponent(LISTENER)}`;
      this.#worker = new Worker(url, { type: "module" });
      this.#worker.postMessage(this.#flag.buffer);
    }
    return Atomics.load(this.#flag, 0) === 1;
  }

  /** Stops listening: else the process would not end. */
  close(): void {
    this.#worker?.terminate();
    this.#worker = null;
  }
}
