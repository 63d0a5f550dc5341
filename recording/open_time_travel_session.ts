import { type Laboratory, PLAIN } from "@dmalab/lang";
import type { SessionOptions } from "@dmalab/lang/run";
import { RunSession as SessionWith } from "@dmalab/lang/run/session";
import { TimeTravelSession } from "./time_travel_session.ts";

/**
 * A session with a past that can be gone through.
 *
 * @param onLine Gets the lines that it writes.
 * @param laboratory Where it takes place; the one to which nothing was added when left out.
 */
export function openTimeTravelSession(
  options: Omit<SessionOptions, "onLine">,
  onLine: (text: string) => void,
  laboratory: Laboratory = PLAIN,
): TimeTravelSession {
  return new TimeTravelSession(
    (hooks) => new SessionWith({ ...options, registry: laboratory.builtins, ...hooks }),
    onLine,
    options.watch,
  );
}
