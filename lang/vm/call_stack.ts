/** The script's active calls, stored as numbers in `frames`, outermost first. */
import { isInside, type Span } from "../source.ts";
import type { Code } from "./code.ts";
import type { CallerLocation } from "./failure_report.ts";
import type { Limits } from "../values/limits.ts";
import type { Value } from "../values/value.ts";
import { tooDeep } from "./vm_errors.ts";
import { FRAME_NUMBERS, TO_NATIVE } from "./loop.ts";

interface CallStack {
  readonly code: Code;
  readonly depth: number;
  readonly frames: Int32Array;
  readonly pc: number;
}

/** A call stack on which calls can be made. */
interface OpenStack extends CallStack {
  depth: number;
  pc: number;
  fp: number;
  readonly sp: number;
  readonly stack: (Value | undefined)[];
  readonly limits: Limits;
}

/** The source span of an instruction. @param pc The position after the instruction. */
export function spanAt({ spanIndexes, spans }: Code, pc: number): Span {
  return spans[spanIndexes[Math.max(0, pc - 1)]!]!;
}

/** The call sites of the active calls, innermost first. */
export function callersOf({ code, depth, frames, pc }: CallStack): CallerLocation[] {
  const callers: CallerLocation[] = [];
  for (let call = depth - 1; call >= 0; call--) {
    const frame = FRAME_NUMBERS * call;
    const returnPc = frames[frame]!;
    if (returnPc === TO_NATIVE) continue;
    const isNative = returnPc < TO_NATIVE;
    const span = spanAt(code, isNative ? TO_NATIVE - 1 - returnPc : returnPc);
    // A builtin may call a lambda that is written inside the builtin's own call. The location in
    // the lambda then already shows the location of that call.
    if (isNative && isInside(callers.at(-1)?.span ?? spanAt(code, pc), span)) continue;
    callers.push({ span, callee: code.functions[frames[frame + 2]!]!.name });
  }
  return callers;
}

/** Enters a lower frame once more. The new frame's operands are above all operands on the stack. */
export function enterAgain(vm: OpenStack, pc: number, fp: number): void {
  if (vm.depth >= vm.limits.depth) throw tooDeep(vm.limits);
  let own = vm.fp;
  let caller = FRAME_NUMBERS * (vm.depth - 1);
  for (; own !== fp; caller -= FRAME_NUMBERS) own = vm.frames[caller + 1]!;
  const index = vm.frames[caller + 2]!;
  const frame = FRAME_NUMBERS * vm.depth++;
  vm.frames[frame] = TO_NATIVE - 1 - vm.pc;
  vm.frames[frame + 1] = vm.fp;
  vm.frames[frame + 2] = index;
  const { operands } = vm.code.functions[index]!;
  while (vm.stack.length < vm.sp + operands) vm.stack.push(undefined);
  vm.fp = fp;
  vm.pc = pc;
}
