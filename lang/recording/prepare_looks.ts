/** Parks machines along a long run while it is idle, so that later looks are short. */
import type { Position } from "./position.ts";
import type { Recording } from "./recording.ts";

/** Machines that wait; a short run needs none. */
const WAITING_MACHINES = 24;
const LONG_RUN_EVENTS = 20_000;

/**
 * Prepares a stretch for looks, and one for who asks when an expression changed: to be called again
 * and again while it is idle.
 *
 * @param end Up to where moments may be asked about.
 * @param near The current position.
 * @returns Whether there is more to do.
 */
export function prepareLooks(
  { histories, log, reruns }: Recording,
  end: Position,
  near: Position,
): boolean {
  if (log.count < LONG_RUN_EVENTS) return false;
  let stretches = 0;
  const allWait = reruns.spread(end, WAITING_MACHINES, () => stretches++ === 0, near);
  return histories.grow() || !allWait;
}
