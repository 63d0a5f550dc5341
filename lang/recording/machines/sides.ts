/** Blocks of `fork`, `compare` and `race` that have run on machines of their own, each as a run that is kept. */
import { type FailureReport } from "../../run/report.ts";
import { reportFailure } from "../../run/tally.ts";
import type { SideRun } from "../../vm/branches.ts";
import type { AsideWord, Code } from "../../vm/code.ts";
import type { Failure } from "../../vm/failure.ts";
import type { Vm } from "../../vm/vm.ts";
import { KeptRun, type RunName, type Side } from "../kept_run.ts";
import { RunNotes } from "../notes.ts";

/** Sides of a run that are kept: each is a run of its own. */
const MOST_SIDES = 16;

/** Keeps the sides of one run. */
export class SideKeeper {
  readonly sides: Side[] = [];
  readonly #notes = new WeakMap<object, RunNotes>();

  constructor(readonly name: RunName, readonly code: Code) {}

  /** Notes what happens on a machine on which nothing has run. */
  readonly onVm = (vm: Vm): void => {
    this.#notes.set(vm, new RunNotes(vm));
  };

  /** Keeps the sides of the run whose notes these are, the first ones. */
  follow(main: RunNotes): void {
    main.vm.branches.onSide = (side, word, label) => {
      const own = this.#notes.get(side);
      if (own === undefined || this.sides.length >= MOST_SIDES) return;
      own.stop();
      const run = this.#kept(side, own, word, label);
      this.sides.push({ statement: main.at.statement, word, label, open: () => run });
    };
  }

  #kept({ failure }: SideRun, notes: RunNotes, word: AsideWord, label: string): KeptRun {
    const { asides, machine, output } = notes;
    const combination = [this.name.combination, `${word}: ${label}`].filter((each) => each !== "");
    const name = { ...this.name, combination: combination.join(", ") };
    const run = new KeptRun({ name, code: this.code, machine, output, asides, sides: [] });
    run.failure = reported(failure);
    return run;
  }
}

/** What is said of a failure. */
export function reported(failure: Failure | null): FailureReport | null {
  return failure === null ? null : reportFailure(failure, undefined);
}
