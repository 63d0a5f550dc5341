/**
 * Runs sequences of operations on two sides: the model and a kernel tree's code, or the code of two
 * trees. Where their results differ, minimises the sequence.
 */
import { EndlessLoop, TreeStopped } from "../tree_module.ts";

/** The results of an operation, by the names of the golden data's fields. */
export type OperationResult = Readonly<Record<string, unknown>>;

/** The largest number of 64 bits, as the golden data write it. */
export const U64_MAX = "18446744073709551615";

/** What performs operations: one life of an allocator, a pool or a device, begun by the first of them. */
export interface Implementation<O> {
  run(operation: O): OperationResult;
}

/** Makes a side; each sequence starts with a new one. */
export type MakeImplementation<O> = () => Implementation<O>;

/** Operations that were performed, with their results, by the identifiers of their steps. */
export type Earlier<O> = ReadonlyMap<number, readonly [operation: O, answer: OperationResult]>;

/** An operation, or what is made of earlier ones; null leaves it out, as a minimised sequence may those. */
export type Operation<O> =
  & { readonly id: number }
  & ({ readonly operation: O } | { readonly then: (earlier: Earlier<O>) => O | null });

/** The first operation with different results. */
export interface OperationDifference<O> {
  /** The minimised sequence, up to that operation. */
  readonly operations: readonly O[];
  readonly one: OperationResult;
  readonly other: OperationResult;
}

/** Which sequences to run, one after the other. */
export interface Sequences<O> {
  readonly count: number;
  readonly seed: number;
  readonly stepsOf: (seed: number) => readonly Operation<O>[];
}

/** The executed operations, up to the first difference. */
export interface Compared<O> {
  readonly operations: number;
  readonly difference: OperationDifference<O> | null;
  /** Sequences that were not run after an endless loop. */
  readonly notRun: number;
}

/** Tries of a minimisation. */
const MAX_TRIES = 400;

/** Compares sequences until one differs, or has an endless loop. */
export function compareSequences<O>(
  make: readonly [MakeImplementation<O>, MakeImplementation<O>],
  { count, seed, stepsOf }: Sequences<O>,
): Compared<O> {
  let operations = 0;
  for (let index = 0; index < count; index++) {
    const steps = stepsOf(seed + index);
    const { difference, isEndless, performed } = live(steps, make);
    operations += performed;
    if (isEndless) return { operations, difference, notRun: count - index - 1 };
    if (difference !== null) {
      return { operations, difference: shortest(steps, difference, make), notRun: 0 };
    }
  }
  return { operations, difference: null, notRun: 0 };
}

/** What one side came to in sequences. */
export interface RanSequences<O> {
  /** The sequence that an endless loop ended, up to it; null without one. */
  readonly loop: Pick<OperationDifference<O>, "operations" | "other"> | null;
  /** Sequences that were not run after it. */
  readonly notRun: number;
}

/** Runs sequences on one side, whatever they return, until one has an endless loop. */
export function runSequences<O>(
  make: MakeImplementation<O>,
  { count, seed, stepsOf }: Sequences<O>,
): RanSequences<O> {
  const agreeing = (): Implementation<O> => ({ run: () => ({}) });
  for (let index = 0; index < count; index++) {
    const { difference, isEndless } = live(stepsOf(seed + index), [agreeing, make]);
    if (isEndless) return { loop: difference, notRun: count - index - 1 };
  }
  return { loop: null, notRun: 0 };
}

/** What a sequence came to on both sides. */
interface Lived<O> {
  readonly difference: OperationDifference<O> | null;
  readonly performed: number;
  /** Whether an endless loop ended it: that takes long, and running it again takes as long. */
  readonly isEndless: boolean;
}

/** Runs a sequence on both sides. */
function live<O>(
  steps: readonly Operation<O>[],
  make: readonly [MakeImplementation<O>, MakeImplementation<O>],
): Lived<O> {
  const [one, other] = [make[0](), make[1]()];
  const results = new Map<number, readonly [O, OperationResult]>();
  const operations: O[] = [];
  for (const step of steps) {
    const operation = "operation" in step ? step.operation : step.then(results);
    if (operation === null) continue;
    operations.push(operation);
    const answers = [answerOf(one, operation), answerOf(other, operation)] as const;
    const performed = operations.length;
    const isEndless = answers.some((answer) => ENDLESS in answer);
    if (!isSame(...answers)) {
      const difference = { operations, one: answers[0], other: answers[1] };
      return { difference, performed, isEndless };
    }
    // Both have ended: what follows is undefined.
    if (STOPPED in answers[0]) return { difference: null, performed, isEndless };
    results.set(step.id, [operation, answers[0]]);
  }
  return { difference: null, performed: operations.length, isEndless: false };
}

/** The field of a side that ends within an operation: why. */
export const STOPPED = "stopped";
/** The field of such a side with the lines of the tree where it ended, as far as they are known. */
export const STOPPED_AT = "stoppedAt";
/** The field of a side that an endless loop ends. */
const ENDLESS = "endless";

export function answerOf<O>(side: Implementation<O>, operation: O): OperationResult {
  try {
    return side.run(operation);
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    const at = error instanceof TreeStopped ? { [STOPPED_AT]: error.at } : {};
    const endless = error instanceof EndlessLoop ? { [ENDLESS]: true } : {};
    return { [STOPPED]: error.message, ...at, ...endless };
  }
}

/** Fields that both sides have, with different values. */
export function differingFields(one: OperationResult, other: OperationResult): readonly string[] {
  return Object.keys(one).filter((name) =>
    name in other && JSON.stringify(one[name]) !== JSON.stringify(other[name])
  );
}

function isSame(one: OperationResult, other: OperationResult): boolean {
  if (STOPPED in one || STOPPED in other) return STOPPED in one && STOPPED in other;
  return differingFields(one, other).length === 0;
}

/** Removes operations that the difference does not need, larger parts first. */
function shortest<O>(
  steps: readonly Operation<O>[],
  found: OperationDifference<O>,
  make: readonly [MakeImplementation<O>, MakeImplementation<O>],
): OperationDifference<O> {
  let [left, best] = [steps, found];
  let tries = 0;
  for (let part = Math.ceil(left.length / 2); part >= 1; part = Math.floor(part / 2)) {
    for (let at = 1; at < left.length && tries < MAX_TRIES;) {
      const without = [...left.slice(0, at), ...left.slice(at + part)];
      tries++;
      const { difference: again, isEndless } = live(without, make);
      // Other endless loops may come, and nothing is left for them.
      if (isEndless) return best;
      if (again === null) at += part;
      else [left, best] = [without, again];
    }
  }
  return best;
}
