/** Lines of C code, for a debugger that follows a run statement by statement. */
import type { Follower, ForeignLine } from "../values/run.ts";
import { type Code, RETURNING } from "./code.ts";
import type { MarkListener } from "./control.ts";

interface FollowedVm {
  readonly code: Code;
  readonly marks: MarkListener | null;
  readonly depth: number;
}

export class Following implements Follower {
  foreignDepth = 0;

  constructor(readonly vm: FollowedVm) {}

  /** How many calls run, those of code that is no script's included. */
  get calls(): number {
    return this.vm.depth + this.foreignDepth;
  }

  numberOf(line: ForeignLine): number {
    return this.vm.code.numberOf(line);
  }

  returned(): void {
    this.vm.marks?.returned?.(this.calls);
  }

  /** @returns Whether the run is to be paused before it. */
  started(number: number): boolean {
    const { marks } = this.vm;
    if (number === RETURNING) {
      marks?.returned?.(this.calls - 1);
      return false;
    }
    return marks?.started(number) ?? false;
  }
}
