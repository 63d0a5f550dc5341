/** Finds the controller's records of commands. */
import type { ControllerCommand } from "./controller_log.ts";

/**
 * For each command that the driver sent, the record of it in the controller's log; null for a
 * command without a record.
 *
 * Command ids are reused, and requests that are sent at the same time can reach the controller in
 * another order than the driver mapped them. Commands with the same id, however, keep their order.
 * Commands with the same id may also have been sent before the trace began. Therefore commands are
 * matched from the last one backwards.
 *
 * @param sent Commands in the order in which the driver mapped them.
 * @param commands Commands in the order in which the controller fetched them.
 */
export function matchCommands(
  sent: readonly Pick<ControllerCommand, "queue" | "cid">[],
  commands: readonly ControllerCommand[],
): readonly (ControllerCommand | null)[] {
  const keyOf = ({ cid, queue }: Pick<ControllerCommand, "queue" | "cid">) => `${queue} ${cid}`;
  const left = new Map([...Map.groupBy(commands, keyOf)].map(([key, list]) => [key, [...list]]));
  return sent.toReversed().map((each) => left.get(keyOf(each))?.pop() ?? null).reverse();
}
