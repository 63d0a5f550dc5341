/**
 * The turns of a hunt in several workers. (A turn tries one batch of machines.) A turn depends on
 * the findings of the turns before it. It is started with their likely findings, and runs again if
 * these were wrong. Therefore the results are the same as for turns that run one after the other.
 */
import {
  type HuntFinding,
  type HuntResult,
  type HuntState,
  NOTHING_FOUND,
  type TurnEnd,
} from "../requests/hunt.ts";
import { type Plan, restMs } from "@dmalab/cli/extend";
import type { TurnJob, TurnMessage } from "./batch_job.ts";

/** A turn that is running or has ended. */
interface BatchRun {
  readonly job: PlannedBatch;
  /** The hunt's state after the turn, as far as it is known. */
  state: HuntState;
  end: TurnEnd | null;
}

type PlannedBatch = TurnJob & { readonly kind: "turn" };

export interface TurnPlanOptions extends Pick<TurnJob, "path" | "words"> {
  /** Steps to try. */
  readonly cases: number;
  /** The time at which the hunt ends, by `performance.now()`. */
  readonly until: number;
  readonly mayGoOn: () => boolean;
  readonly onFinding: (finding: HuntFinding) => void;
  /** Called with the steps and machines counted so far. */
  readonly onProgress?: ((cases: number, machines: number) => void) | undefined;
}

export class BatchPlan implements Plan<PlannedBatch, TurnMessage> {
  readonly result = { findings: [] as HuntFinding[], cases: 0, machines: 0 } satisfies HuntResult;
  /** The state after all turns that have been counted. */
  #state: HuntState = NOTHING_FOUND;
  #turns = 0;
  readonly #runs = new Map<number, BatchRun>();

  constructor(readonly options: TurnPlanOptions) {}

  isComplete(): boolean {
    return this.result.cases >= this.options.cases;
  }

  leftMs(takenMs: number): number {
    const { cases, until } = this.options;
    return Math.min(restMs(takenMs, this.result.cases, cases), until - performance.now());
  }

  next(): PlannedBatch | null {
    if (!this.options.mayGoOn()) return null;
    const { path, until, words } = this.options;
    const { number, state } = this.#firstMissing();
    const job: PlannedBatch = {
      kind: "turn",
      path,
      words,
      number,
      state,
      cases: this.options.cases - this.result.cases,
      milliseconds: until - performance.now(),
      abandoned: new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT),
    };
    this.#runs.set(number, { job, state, end: null });
    return job;
  }

  receive(job: PlannedBatch, message: TurnMessage): void {
    const run = this.#runs.get(job.number);
    if (run?.job !== job) return;
    if (message.kind === "guess") run.state = message.state;
    else {
      run.end = message.end;
      run.state = message.end.state;
      this.#count();
    }
    this.#firstMissing();
  }

  /** Counts the results that are next in order. */
  #count(): void {
    for (;;) {
      const run = this.#runs.get(this.#turns);
      if (!run?.end || this.isComplete()) return;
      const { cases, finding, machines, state } = run.end;
      this.#runs.delete(this.#turns);
      const isRight = areEqual(run.job.state, this.#state) &&
        cases <= this.options.cases - this.result.cases;
      if (!isRight) return;
      if (finding !== null) {
        const counted = { ...finding, cases: this.result.cases + finding.cases };
        this.result.findings.push(counted);
        this.options.onFinding(counted);
      }
      this.result.cases += cases;
      this.result.machines += machines;
      this.#state = state;
      this.#turns++;
      this.options.onProgress?.(this.result.cases, this.result.machines);
    }
  }

  /**
   * The next turn to start, and the state with which it starts. Turns that were started with
   * another state are abandoned.
   */
  #firstMissing(): { readonly number: number; readonly state: HuntState } {
    let missing: { readonly number: number; readonly state: HuntState } | null = null;
    let state = this.#state;
    let left = this.#runs.size;
    for (let number = this.#turns; left > 0 || missing === null; number++) {
      const run = this.#runs.get(number);
      if (run !== undefined) left--;
      if (run !== undefined && areEqual(run.job.state, state)) state = run.state;
      else {
        missing ??= { number, state };
        if (run === undefined) continue;
        Atomics.store(new Int32Array(run.job.abandoned), 0, 1);
        this.#runs.delete(number);
      }
    }
    return missing!;
  }
}

function areEqual(one: HuntState, other: HuntState): boolean {
  return JSON.stringify([one.named, one.known]) === JSON.stringify([other.named, other.known]);
}
