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

/** State that is kept between commands, besides the position. */
export interface ReplState {
  /** Expressions that are printed whenever they change. */
  readonly watches: string[];
  /** Named positions. */
  readonly marks: Map<string, RunPosition<Recording>>;
}

/** A screen with panes, as commands use it. */
export interface ScreenView {
  /** Names of the panes. */
  readonly panes: readonly string[];
  showPane(name: string): void;
  /** Selects the next pane, or the previous one. */
  turnPane(way: 1 | -1): void;
  /** Moves the chosen row of the selected pane, by rows or by the height of the pane. */
  select(rows: number, isPages: boolean): void;
  /** Goes to the event that wrote the chosen row. */
  enter(): void;
  /** Returns to the position before the last jump. */
  goBack(): void;
  /** Shows a table in the state pane; null: the changed rows. */
  showTable(name: string | null): void;
  /** Shows the next table that has rows. */
  turnTable(): void;
  /** Lists all keys. */
  showKeys(): void;
  /** Shows the whole output of the last command. */
  showSaid(): void;
  redraw(): void;
}

export interface CommandContext {
  /** The position in a run, which commands move. */
  readonly cursor: Cursor;
  /** The session that executes typed statements; null in the debugger, which only shows a run. */
  readonly timeTravel: TimeTravelSession | null;
  readonly paint: Paint;
  readonly columns: number;
  /** Watches and marks; null where nothing is kept between commands. */
  readonly kept?: ReplState | null;
  /** The runs of the file; null where there is only one. */
  readonly runs?: RunList | null;
  /** The screen with panes; null where output is written line by line. */
  readonly view?: ScreenView | null;
  /** Lets the user edit a text as the beginning of the next input; null without a terminal. */
  readonly edit?: ((text: string) => void) | null;
  /** Functions of the host; null if none of them is available. */
  readonly host?: CommandHost | null;
  /** Writes a run to a file; null where no files are written. */
  readonly exportRun?: ExportRun | null;
  /** Number of the last event before the last input or step: `:trace` begins after this event. */
  lastMoveSeq: number;
  /** Whether the events of every input are shown. */
  traceAlways: boolean;
  say(line: string): void;
  /** Prints the mistake in an input, in one line. */
  refuse(line: string): void;
  /** Prints events as a table; nothing if there are no events. */
  printEvents(events: readonly MachineEvent[]): void;
}

export type RunStatus = "ok" | "FAILED";

/** The runs of a file, one of which is debugged. */
export interface RunList {
  /** The name of each run, on one line. */
  readonly names: readonly string[];
  /** The outcome of each run by its index; a run that has not run yet has no entry. */
  readonly outcomes: ReadonlyMap<number, RunStatus>;
  /** Index of the debugged run. */
  readonly current: number;
  /** Goes through another. */
  open(index: number): void;
}

/**
 * Writes a run's events to a file. The ending of the file's name selects the format.
 *
 * @param isOver Whether the run has ended.
 * @returns The problem as a sentence without its full stop; null on success.
 */
export type ExportRun = (
  path: string,
  recording: Recording,
  isOver: boolean,
  position: Position,
) => string | null;

export interface CommandHost {
  /** Loads the files that a scenario uses. */
  readonly loader: SourceLoader;
  /** Writes a file. @returns False if that fails; the reason was printed. */
  save(path: string, text: string): boolean;
}

export interface ReplCommand {
  readonly name: string;
  /** The possible arguments, for the help; empty for a command without arguments. */
  readonly takes: string;
  readonly doc: string;
  /**
   * The command needs a session in which statements are typed: the debugger has no such session.
   */
  readonly needsBench?: true;
  /** Optional property of the target that the command needs. */
  readonly needs?: "exportRun" | "host" | "kept" | "runs" | "view";
  /** The argument may be an expression. */
  readonly expression?: true;
  /** Words that may follow. @param before The text before the typed word. */
  words?(repl: CommandContext, before: string): readonly Suggestion[];
  /** Runs the command. @throws {EvaluationError} If the run cannot answer the question. */
  run(repl: CommandContext, argument: string): void;
}

/**
 * The count in a command's argument; 1 for an empty argument. For any other text, prints a message
 * and returns null.
 */
export function countOf(argument: string, repl: CommandContext): number | null {
  const count = argument === "" ? 1 : readWholeNumber(argument);
  if (count !== null && count > 0) return count;
  repl.refuse(`"${argument}" is not a count`);
  return null;
}

/** Whether a target has everything that a command needs. */
export function isKnown({ needs, needsBench }: ReplCommand, repl: CommandContext): boolean {
  return (repl.timeTravel !== null || needsBench !== true) &&
    (needs === undefined || (repl[needs] ?? null) !== null);
}
