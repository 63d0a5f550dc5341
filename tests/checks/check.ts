/** Random checks: cases that one seed draws, what each must hold, and the line that repeats one. */
import { Choices } from "@dmalab/hunt";
import type { Lab } from "@dmalab/devices";
import type { Machine } from "@dmalab/runtime";
import type { Arbitrary } from "fast-check";

/** Counts by name, to tell whether the cases were large enough to be useful. */
export class Tally {
  readonly counts = new Map<string, number>();

  of(name: string): number {
    return this.counts.get(name) ?? 0;
  }

  add(name: string, count = 1): void {
    this.counts.set(name, this.of(name) + count);
  }

  most(name: string, count: number): void {
    this.counts.set(name, Math.max(this.of(name), count));
  }

  get text(): string {
    return [...this.counts].map(([name, count]) => `${count.toLocaleString("en-US")} ${name}`)
      .join(", ");
  }
}

/** A number of cases, and the number of steps of each. */
export type Budget = readonly [cases: number, steps: number];

/** What observes a case. */
export interface Observed {
  readonly tally: Tally;
  /** Called with each machine before anything happens on it. */
  readonly onMachine?: (machine: Machine) => void;
  readonly onLab?: (lab: Lab) => void;
  /** Called with the result of each step, or its error; a check for sums goes on after an error. */
  readonly onResult?: (text: string) => void;
}

export interface Check {
  readonly name: string;
  /** What holds, as the name of a test. */
  readonly about: string;
  /** The script that runs it; absent for a check that only sums judge. */
  readonly script?: string;
  readonly budget: {
    /** For every run of the tests. The budgets that are absent are not run. */
    readonly short?: Budget;
    /** For the long suite. */
    readonly long?: Budget;
    readonly script?: Budget;
    /** For the sums of `deno task snapshots`. */
    readonly sums?: Budget;
  };
  /** Whether the heap may not grow from one half of the cases to the other. */
  readonly keepsHeap?: boolean;
  /**
   * Runs a case.
   * @throws {Error} What does not hold.
   */
  readonly run: (seed: number, number: number, steps: number, observed: Observed) => void;
  /** Whether some cases were large enough to be useful. */
  readonly enough?: (tally: Tally, cases: number) => boolean;
}

/** A case under way. */
interface Running<Step> {
  /** Does a step. @returns Its result as text, if sums count it. */
  readonly step: (step: Step) => string | void;
  readonly end: () => void;
}

/** A check with cases that are a machine, and steps on it. */
export interface StepCheck<Spec, Step> extends Omit<Check, "run"> {
  /** Machines of the case with a number. */
  readonly machine: (number: number) => Arbitrary<Spec>;
  readonly steps: (spec: Spec, number: number) => Arbitrary<Step>;
  readonly start: (spec: Spec, observed: Observed) => Running<Step>;
}

/** Most tries to find fewer steps that fail. */
const MAX_TRIES = 200;
/** A failing case with more text than this prints only its machine. */
const MAX_CASE_LENGTH = 20_000;
/** Once in this many draws, numbers near the ends of their range are preferred. */
const BIAS = 4;

export function stepCheck<Spec, Step>(check: StepCheck<Spec, Step>): Check {
  const { machine, start, steps: stepsOf, ...row } = check;
  const draw = (seed: number, number: number) => {
    const choices = Choices.of(seed, number);
    const spec = choices.draw(machine(number), BIAS);
    const arbitrary = stepsOf(spec, number);
    return { spec, next: () => choices.draw(arbitrary, choices.oneIn(2) ? BIAS : undefined) };
  };
  const play = (spec: Spec, steps: Iterable<Step>, observed: Observed): void => {
    const running = start(spec, observed);
    for (const step of steps) {
      const text = running.step(step);
      if (typeof text === "string") observed.onResult?.(text);
    }
    running.end();
  };
  return {
    ...row,
    run(seed, number, count, observed) {
      const { next, spec } = draw(seed, number);
      let done = 0;
      try {
        play(spec, lazily(count, () => (done++, next())), observed);
      } catch (error) {
        const again = draw(seed, number);
        const steps = Array.from({ length: done }, again.next);
        const fails = (some: readonly Step[]) => {
          try {
            play(spec, some, { tally: new Tally() });
            return false;
          } catch {
            return true;
          }
        };
        const least = fails(steps) ? fewest(steps, fails, MAX_TRIES) : steps;
        const text = JSON.stringify({ machine: spec, steps: least });
        throw new Error(
          `${(error as Error).message}\nafter ${done} steps; the fewest that fail: ` +
            text.slice(0, MAX_CASE_LENGTH),
          { cause: error },
        );
      }
    },
  };
}

function* lazily<T>(count: number, next: () => T): Generator<T> {
  for (let left = count; left > 0; left--) yield next();
}

/**
 * Removes items without which `isSame` still holds: halves first, then quarters, and in the end
 * single items.
 */
export function fewest<T>(
  items: readonly T[],
  isSame: (items: readonly T[]) => boolean,
  mostTries = Infinity,
): readonly T[] {
  let least = items;
  let tries = 0;
  for (let size = Math.ceil(least.length / 2); size >= 1; size = Math.floor(size / 2)) {
    for (let at = 0; at < least.length && tries++ < mostTries;) {
      const without = [...least.slice(0, at), ...least.slice(at + size)];
      if (without.length < least.length && isSame(without)) least = without;
      else at += size;
    }
  }
  return least;
}

/** The line that repeats a case. */
function repeatLine({ name, script }: Check, seed: number, number: number, steps: number): string {
  if (script === undefined) return `deno task test tests/sums_test.ts`;
  return `deno task script ${script} ${name} --seed ${seed} --case ${number} --steps ${steps}`;
}

/** Runs a case. @throws {Error} What does not hold, with the line that repeats the case. */
export function runCase(
  check: Check,
  seed: number,
  number: number,
  steps: number,
  observed: Observed,
): void {
  try {
    check.run(seed, number, steps, observed);
    observed.tally.add("cases");
  } catch (error) {
    throw new Error(
      `${(error as Error).message}\nrepeat it: ${repeatLine(check, seed, number, steps)}`,
      { cause: error },
    );
  }
}
