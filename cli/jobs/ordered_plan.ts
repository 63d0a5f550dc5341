/** A plan of jobs that do not depend on each other. Their results count in the order of the jobs. */
import { type AnyJob, type Plan, restMs } from "./run_plan.ts";

/** A job of an ordered plan. */
export interface NumberedJob extends AnyJob {
  /** Index of the job among the jobs of its plan, from 0. */
  readonly number: number;
}

export interface OrderedWork<J extends NumberedJob, M> {
  readonly count: number;
  readonly job: (number: number) => J;
  /** Called with each result as soon as it has arrived, in any order. */
  readonly onEnd?: (message: M, number: number) => void;
  /** Called with each result in the order of the jobs. */
  readonly onNext?: (message: M, number: number) => void;
  readonly mayGoOn: () => boolean;
}

/** Each job sends one message, of the kind `end`. */
export class OrderedPlan<J extends NumberedJob, M extends { readonly kind: "end" }>
  implements Plan<J, M> {
  #next = 0;
  #shown = 0;
  #ended = 0;
  readonly #waiting = new Map<number, M>();

  constructor(readonly work: OrderedWork<J, M>) {}

  isComplete(): boolean {
    return this.#shown === this.work.count;
  }

  leftMs(takenMs: number): number {
    return restMs(takenMs, this.#ended, this.work.count);
  }

  next(): J | null {
    const { count, job, mayGoOn } = this.work;
    return this.#next === count || !mayGoOn() ? null : job(this.#next++);
  }

  receive({ number }: J, message: M): void {
    const { onEnd, onNext } = this.work;
    this.#ended++;
    onEnd?.(message, number);
    this.#waiting.set(number, message);
    for (;;) {
      const next = this.#waiting.get(this.#shown);
      if (next === undefined) return;
      this.#waiting.delete(this.#shown);
      onNext?.(next, this.#shown++);
    }
  }
}
