/** The interface through which commands use the REPL or the debugger. */
import type {
  Cursor,
  Position,
  Recording,
  RunPosition,
  TimeTravelSession,
} from "@dmalab/recording";
import type { Paint } from "@dmalab/lang/text";
import type { MachineEvent } from "@dmalab/runtime";
import { readWholeNumber } from "../numbers.ts";
import type { SourceLoader } from "@dmalab/lang/syntax";
import type { Suggestion } from "@dmalab/lang/editor";
import type { FullScreen } from "../debug/screen/full_screen.ts";

/** What one keeps while going through a run, besides the place. */
export interface ReplState {
  /** Expressions that are printed whenever they change. */
  readonly watches: string[];
  /** Places with a name. */
  readonly marks: Map<string, RunPosition<Recording>>;
}

export interface CommandContext {
  /** The place in a run that commands move. */
  readonly cursor: Cursor;
  /** What statements are typed into; null where a run is only looked at. */
  readonly timeTravel: TimeTravelSession | null;
  readonly paint: Paint;
  readonly columns: number;
  /** Null where nothing is kept from one command to the next. */
  readonly kept?: ReplState | null;
  /** The runs of the file; null where there is no other. */
  readonly runs?: RunList | null;
  /** What commands about the screen work with; null where lines are written one after the other. */
  readonly view?: FullScreen | null;
  /** Begins the next input with a text that is edited first; null where there is no terminal for that. */
  readonly edit?: ((text: string) => void) | null;
  /** What only the host can do; null where it cannot. */
  readonly host?: CommandHost | null;
  /** Null where no files are written. */
  readonly exportRun?: ExportRun | null;
  /** The number of the last event before the last input or step: `:trace` begins after it. */
  lastMoveSeq: number;
  /** Show the events of every input. */
  traceAlways: boolean;
  say(line: string): void;
  /** One line with the mistake in the input. */
  refuse(line: string): void;
  /** Events as a table; nothing for none. */
  printEvents(events: readonly MachineEvent[]): void;
}

export type RunStatus = "ok" | "FAILED";

/** The runs of a file, one of which is debugged. */
export interface RunList {
  /** Each as a line. */
  readonly names: readonly string[];
  /** How each ended, by its index; undefined for the ones that have not run yet. */
  readonly outcomes: ReadonlyMap<number, RunStatus>;
  /** Which one it is, from 0. */
  readonly current: number;
  /** Goes through another. */
  open(index: number): void;
}

/**
 * Writes a run's events to a file of the format that its name says.
 *
 * @param isOver Whether the run has ended.
 * @returns What is wrong, as a sentence without its end; null when it is written.
 */
export type ExportRun = (
  path: string,
  recording: Recording,
  isOver: boolean,
  position: Position,
) => string | null;

export interface CommandHost {
  /** Where files come from that a scenario uses. */
  readonly loader: SourceLoader;
  /** Writes a file; false, after saying why, where it cannot be. */
  save(path: string, text: string): boolean;
}

export interface ReplCommand {
  readonly name: string;
  /** What may follow, for the help. */
  readonly takes: string;
  readonly doc: string;
  /** It belongs to typing statements: a run that has ended knows no such thing. */
  readonly needsBench?: true;
  /** The part of the target that it needs and that not every target has. */
  readonly needs?: "exportRun" | "host" | "kept" | "runs" | "view";
  /** An expression may follow. */
  readonly expression?: true;
  /** Words that may follow. @param before The text before the typed word. */
  words?(repl: CommandContext, before: string): readonly Suggestion[];
  /** Does it. @throws {EvaluationError} What a question about the run has no answer for. */
  run(repl: CommandContext, argument: string): void;
}

/** The count a command was given, 1 for none; null, after saying so, for something else. */
export function countOf(argument: string, repl: CommandContext): number | null {
  const count = argument === "" ? 1 : readWholeNumber(argument);
  if (count !== null && count > 0) return count;
  repl.refuse(`"${argument}" is not a count`);
  return null;
}

/** Whether a command can be done there. */
export function isKnown({ needs, needsBench }: ReplCommand, repl: CommandContext): boolean {
  return (repl.timeTravel !== null || needsBench !== true) &&
    (needs === undefined || (repl[needs] ?? null) !== null);
}
