/**
 * Actions of one kind of machine, drawn for the sums: their results and events are counted, and no
 * other rule judges them. Now and then one of the machine's injection points fails in an action.
 */
import fc, { type Arbitrary } from "fast-check";
import { Choices, FAULTS, type HuntFault } from "@dmalab/hunt";
import { ArmedInjection, INJECTION, type Machine } from "@dmalab/runtime";

/** An action: its number, and the seed of its own choices. All numbers are valid. */
export interface ActStep {
  readonly act: number;
  readonly seed: number;
  readonly fault: HuntFault | null;
}

const number = fc.nat(2 ** 31 - 1);

export const ACT_STEPS: Arbitrary<ActStep> = fc.record({
  act: number,
  seed: number,
  fault: fc.oneof({ arbitrary: fc.constant(null), weight: 5 }, { arbitrary: FAULTS, weight: 1 }),
});

export type Act = (choices: Choices) => unknown;

/** Does the action of a step. @returns The result as text. */
export function act(machine: Machine, acts: readonly Act[], step: ActStep): string {
  const { fault } = step;
  const armed = fault === null
    ? null
    : new ArmedInjection(INJECTION[fault.point], fault.nth, fault.nth);
  if (armed !== null) machine.armInjection(armed);
  try {
    const result = acts[step.act % acts.length]!(new Choices(step.seed));
    return typeof result === "object" && result !== null ? "a thing" : String(result);
  } catch (error) {
    return String(error);
  } finally {
    if (armed !== null) machine.disarmFault(armed);
  }
}
