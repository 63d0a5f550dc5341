/** Asking a run something, in the middle of whatever it is doing. */
import { LookRefused } from "./control.ts";
import type { Vm } from "./vm.ts";

/**
 * Asks, and has everything refused meanwhile that would change something.
 *
 * @param steps How many the answer may take; those of the run are not touched.
 * @throws {LookRefused} When something would change.
 */
export function lookOnly<T>(vm: Vm, steps: number, ask: () => T): T {
  const { steps: left, world: { stream } } = vm;
  const { context: { site }, seq } = stream;
  vm.looking = true;
  vm.steps = steps;
  try {
    const answer = ask();
    if (stream.seq !== seq) throw new LookRefused("The machine");
    return answer;
  } finally {
    vm.countWork();
    vm.looking = false;
    vm.steps = left;
    stream.context.site = site;
  }
}
