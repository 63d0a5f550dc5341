/**
 * What a builtin may use of the run it is called in.
 *
 * The VM implements it; builtins see nothing else of the VM.
 */
import type { Lab } from "../../devices/lab.ts";
import type { EventRecorder } from "../../runtime/recorder.ts";
import type { Span } from "../source.ts";
import type { Closure, Value } from "./value.ts";

export interface Run {
  /** The machine and its devices, as the `machine` block declared them. */
  readonly lab: Lab;
  /** The events of this run. */
  readonly recorder: EventRecorder;
  /** Calls a function of the script, as `list.map(x => …)` does. */
  call(closure: Closure, args: readonly Value[]): Value;
  /** One line of output, counted against the output limit. */
  print(line: string): void;
  /** Charges bytes against the script's memory limit; throws when it is reached. */
  chargeMemory(bytes: number): void;
  /** Where the statement stands that an event's `site` names. */
  siteSpan(site: number): Span | null;
}
