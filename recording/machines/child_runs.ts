/**
 * Records blocks of `fork`, `compare` and `race` that run on separate machines, each as a
 * recording.
 */
import {
  type Branches,
  type Code,
  type Failure,
  type FailureReport,
  type ForkKeyword,
  reportFailure,
  type Vm,
} from "@dmalab/lang/run";
import type { RunName } from "../recorded_run.ts";
import type { Evaluator } from "../evaluator.ts";
import { RunRecorder } from "../run_recorder.ts";
import { type Position, START } from "../position.ts";
import { type RecordedChildRun, Recording } from "../recording.ts";

/**
 * Maximum number of recorded child runs of a run, nested ones included. `MAX_CHILD_EVENTS` limits the
 * total number of their events.
 */
export const MAX_CHILD_RUNS = 1000;
export const MAX_CHILD_EVENTS = 1_000_000;

/** The record of a machine while a block runs on it. */
interface RecordedChild {
  readonly vm: Vm;
  readonly recorder: RunRecorder;
  readonly childRuns: readonly RecordedChildRun[];
  begin: Position;
}

/** Records the child runs of one run, and their own child runs. */
export class ChildRunRecorder {
  readonly #kept = new WeakMap<object, RecordedChild>();
  /** True when further child runs were not recorded. */
  isFull = false;
  #sides = 0;
  #events = 0;

  constructor(readonly name: RunName, readonly code: Code, readonly evaluator: Evaluator) {}

  /** Records a machine on which nothing has run yet. */
  readonly onVm = (vm: Vm): void => {
    const recorder = new RunRecorder(vm);
    const kept = { vm, recorder, childRuns: this.follow(vm, recorder), begin: START };
    const begin = () => kept.begin = recorder.position;
    vm.branches.onBranch = begin;
    const note = (text: string) => recorder.line(text);
    vm.branches.onLine = note;
    this.#kept.set(vm, kept);
  };

  /** Records the child runs of a recorded run, as far as the limits allow. */
  follow(vm: Vm, recorder: RunRecorder): RecordedChildRun[] {
    const childRuns: RecordedChildRun[] = [];
    const keep: Branches["onChildRun"] = (context, word, label) => {
      const own = this.#kept.get(context);
      if (own === undefined) return;
      own.recorder.stop();
      const { position } = recorder;
      this.isFull ||= this.#sides >= MAX_CHILD_RUNS || this.#events > MAX_CHILD_EVENTS;
      if (this.isFull) return;
      this.#sides++;
      this.#events += own.recorder.position.seq;
      const recording = this.#recorded(own, word, label);
      const begin = word === "compare" ? own.begin : position;
      childRuns.push({
        position,
        begin,
        statement: position.statement,
        word,
        label,
        open: () => recording,
      });
    };
    vm.branches.onChildRun = keep;
    return childRuns;
  }

  #recorded(
    { recorder, childRuns, vm }: RecordedChild,
    word: ForkKeyword,
    label: string,
  ): Recording {
    // The machine itself is not kept: a replay makes a new one.
    const { branches: { choices, resolvedChoices, runs }, failure, limits } = vm;
    const combination = [this.name.combination, `${word}: ${label}`].filter((each) => each !== "");
    const recording = new Recording({
      ...recorder.parts,
      name: { ...this.name, combination: combination.join(", ") },
      code: this.code,
      childRuns,
      sideKeeper: this,
      run: { branches: { choices, resolvedChoices, runs }, limits },
      evaluator: this.evaluator,
    });
    recording.failure = reported(failure);
    return recording;
  }
}

export function reported(failure: Failure | null): FailureReport | null {
  return failure === null ? null : reportFailure(failure, undefined);
}
