/**
 * Runs sequences of operations on two sides: the model and a kernel tree's code, or the code of two
 * trees. If the results of the two sides differ, minimises the sequence.
 */
import { EndlessLoop, TreeStopped } from "../tree_module.ts";

/** The results of an operation, by the names of the golden data's fields. */
export type OperationResult = Readonly<Record<string, unknown>>;

/** The largest number of 64 bits, in the text form of the golden data. */
export const U64_MAX = "18446744073709551615";

/**
 * An allocator, a pool or a device on which operations are performed. The first operation creates
 * it.
 */
export interface Implementation<O> {
  run(operation: O): OperationResult;
}

/** Creates an implementation; each sequence starts with a new one. */
export type MakeImplementation<O> = () => Implementation<O>;

/** Performed operations with their results, by the ids of their steps. */
export type Earlier<O> = ReadonlyMap<number, readonly [operation: O, answer: OperationResult]>;

/**
 * A step of a sequence: an operation, or a function that makes the operation from earlier operations and
 * their results. A minimised sequence may lack the operations on which the function depends; the function
 * then returns null to skip the step.
 */
export type Operation<O> =
  & { readonly id: number }
  & ({ readonly operation: O } | { readonly then: (earlier: Earlier<O>) => O | null });

/** The first operation with different results. */
export interface OperationDifference<O> {
  /** The minimised sequence, up to the operation with different results. */
  readonly operations: readonly O[];
  readonly one: OperationResult;
  readonly other: OperationResult;
}

/** The sequences to run, one after the other: `count` seeds from `seed` on. */
export interface Sequences<O> {
  readonly count: number;
  readonly seed: number;
  readonly stepsOf: (seed: number) => readonly Operation<O>[];
}

/** The number of operations that were performed up to the first difference, and this difference. */
export interface Compared<O> {
  readonly operations: number;
  readonly difference: OperationDifference<O> | null;
  /** Number of sequences that were not run because of an endless loop. */
  readonly notRun: number;
}

/** Limit of tries in a minimisation. */
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

/** The result of running sequences on one implementation. */
export interface RanSequences<O> {
  /** The sequence that ended in an endless loop, up to the loop; null without a loop. */
  readonly loop: Pick<OperationDifference<O>, "operations" | "other"> | null;
  /** Number of sequences that were not run because of the loop. */
  readonly notRun: number;
}

/** Runs sequences on one implementation, ignoring the results, until a sequence has an endless loop. */
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

/** The result of a sequence on both implementations. */
interface Lived<O> {
  readonly difference: OperationDifference<O> | null;
  readonly performed: number;
  /**
   * Whether the sequence ended in an endless loop. Such a sequence takes long, and running it again
   * takes as long.
   */
  readonly isEndless: boolean;
}

/** Runs a sequence on both implementations. */
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
    // Both implementations have stopped: later results are undefined.
    if (STOPPED in answers[0]) return { difference: null, performed, isEndless };
    results.set(step.id, [operation, answers[0]]);
  }
  return { difference: null, performed: operations.length, isEndless: false };
}

/** Name of the result field with the reason why an implementation stopped within an operation. */
export const STOPPED = "stopped";
/**
 * Name of the result field with the lines at which the tree's code stopped, as far as these lines
 * are known.
 */
export const STOPPED_AT = "stoppedAt";
/** Name of the result field that marks an endless loop. */
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
      // Further tries could run into endless loops too, and only a limited number of loop rounds is
      // left.
      if (isEndless) return best;
      if (again === null) at += part;
      else [left, best] = [without, again];
    }
  }
  return best;
}
