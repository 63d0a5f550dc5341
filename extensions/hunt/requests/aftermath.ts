/** What is left behind by one request, and what that does to the next. */
import { violationsOf } from "./diagnose.ts";
import type { HuntCase, HuntRelease } from "./hunt_case.ts";
import type { Violation } from "./violation.ts";

/** A case with one more step, which is spoilt by what the others left. */
export interface Aftermath {
  readonly case: HuntCase;
  readonly violation: Violation;
}

/**
 * Does the last step of a case once more, with nothing made to fail: what was left behind may be
 * harmless, as memory that is lost, or in the way.
 *
 * @returns Null where the second time is right, or only leaves something behind as well.
 */
export function aftermathOf(each: HuntCase, release: HuntRelease): Aftermath | null {
  const again: HuntCase = {
    ...each,
    steps: [...each.steps, { ...each.steps.at(-1)!, fault: null }],
  };
  const violation = violationsOf(again, release).at(-1)!;
  const spoilt = violation !== null && violation.kind !== "left" && violation.kind !== "report";
  return spoilt ? { case: again, violation } : null;
}
