/** Calls that wait for a device: they run the machine until the device is done. */
import type { ExecutionContext } from "../values/execution_context.ts";
import { LimitError, ScriptError } from "../values/script_error.ts";

/** Activities that one waiting call may run before the script is stopped. */
const MAX_ACTIVITIES = 1_000_000;

/**
 * Runs pending work until `waited` is done.
 *
 * @param subject The name of `waited` in messages.
 * @param why A hint for messages when the work never ends, and when no work is left.
 * @throws {ScriptError} E0907 if nothing is left to run, E0801 after a million activities.
 */
export function runUntilDone(
  { lab: { machine } }: ExecutionContext,
  waited: { readonly done: boolean },
  subject: string,
  why: { readonly stuck?: () => string; readonly hint?: string } = {},
): void {
  for (let activities = 0; !waited.done; activities++) {
    if (activities === MAX_ACTIVITIES) {
      const stuck = why.stuck === undefined ? "" : `: ${why.stuck()}`;
      throw new LimitError(
        "E0801",
        `${subject} ran ${activities} activities and was not done${stuck}`,
      );
    }
    if (machine.runNextActivity()) continue;
    throw new ScriptError("E0907", `No work is pending, and ${subject} is not done`, why.hint);
  }
}
