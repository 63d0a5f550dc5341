/**
 * Ctrl-C while a scenario runs.
 *
 * A run does not return to the event loop until it ends, so that no signal would arrive in its
 * thread. A worker listens instead, and sets a flag in memory that it shares with the run. The
 * worker is started only after a run has taken some time, because starting it would not pay off for
 * a short run. Before that, a signal ends the process. A thread that only waits listens itself.
 */
import { host } from "./host.ts";
import { HostMemoryWatch } from "./host_memory.ts";
import { threadMs } from "./processor_time.ts";
import type { HostWatch } from "@dmalab/lang/run";
import { type ExitCode, INTERRUPTED } from "./exit_code.ts";

/** How long a run lasts before the worker that listens for signals is started. */
const DEAF_MS = 300;

const LISTENER = `onmessage = ({ data: { shared, signals } }) => {
  const raise = () => Atomics.store(new Int32Array(shared), 0, 1);
  for (const signal of signals) Deno.addSignalListener(signal, raise);
  postMessage("listening");
};`;

/** Hooks of a terminal, for work that may be interrupted. */
export interface InterruptHooks {
  /** Further signals that interrupt a run like Ctrl-C. */
  readonly signals?: readonly Deno.Signal[];
  /**
   * Called when the worker listens, to draw the terminal again: Deno clears a line of the terminal
   * when a worker starts.
   */
  readonly onWorker?: () => void;
}

/** A flag in shared memory that this thread or another one sets at Ctrl-C. */
export class SharedInterrupts implements HostWatch {
  readonly memory: HostMemoryWatch = new HostMemoryWatch();
  protected readonly flag: Int32Array;

  /** @param shared Memory with the flag, which is shared with other threads. */
  constructor(readonly shared: SharedArrayBuffer) {
    this.flag = new Int32Array(shared);
  }

  nowMs(): number {
    return performance.now();
  }

  processorMs(): number {
    return threadMs();
  }

  interrupted(): boolean {
    return Atomics.load(this.flag, 0) === 1;
  }
}

/** For work that a signal ends at once, together with the process. Finished results are already on the disk. */
export class EndingSignals extends SharedInterrupts {
  /** Called once at a check, for work that has to begin although a run does not return to the event loop. */
  meanwhile: (() => void) | null = null;

  constructor() {
    super(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
  }

  override interrupted(): boolean {
    const { meanwhile } = this;
    this.meanwhile = null;
    meanwhile?.();
    return super.interrupted();
  }

  /** Called when the work is divided among several threads. */
  listenAside(): void {}
}

/** For work that a signal interrupts, so that it can finish in good order. */
export class SignalWatch extends EndingSignals {
  readonly #raise = () => void Atomics.store(this.flag, 0, 1);
  /**
   * The time of a run's first check. Time before it, for loading and waiting, is not part of the
   * run's duration.
   */
  #startMs: number | null = null;
  #isLong = false;
  #worker: Worker | null = null;
  #listening = false;

  constructor(private readonly hooks: InterruptHooks = {}) {
    super();
  }

  override interrupted(): boolean {
    const nowMs = this.nowMs();
    if (!this.#isLong && nowMs - (this.#startMs ??= nowMs) > DEAF_MS) {
      this.#isLong = true;
      if (!this.#listening) this.#worker ??= this.#startListener();
    }
    return super.interrupted();
  }

  #startListener(): Worker {
    const address = `data:text/javascript,${encodeURIComponent(LISTENER)}`;
    const worker = new Worker(address, { type: "module" });
    worker.onmessage = () => this.hooks.onWorker?.();
    const signals: readonly Deno.Signal[] = ["SIGINT", ...this.hooks.signals ?? []];
    worker.postMessage({ shared: this.shared, signals });
    return worker;
  }

  /** Listens from now on, however short the work is: it is divided among several threads. */
  override listenAside(): void {
    this.#isLong = true;
    if (!this.#listening) this.#worker ??= this.#startListener();
  }

  /** Listens in this thread from now on, because the thread only waits for others. */
  listen(): void {
    this.#listening = true;
    host.addSignalListener("SIGINT", this.#raise);
  }

  /** Prepares for other work: an earlier signal does not interrupt it. */
  reset(): void {
    Atomics.store(this.flag, 0, 0);
    this.#startMs = null;
    this.#isLong = false;
  }

  /** The exit code of finished work; INTERRUPTED if it was interrupted. */
  exitCode(ofWork: ExitCode): ExitCode {
    return this.interrupted() ? INTERRUPTED : ofWork;
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** Stops listening: a listener would keep the process from ending. */
  close(): void {
    this.#worker?.terminate();
    this.#worker = null;
    if (this.#listening) host.removeSignalListener("SIGINT", this.#raise);
    this.#listening = false;
  }
}

/** Runs work that Ctrl-C may interrupt. @returns The exit code of the work, or INTERRUPTED. */
export async function withInterrupts(
  work: (interrupts: SignalWatch) => ExitCode | Promise<ExitCode>,
): Promise<ExitCode> {
  using interrupts = new SignalWatch();
  return interrupts.exitCode(await work(interrupts));
}
