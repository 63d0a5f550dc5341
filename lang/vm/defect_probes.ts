/**
 * Finds the known defect that causes a wrong value. Repeats the run up to the same `explain` on a
 * machine without one of its defects, and examines the same value there.
 */
import { MACHINE_STEPS } from "../values/limits.ts";
import { ATTRIBUTION_STEPS, attributionText, causingDefects } from "../values/causing_defects.ts";
import { inherited, typeAndTarget } from "../values/types.ts";
import type { Value } from "../values/value.ts";
import type { Branches } from "./branches.ts";
import { BranchEnded, type Control } from "./control.ts";

/** Examines values that are explained. */
export class DefectProbes {
  /** Steps that remain for all repeated runs. */
  #steps = ATTRIBUTION_STEPS;

  /** The number of the choice point at the last `explain`. */
  #branching = 0;

  constructor(readonly vm: Control & { readonly pc: number }, readonly branches: Branches) {}

  /**
   * Called before a value is explained. Ends the run if it was started only to examine that value.
   */
  arrive(value: Value): void {
    const branching = this.#branching = this.branches.nextChoicePoint();
    if (this.branches.takeChoice(branching) === null) return;
    this.branches.probe = { pc: this.vm.pc, wrong: this.#isWrong(value) };
    throw new BranchEnded();
  }

  /** Lines to add to an explanation: the defects that cause the value to be wrong. */
  causingDefects(value: Value): readonly string[] {
    if (!this.branches.looksForDefects || !this.#isWrong(value)) return [];
    const { quirks } = this.vm.machine.lab.machine;
    const gone = attributionText(causingDefects(quirks, (off) => {
      const steps = this.#steps -= MACHINE_STEPS;
      if (steps <= 0) return false;
      const choice = { choicePoint: this.#branching, taken: "look" } as const;
      const { branches: { probe }, steps: left } = this.branches.withoutDefects(choice, off, steps);
      this.#steps = Math.min(steps, Math.max(0, left));
      // A run that reaches `explain` at another instruction examined another value.
      return probe !== null && probe.pc === this.vm.pc && !probe.wrong;
    }));
    return gone === null ? [] : [`  ${gone}`];
  }

  #isWrong(value: Value): boolean {
    const found = typeAndTarget(value, this.vm.registry.types);
    const isWrong = found === null ? undefined : inherited(found.type, "isWrong");
    return isWrong?.call(found!.type, found!.target, this.vm) ?? false;
  }
}
