/** What the commands of the REPL and of the debugger know of who runs them. */
import type { Place } from "../../lang/recording/cursor.ts";
import { LookError } from "../../lang/recording/mod.ts";
import type { Workbench } from "../../lang/recording/workbench.ts";
import type { Paint } from "../../lang/render/paint.ts";
import type { MachineEvent } from "../../runtime/events.ts";
import { readWholeNumber } from "../numbers.ts";

export interface CommandTarget {
  /** The place in a run that commands move. */
  readonly place: Place;
  /** What statements are typed into; null where a run is only looked at. */
  readonly bench: Workbench | null;
  readonly paint: Paint;
  /** How wide the screen is. */
  readonly columns: number;
  /** The number of the last event before the last input or step: `:trace` begins after it. */
  lastMoveSeq: number;
  /** Show the events of every input. */
  traceAlways: boolean;
  /** One line of output. */
  say(line: string): void;
  /** One line that says what is wrong with the input. */
  refuse(line: string): void;
  /** Events as a table; nothing for none. */
  sayEvents(events: readonly MachineEvent[]): void;
}

export interface ReplCommand {
  readonly name: string;
  /** What may follow, for the help. */
  readonly takes: string;
  readonly doc: string;
  /** It belongs to typing statements: a run that has ended knows no such thing. */
  readonly needsBench?: true;
  /** Does it; false ends the REPL. */
  run(repl: CommandTarget, argument: string): boolean;
}

/** The count a command was given, 1 for none; null, after saying so, for something else. */
export function countOf(argument: string, repl: CommandTarget): number | null {
  const count = argument === "" ? 1 : readWholeNumber(argument);
  if (count !== null && count > 0) return count;
  repl.refuse(`"${argument}" is no count`);
  return null;
}

/** Does something that may ask what has no answer; says so. */
export function answering(repl: CommandTarget, ask: () => void): true {
  try {
    ask();
  } catch (error) {
    if (!(error instanceof LookError)) throw error;
    const { hint, message } = error;
    repl.refuse(hint === null ? message : `${message}; ${hint}`);
  }
  return true;
}
