/** Asking a run something, in the middle of whatever it is doing. */
import { SideEffectRefused } from "./control.ts";
import type { Vm } from "./vm.ts";

/**
 * Asks, and has everything refused meanwhile that would change something.
 *
 * @param steps How many the answer may take; those of the run are not touched.
 * @throws {SideEffectRefused} When something would change.
 */
export function evaluateWithoutEffects<T>(vm: Vm, steps: number, ask: () => T): T {
  const { steps: left, machine: { stream } } = vm;
  const { context: { site }, seq } = stream;
  vm.looking = true;
  vm.steps = steps;
  try {
    const answer = ask();
    if (stream.seq !== seq) throw new SideEffectRefused("The machine");
    return answer;
  } finally {
    vm.countWork();
    vm.looking = false;
    vm.steps = left;
    stream.context.site = site;
  }
}
