/**
 * Ctrl-C while a scenario runs.
 *
 * A run does not hand control back to the event loop until it is over, so that no signal would be
 * heard in it. A worker hears it instead, and sets a flag in memory that both share. Most runs are
 * over before that is worth its start: until then a signal ends the process as always. Where the
 * runs are in workers of their own, this thread is free to hear the signal itself.
 */
import { host } from "./host.ts";
import { HostMemory } from "./host_memory.ts";
import type { HostWatch } from "../lang/vm/run_watch.ts";
import { type ExitCode, INTERRUPTED } from "./exit_code.ts";

/** How long a run goes on before somebody listens. */
const DEAF_MS = 300;

const LISTENER = `onmessage = ({ data: { shared, signals } }) => {
  const raise = () => Atomics.store(new Int32Array(shared), 0, 1);
  for (const signal of signals) Deno.addSignalListener(signal, raise);
  postMessage("listening");
};`;

export class Interrupts implements HostWatch {
  readonly #startMs = performance.now();
  readonly memory: HostMemory = new HostMemory();
  /** What {@linkcode SharedInterrupts} of other threads look at. */
  readonly shared = new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT);
  readonly #flag = new Int32Array(this.shared);
  readonly #raise = () => void Atomics.store(this.#flag, 0, 1);
  readonly #signals: readonly Deno.Signal[];
  readonly #onWorker: () => void;
  #worker: Worker | null = null;
  #listening = false;

  /**
   * @param others Signals that end a run too, besides that of Ctrl-C.
   * @param onWorker Called when the worker listens: Deno clears a line of the terminal for its start.
   */
  constructor(others: readonly Deno.Signal[] = [], onWorker: () => void = () => {}) {
    this.#signals = ["SIGINT", ...others];
    this.#onWorker = onWorker;
  }

  nowMs(): number {
    return performance.now();
  }

  interrupted(): boolean {
    const deaf = this.#worker === null && !this.#listening;
    // Node has no such workers: a signal always ends it.
    if (deaf && "Worker" in globalThis && performance.now() - this.#startMs > DEAF_MS) {
      const url = `data:application/javascript,${encodeURIComponent(LISTENER)}`;
      this.#worker = new Worker(url, { type: "module" });
      this.#worker.onmessage = () => this.#onWorker();
      this.#worker.postMessage({ shared: this.shared, signals: this.#signals });
    }
    return Atomics.load(this.#flag, 0) === 1;
  }

  /** Hears the signal in this thread from now on: it only waits for others. */
  listen(): void {
    this.#listening = true;
    host.addSignalListener("SIGINT", this.#raise);
  }

  /** Forgets what was heard: what is done next is another matter. */
  reset(): void {
    Atomics.store(this.#flag, 0, 0);
  }

  /** Stops listening: else the process would not end. */
  close(): void {
    this.#worker?.terminate();
    this.#worker = null;
    if (this.#listening) host.removeSignalListener("SIGINT", this.#raise);
    this.#listening = false;
  }
}

/** Does what Ctrl-C may end. @returns The exit code of the work, or that of an interrupted one. */
export async function withInterrupts(
  work: (interrupts: Interrupts) => ExitCode | Promise<ExitCode>,
): Promise<ExitCode> {
  const interrupts = new Interrupts();
  try {
    const exitCode = await work(interrupts);
    return interrupts.interrupted() ? INTERRUPTED : exitCode;
  } finally {
    interrupts.close();
  }
}

/** The interrupts that another thread hears. */
export class SharedInterrupts implements HostWatch {
  readonly memory: HostMemory = new HostMemory();
  readonly #flag: Int32Array;

  constructor(shared: SharedArrayBuffer) {
    this.#flag = new Int32Array(shared);
  }

  nowMs(): number {
    return performance.now();
  }

  interrupted(): boolean {
    return Atomics.load(this.#flag, 0) === 1;
  }
}
