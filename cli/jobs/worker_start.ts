/** When workers begin to share work, and how many. */
import { processorMs } from "../processor_time.ts";
import type { JobCount } from "./job_count.ts";

/** Work shorter than this needs no worker: starting one takes a good part of it. */
const ALONE_MS = 500;
/**
 * What a worker costs in processor time: V8 compiles the code again for it, and it runs slow code until then
 * (docs/dev/performance.md). Less work than this is done by one thread before a worker is of use.
 */
const START_MS = 4_000;
/** This part of a processor may be busy with other programs, and the processor still counts as free. */
const MOST_BUSY = 0.3;
/** How long the load of the processors is measured. The system counts in hundredths of a second. */
const MEASURED_MS = 250;

let isAlways = false;

/** Workers start at once, whatever is left to do and however busy the processors are. For tests. */
export function startWorkersAlways(always: boolean): void {
  isAlways = always;
}

/** The times that the host counts. */
export interface HostTimes {
  readonly nowMs: () => number;
  /** Idle time of all processors together since the host started; null if this process may not read it. */
  readonly idleMs: () => number | null;
  /** Processor time of this process. */
  readonly ownMs: () => number;
}

/** How busy the processors have been up to a time. */
interface Load {
  readonly nowMs: number;
  readonly idleMs: number;
  readonly ownMs: number;
}

/** Decides for some work when workers start. */
export class WorkerStart {
  readonly #startMs: number;
  /** How busy the processors had been when this was last looked at; null before the first time. */
  #load: Load | null = null;
  #workers = 0;

  /** @param warm Workers that have worked already: they cost nothing. */
  constructor(
    readonly count: JobCount,
    readonly warm: number = 0,
    readonly host: HostTimes = HOST_TIMES,
  ) {
    this.#startMs = host.nowMs();
  }

  /** Whether no worker will ever start. */
  get isAlone(): boolean {
    return this.count.most === 1;
  }

  /**
   * Number of workers to have now; 0 as long as they do not pay.
   *
   * @param leftMs How long this thread alone would take for the rest, estimated from the time that the work has taken.
   */
  workers(leftMs: (takenMs: number) => number): number {
    if (this.#workers > 0 || this.isAlone) return this.#workers;
    const { isGiven, most } = this.count;
    if (isAlways) return this.#workers = most - 1;
    const takenMs = this.host.nowMs() - this.#startMs;
    if (takenMs < ALONE_MS) return 0;
    if (leftMs(takenMs) < (isGiven || this.warm > 0 ? ALONE_MS : START_MS)) return 0;
    return this.#workers = isGiven ? most - 1 : Math.max(this.warm, this.#freeThreads() - 1);
  }

  /** Threads for which other programs leave a processor: 1 until that has been measured. */
  #freeThreads(): number {
    const { most } = this.count;
    const before = this.#load;
    const nowMs = this.host.nowMs();
    if (before !== null && nowMs - before.nowMs < MEASURED_MS) return 1;
    const idleMs = this.host.idleMs();
    if (idleMs === null) return most;
    const ownMs = this.host.ownMs();
    // If no processor is free, the next look measures from here.
    this.#load = { nowMs, idleMs, ownMs };
    if (before === null) return 1;
    const free = (idleMs - before.idleMs + ownMs - before.ownMs) / (nowMs - before.nowMs);
    return Math.max(1, Math.min(most, Math.floor(free + MOST_BUSY)));
  }
}

interface Processors {
  getBuiltinModule(name: "node:os"): {
    cpus(): readonly { readonly times: { readonly idle: number } }[];
  };
}

const HOST_TIMES: HostTimes = { nowMs: () => performance.now(), idleMs, ownMs: processorMs };

function idleMs(): number | null {
  // Without the permission, Deno would ask for it at a terminal.
  if (Deno.permissions.querySync({ name: "sys", kind: "cpus" }).state !== "granted") return null;
  const process: Processors = Reflect.get(globalThis, "process");
  const processors = process.getBuiltinModule("node:os").cpus();
  return processors.reduce((sum, { times }) => sum + times.idle, 0);
}
