/** Runs one batch ("turn") of a hunt, in a worker. */
import { type HuntOptions, type HuntState, HuntTurns, type TurnEnd } from "../requests/hunt.ts";
import type { HuntWords } from "../requests/hunt_options.ts";
import type { HostWatch } from "@dmalab/lang/run";
import { MemoryScreen } from "@dmalab/cli";
import { type OpenedHunt, openHunt } from "./open_hunt.ts";

export interface TurnJob {
  /** The scenario with the machine for the hunt; null for random machines. */
  readonly path: string | null;
  readonly words: HuntWords;
  readonly number: number;
  readonly state: HuntState;
  /** Largest number of steps of the turn. */
  readonly cases: number;
  readonly milliseconds: number;
  /** A flag that the caller sets to 1 when the result is no longer needed. */
  readonly abandoned: SharedArrayBuffer;
}

export type TurnMessage =
  | { readonly kind: "guess"; readonly state: HuntState }
  | { readonly kind: "end"; readonly end: TurnEnd };

/** Opens a hunt in the worker, and returns the function that runs its turns. */
export async function openTurns({ path, words }: TurnJob) {
  const screen = new MemoryScreen();
  const opened = await openHunt(path, words, screen);
  if (opened === null || "drivers" in opened) throw new Error(screen.errors);
  return turnRunner(opened);
}

/**
 * Returns the function that runs a hunt's turns.
 * @param points Injection points that may fail; determined automatically if omitted.
 */
export function turnRunner(
  { settings: { mode, release, seed }, where }: Omit<OpenedHunt, "files">,
  points?: HuntOptions["points"],
) {
  let mayGoOn = () => true;
  const turns = new HuntTurns({ mode, release, seed, where, points, mayGoOn: () => mayGoOn() });
  const run = (
    { abandoned, cases, milliseconds, number, state }: TurnJob,
    send: (message: TurnMessage) => void,
    watch: Pick<HostWatch, "interrupted">,
  ) => {
    const until = performance.now() + milliseconds;
    const flag = new Int32Array(abandoned);
    const isAbandoned = () => Atomics.load(flag, 0) === 1;
    mayGoOn = () => performance.now() < until && !watch.interrupted() && !isAbandoned();
    const end = turns.run(number, state, cases, {
      onGuess: (guess) => send({ kind: "guess", state: guess }),
      isAbandoned,
    });
    send({ kind: "end", end });
  };
  return { run };
}
