/** Finds the controller's records of commands. */
import type { ControllerCommand } from "./controller_log.ts";

/**
 * The controller's record of each command of the driver; null without one.
 *
 * Ids come again, and several requests that are sent at once can reach the controller in another
 * order than they were mapped in. Those of one id keep their order; before the trace began there
 * were others with the same id, so that the last ones belong together.
 *
 * @param sent In the order in which the driver mapped them.
 * @param commands In the order in which the controller took them.
 */
export function matchCommands(
  sent: readonly Pick<ControllerCommand, "queue" | "cid">[],
  commands: readonly ControllerCommand[],
): readonly (ControllerCommand | null)[] {
  const keyOf = ({ cid, queue }: Pick<ControllerCommand, "queue" | "cid">) => `${queue} ${cid}`;
  const left = new Map([...Map.groupBy(commands, keyOf)].map(([key, list]) => [key, [...list]]));
  return sent.toReversed().map((each) => left.get(keyOf(each))?.pop() ?? null).reverse();
}
