/**
 * The variables of the innermost call at the positions of a run, stored with the run. They are for
 * views without the run's machine, such as a page, because such a view cannot evaluate anything.
 */
import type { HostWatch } from "@dmalab/lang/run";
import { clip } from "@dmalab/lang/text";
import { variablesSeen } from "./evaluate.ts";
import { Cancelled, type PausedRun } from "./machines/replay.ts";
import { nextPosition, ordinalOf, positionAt } from "./position.ts";
import type { KeptVariables } from "./recorded_run.ts";
import type { Recording } from "./recording.ts";

/**
 * Variables are stored for this number of positions at the end of a run. For a run of more than
 * `MAX_POSITIONS` positions nothing is stored, because the run must be replayed to get the
 * variables.
 */
const MAX_KEPT = 5000;
const MAX_POSITIONS = 200_000;
const MAX_NAMES = 40;
const MAX_LETTERS = 200;

/**
 * Stores the variables of the script and of C with a recording. Stores nothing if the run is too long or the replay
 * is cancelled.
 */
export function keepVariables(recording: Recording, watch: HostWatch | null): void {
  const end = ordinalOf(recording.last);
  if (end > MAX_POSITIONS) return;
  const first = Math.max(0, end - MAX_KEPT);
  const numbers = new Map<string, number>();
  const at: number[] = [];
  const ask = (paused: PausedRun) => {
    const all = variablesSeen(recording, paused);
    const seen = all.slice(0, MAX_NAMES).map(({ name, text }) => [name, clip(text, MAX_LETTERS)]);
    if (all.length > MAX_NAMES) seen.push(["…", `${all.length - MAX_NAMES} more`]);
    const text = JSON.stringify(seen);
    const number = numbers.get(text) ?? numbers.size;
    numbers.set(text, number);
    at.push(number);
    return nextPosition(recording, paused.position);
  };
  try {
    recording.timeline.interruptedBy = watch;
    recording.timeline.from(positionAt(recording, first), ask);
  } catch (error) {
    if (!(error instanceof Cancelled)) throw error;
    return;
  }
  const seen = [...numbers.keys()].map((text) => JSON.parse(text) as KeptVariables["seen"][number]);
  recording.variables = { first, seen, at };
}
