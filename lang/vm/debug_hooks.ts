/** Lines of C code, for a debugger that follows a run statement by statement. */
import type { DebugHooks, NativeFrame, NativeLine } from "../values/execution_context.ts";
import { type Code, RETURNING } from "./code.ts";
import type { StatementListener } from "./control.ts";

interface DebuggedVm {
  readonly code: Code;
  readonly marks: StatementListener | null;
  readonly depth: number;
}

export class VmDebugHooks implements DebugHooks {
  /** Active calls of C code, innermost last. */
  readonly nativeFrames: NativeFrame[] = [];

  constructor(readonly vm: DebuggedVm) {}

  /** Number of active calls, including those of C code. */
  get calls(): number {
    return this.vm.depth + this.nativeFrames.length;
  }

  /** The number of a line; each call for the same line returns the same number. */
  numberOf(line: NativeLine): number {
    return this.vm.code.numberOf(line);
  }

  /** Called after some of the active calls have returned. */
  returned(): void {
    this.vm.marks?.returned?.(this.calls);
  }

  /** @returns Whether the run is to be paused before the line. */
  started(number: number): boolean {
    const { marks } = this.vm;
    if (number === RETURNING) {
      marks?.returned?.(this.calls - 1);
      return false;
    }
    return marks?.started(number) ?? false;
  }
}
