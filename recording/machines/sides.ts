/** Blocks of `fork`, `compare` and `race` that have run on machines of their own, each as a recording. */
import { type FailureReport, reportFailure, rerun } from "@dmalab/lang/run";
import type { AsideWord, Branches, Code, Failure, Vm } from "@dmalab/lang/vm";
import type { RunName } from "../kept_run.ts";
import type { Looker } from "../look.ts";
import { RunNotes } from "../notes.ts";
import { type Position, START } from "../position.ts";
import { type RecordedSide, Recording } from "../recording.ts";
import { Reruns } from "./reruns.ts";

/** Sides of a run that are kept, those of sides included, and how many events they may have together. */
export const MOST_SIDES = 1000;
export const MOST_SIDE_EVENTS = 1_000_000;

/** What is kept of a machine while a block runs on it. */
interface Kept {
  readonly vm: Vm;
  readonly notes: RunNotes;
  readonly sides: readonly RecordedSide[];
  begin: Position;
}

/** Keeps the sides of one run, and the sides of those. */
export class SideKeeper {
  readonly #kept = new WeakMap<object, Kept>();
  /** Further sides have run that are not kept. */
  isFull = false;
  #sides = 0;
  #events = 0;

  constructor(readonly name: RunName, readonly code: Code, readonly looker: Looker) {}

  /** Notes what happens on a machine on which nothing has run. */
  readonly onVm = (vm: Vm): void => {
    const notes = new RunNotes(vm);
    const kept = { vm, notes, sides: this.follow(vm, notes), begin: START };
    const begin = () => kept.begin = notes.at;
    vm.branches.onBranch = begin;
    const note = (text: string) => notes.line(text);
    vm.branches.onLine = note;
    this.#kept.set(vm, kept);
  };

  /** Keeps the sides of the run that is noted there, the first ones. */
  follow(vm: Vm, notes: RunNotes): readonly RecordedSide[] {
    const sides: RecordedSide[] = [];
    const keep: Branches["onSide"] = (run, word, label) => {
      const own = this.#kept.get(run);
      if (own === undefined) return;
      own.notes.stop();
      const { at } = notes;
      this.isFull ||= this.#sides >= MOST_SIDES || this.#events > MOST_SIDE_EVENTS;
      if (this.isFull) return;
      this.#sides++;
      this.#events += own.notes.at.seq;
      const recording = this.#recorded(own, word, label);
      const begin = word === "compare" ? own.begin : at;
      sides.push({ at, begin, statement: at.statement, word, label, open: () => recording });
    };
    vm.branches.onSide = keep;
    return sides;
  }

  #recorded({ notes, sides, vm }: Kept, word: AsideWord, label: string): Recording {
    const { asides, machine, output } = notes;
    // The machine itself is not kept.
    const { branches: { goals, known: values, runs }, failure, limits } = vm;
    const repeated = { branches: { goals, known: values, runs }, limits };
    const { code, looker } = this;
    const combination = [this.name.combination, `${word}: ${label}`].filter((each) => each !== "");
    const known = { code, log: machine.log, statements: machine.statements };
    const recording = new Recording({
      name: { ...this.name, combination: combination.join(", ") },
      code,
      machine,
      output,
      asides,
      sides,
      sideKeeper: this,
      reruns: new Reruns(known, (onVm) => rerun(repeated, onVm)),
      looker,
    });
    recording.failure = reported(failure);
    return recording;
  }
}

/** What is said of a failure. */
export function reported(failure: Failure | null): FailureReport | null {
  return failure === null ? null : reportFailure(failure, undefined);
}
