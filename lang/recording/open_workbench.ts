import { BUILTINS } from "../builtins/mod.ts";
import { Session as SessionWith } from "../run/session.ts";
import type { SessionOptions } from "../run/session_types.ts";
import { Workbench } from "./workbench.ts";

/**
 * A session with a past that can be gone through.
 *
 * @param onLine Gets the lines that it writes.
 */
export function openWorkbench(
  options: Omit<SessionOptions, "onLine">,
  onLine: (text: string) => void,
): Workbench {
  return new Workbench(
    (hooks) => new SessionWith({ ...options, registry: BUILTINS, ...hooks }),
    onLine,
    options.watch,
  );
}
