/**
 * Which known defect a thing went wrong by: the run is done again up to the same `explain` on a
 * machine without one of its defects, to look at the same thing there.
 */
import { MACHINE_STEPS } from "../values/limits.ts";
import { fixedText, remediesAmong, REMEDY_STEPS, withoutQuirks } from "../values/remedies.ts";
import { inherited, typeAndTarget } from "../values/types.ts";
import type { Value } from "../values/value.ts";
import type { Branches } from "./branches.ts";
import { BranchEnded, type Control } from "./control.ts";

/** Looks at things that are explained. */
export class Looks {
  /** Steps that are left for looking elsewhere, in the whole run. */
  #steps = REMEDY_STEPS;

  /** The number of the last `explain`. */
  #branching = 0;

  constructor(readonly vm: Control & { readonly pc: number }, readonly branches: Branches) {}

  /** A thing is about to be explained. A run that was sent here to look at it ends. */
  arrive(value: Value): void {
    const branching = this.#branching = this.branches.nextBranching();
    if (this.branches.turn(branching) === null) return;
    this.branches.look = { pc: this.vm.pc, wrong: this.#isWrong(value) };
    throw new BranchEnded();
  }

  /** What to say of the thing that was just explained: the defects that it is gone without. */
  gone(value: Value): readonly string[] {
    const { goals, heard, onItsWay, runs } = this.branches;
    if (runs === null || !heard || onItsWay || !this.#isWrong(value)) return [];
    const { quirks } = this.vm.world.lab.machine.kernel;
    const gone = fixedText(remediesAmong(quirks, (off) => {
      const steps = this.#steps -= MACHINE_STEPS;
      if (steps <= 0) return false;
      const { branches: { look }, steps: left } = runs.again({
        goals: [...goals, { branching: this.#branching, way: "look" }],
        known: new Map(),
        steps,
        memoryBytes: this.vm.world.budget.leftBytes,
        speaks: false,
        quirks: withoutQuirks(quirks, off),
      });
      this.#steps = Math.min(steps, Math.max(0, left));
      // Another way through the script leads to another thing.
      return look !== null && look.pc === this.vm.pc && !look.wrong;
    }));
    return gone === null ? [] : [`  ${gone}`];
  }

  #isWrong(value: Value): boolean {
    const found = typeAndTarget(value, this.vm.registry.types);
    const isWrong = found === null ? undefined : inherited(found.type, "isWrong");
    return isWrong?.call(found!.type, found!.target, this.vm) ?? false;
  }
}
