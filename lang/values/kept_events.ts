/** Requires that a recorder has kept every event. */
import type { EventRecorder } from "@dmalab/runtime";
import { groupThousands } from "../text/numbers.ts";
import { limitOption } from "./limits.ts";
import { LimitError } from "./script_error.ts";

/**
 * Fails if events were lost, because lost events must not be mistaken for events that did not
 * happen.
 *
 * @throws {LimitError} E0805 when some were lost.
 */
export function requireAllEvents({ droppedEvents, limitEvents }: EventRecorder): void {
  if (droppedEvents === 0) return;
  throw new LimitError(
    "E0805",
    `Only the first ${groupThousands(limitEvents)} events are kept, and ` +
      `${groupThousands(droppedEvents)} more happened`,
    `${limitOption("events", 2 * limitEvents)} keeps twice as many`,
  );
}
