/** The common part of the REPL and the debugger: output, error messages and descriptions of names. */
import { describeName, type KnownNames } from "@dmalab/lang/editor";
import { formatEvents } from "@dmalab/lang/render";
import { type Paint, painter } from "@dmalab/lang/text";
import { Cancelled, type Cursor, EvaluationError, type TimeTravelSession } from "@dmalab/recording";
import type { MachineEvent } from "@dmalab/runtime";
import { type ExitCode, HELD, worseExitCode, WRONG } from "../exit_code.ts";
import type { LineConsole } from "../terminal/line_console.ts";
import type { CommandContext, ReplState } from "./command_target.ts";

export abstract class LineSession implements CommandContext {
  readonly paint: Paint;
  columns: number;
  readonly kept: ReplState = { watches: [], marks: new Map() };
  lastMoveSeq = 0;
  traceAlways = false;
  /** The worst result so far: the exit code of piped input. */
  exitCode: ExitCode = HELD;
  abstract readonly timeTravel: TimeTravelSession | null;
  abstract readonly cursor: Cursor;
  abstract readonly session: KnownNames;

  constructor(
    protected readonly console: LineConsole,
    { colour, columns }: { readonly colour: boolean; readonly columns: number },
  ) {
    this.paint = painter(colour);
    this.columns = columns;
  }

  say(line: string): void {
    this.console.write(`${line}\n`);
  }

  refuse(line: string): void {
    this.count(WRONG);
    this.say(line);
  }

  printEvents(events: readonly MachineEvent[]): void {
    if (events.length === 0) return;
    for (const line of formatEvents(events, this.columns)) this.say(line);
  }

  protected count(exitCode: ExitCode): void {
    this.exitCode = worseExitCode(this.exitCode, exitCode);
  }

  protected work<T>(task: () => T): T {
    return this.console.work === undefined ? task() : this.console.work(task);
  }

  /** Answers `?name`. */
  protected describe(question: string): void {
    const description = describeName(question.slice(1).trim(), this);
    if (!description.found) this.count(WRONG);
    for (const line of description.lines) this.say(line);
  }

  /**
   * Prints why a line was not executed.
   * @returns False if the error is not the user's mistake.
   */
  protected refuseFailed(error: unknown): boolean {
    if (error instanceof Cancelled) this.refuse("Interrupted; the position is unchanged");
    else if (error instanceof EvaluationError) {
      this.refuse(error.hint === null ? error.message : `${error.message}; ${error.hint}`);
    } else return false;
    return true;
  }
}
