/** What a call sees at a position, of what is kept beside the run. */
import { ordinalOf, type Position } from "../position.ts";
import type { KeptVariables, RecordedRun } from "../recorded_run.ts";

/** Names with their values, of the innermost call; null where they are not kept. */
export function keptVariablesAt(
  { variables }: RecordedRun,
  position: Position,
): KeptVariables["seen"][number] | null {
  const number = variables?.at[ordinalOf(position) - variables.first];
  return number === undefined ? null : variables!.seen[number]!;
}
