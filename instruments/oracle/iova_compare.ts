/**
 * Runs random sequences of operations on two IOVA allocators. Where their results differ, minimises
 * the sequence.
 */
import { Random } from "../../runtime/random.ts";
import type { IovaAnswer, IovaOperation, IovaSide } from "./iova_operations.ts";

/** An operation of a sequence; a free names the step that allocated. */
type Step =
  & { readonly id: number }
  & ({ readonly operation: IovaOperation } | { readonly frees: number; readonly cpu: number });

/** The first operation whose results differ. */
export interface IovaDifference {
  /** The minimised sequence, up to that operation. */
  readonly operations: readonly IovaOperation[];
  readonly one: IovaAnswer;
  readonly other: IovaAnswer;
}

/** Makes an allocator; each sequence starts with a new one. */
export type MakeSide = () => IovaSide;

const MOST_CPUS = 4;
const LIMITS = [2 ** 20 - 1, 2 ** 20 - 1, 2 ** 24 - 1, 2 ** 36 - 1, 300];
/** Operations between two comparisons of the whole tree. */
const LOOK_EVERY = 32;
/** Tries of a minimisation. */
const MOST_TRIES = 400;

/** A sequence from a seed. @param length Operations, without the comparisons of the tree. */
function sequenceOf(seed: number, length: number): readonly Step[] {
  const random = new Random(seed);
  const cpus = 1 + random.below(MOST_CPUS);
  const limit = LIMITS[random.below(LIMITS.length)]!;
  const live: { id: number; size: number }[] = [];
  const steps: Step[] = [{
    id: 0,
    operation: { op: "init", granule: 4096, start_pfn: 1, cpus },
  }];
  const mostSize = [1, 8, 40, 300][random.below(4)]!;
  for (let id = 1; id <= length; id++) {
    const cpu = random.below(cpus);
    const what = random.below(100);
    if (id % LOOK_EVERY === 0) steps.push({ id, operation: { op: "state", ranges: true } });
    else if (what < 3) steps.push({ id, operation: { op: "advance", ms: random.below(150) } });
    else if (what < 45 && live.length > 0) {
      const [freed] = live.splice(random.below(live.length), 1);
      steps.push({ id, frees: freed!.id, cpu });
    } else {
      const size = 1 + random.below(mostSize);
      live.push({ id, size });
      const flush = random.below(2) === 0;
      steps.push({ id, operation: { op: "alloc_fast", cpu, size, limit_pfn: limit, flush } });
    }
  }
  return [...steps, { id: length + 1, operation: { op: "state", ranges: true } }];
}

/** Runs a sequence on both sides; null if all results are equal. */
function live(steps: readonly Step[], make: readonly [MakeSide, MakeSide]): IovaDifference | null {
  const [one, other] = [make[0](), make[1]()];
  const allocated = new Map<number, { readonly pfn: number; readonly size: number }>();
  const operations: IovaOperation[] = [];
  for (const step of steps) {
    let operation: IovaOperation;
    if ("operation" in step) operation = step.operation;
    else {
      const range = allocated.get(step.frees);
      // Its allocation failed, or was left out.
      if (range === undefined) continue;
      operation = { op: "free_fast", cpu: step.cpu, ...range };
    }
    operations.push(operation);
    const answers = [answerOf(one, operation), answerOf(other, operation)] as const;
    if (!isSame(...answers)) return { operations, one: answers[0], other: answers[1] };
    const { pfn } = answers[0];
    if (operation.op === "alloc_fast" && typeof pfn === "number" && pfn !== 0) {
      allocated.set(step.id, { pfn, size: operation.size });
    }
  }
  return null;
}

/** A side that ends in the midst of an operation answers with why. */
function answerOf(side: IovaSide, operation: IovaOperation): IovaAnswer {
  try {
    return side.run(operation);
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    return { stopped: error.message };
  }
}

/** Whether results agree in the fields that both have. */
function isSame(one: IovaAnswer, other: IovaAnswer): boolean {
  if (("stopped" in one) !== ("stopped" in other)) return false;
  return Object.keys(other).every((name) =>
    !(name in one) || JSON.stringify(one[name]) === JSON.stringify(other[name])
  );
}

/** Compares sequences, one seed after the other. @returns The first difference, or null. */
export function compareSequences(
  make: readonly [MakeSide, MakeSide],
  { count, length, seed }: {
    readonly count: number;
    readonly length: number;
    readonly seed: number;
  },
): IovaDifference | null {
  for (let index = 0; index < count; index++) {
    const steps = sequenceOf(seed + index, length);
    const found = live(steps, make);
    if (found !== null) return shortest(steps, found, make);
  }
  return null;
}

/** Removes operations that the difference does not need, larger parts first. */
function shortest(
  steps: readonly Step[],
  found: IovaDifference,
  make: readonly [MakeSide, MakeSide],
): IovaDifference {
  let [left, best] = [steps, found];
  let tries = 0;
  for (let part = Math.ceil(left.length / 2); part >= 1; part = Math.floor(part / 2)) {
    for (let at = 1; at < left.length && tries < MOST_TRIES;) {
      const without = [...left.slice(0, at), ...left.slice(at + part)];
      tries++;
      const again = live(without, make);
      if (again === null) at += part;
      else [left, best] = [without, again];
    }
  }
  return best;
}
