/**
 * The debugger for a run of a scenario. It has the commands of the REPL, but the user cannot type
 * statements.
 */
import { printable } from "@dmalab/lang/diagnostics";
import {
  Cursor,
  evaluate,
  failurePosition,
  machineNamesAt,
  type Recording,
  variablesAt,
} from "@dmalab/recording";
import { foldLine } from "@dmalab/lang/text";
import { displayName } from "@dmalab/lang/run";
import type { ExportRun, RunList, RunStatus, ScreenView } from "../repl/command_target.ts";
import { bareCommand, commandWords, runReplCommand } from "../repl/commands.ts";
import { LineSession } from "../repl/line_session.ts";
import { suggestWords } from "../repl/completion.ts";
import type { KnownNames, Suggestions } from "@dmalab/lang/editor";
import { printLocation } from "../repl/move_commands.ts";
import type { ToolOptions } from "../repl/line_tool.ts";
import { promptText } from "../repl/prompts.ts";
import { INTERRUPT, type LineConsole } from "../terminal/line_console.ts";
import type { Type } from "@dmalab/lang/values";

export class NamesInSight implements KnownNames {
  constructor(private readonly cursor: Cursor) {}

  summary(): ReturnType<KnownNames["summary"]> {
    const { position, recording } = this.cursor;
    const machineNames = [...machineNamesAt(recording, position).keys()];
    return { variables: [...variablesAt(recording, position)], declared: [], machineNames };
  }

  kindOf(name: string): Type | undefined {
    const { position, recording } = this.cursor;
    return variablesAt(recording, position).find((each) => each.name === name)?.type ??
      machineNamesAt(recording, position).get(name);
  }
}

/** The runs of a file. Each is recorded when it is selected. */
export interface DebugRuns {
  readonly names: readonly string[];
  /** Index of the run that is debugged first. */
  readonly first: number;
  record(index: number): Recording;
  /** Outcome of each run by its index; a run that has not run yet has no entry. */
  readonly outcomes: ReadonlyMap<number, RunStatus>;
  /**
   * Takes the first run in `indices` that has no outcome, and runs a part of it.
   * @returns Whether more remains to be run.
   */
  runOn(indices: readonly number[]): boolean;
}

export class Debugger extends LineSession {
  readonly timeTravel = null;
  readonly runs: RunList | null;
  /** The screen with panes, which sets this field; null where commands are read line by line. */
  view: ScreenView | null = null;
  /** Writes the run to a file; null where the host does not permit writing files. */
  exportRun: ExportRun | null = null;
  readonly #watch: ToolOptions["watch"];
  #place: Cursor;
  /** The command that an empty line repeats. */
  #last = ":step";

  constructor(
    recording: Recording,
    console: LineConsole,
    options: ToolOptions,
    runs: DebugRuns | null = null,
  ) {
    super(console, options);
    this.#place = new Cursor(recording);
    this.#watch = options.watch;
    this.runs = runs === null ? null : this.#runList(runs);
  }

  get cursor(): Cursor {
    return this.#place;
  }

  get session(): KnownNames {
    return new NamesInSight(this.#place);
  }

  #runList({ first, names, outcomes, record }: DebugRuns): RunList {
    let current = first;
    return {
      names,
      outcomes,
      get current() {
        return current;
      },
      open: (index) => {
        const { breakpoints } = this.#place;
        this.#place = new Cursor(this.work(() => record(index)), breakpoints);
        current = index;
        this.kept.marks.clear();
        this.start();
      },
    };
  }

  /**
   * Prints which run is debugged. Goes to the failure of the run, or to its start if it did not
   * fail.
   */
  start(): void {
    const { recording } = this.#place;
    const { failure, last, name } = recording;
    const what = name.name === "" ? "the statements" : `"${name.name}"`;
    const run = displayName({ name: what, combination: name.combination });
    const line = printable(`${name.file}: ${run}, ${last.seq} events`);
    // A screen with panes shows the run's name in its first line.
    if (this.view === null) this.say(line);
    // A screen with panes folds lines when it draws, at its current width.
    const columns = this.view === null ? this.columns : Infinity;
    for (const line of failure?.lines ?? []) {
      for (const part of foldLine(line, columns)) this.say(part);
    }
    const failed = failurePosition(recording);
    if (failed !== null) {
      // A fault, a report and a leak are judged at the end: what failed is at their event.
      const { eventSeq } = failed.recording.failure!;
      const position = eventSeq === undefined
        ? failed.position
        : failed.recording.afterEvent(eventSeq);
      this.cursor.goTo(position, failed.recording);
    }
    this.lastMoveSeq = this.cursor.position.seq;
    printLocation(this);
  }

  /** Executes lines until the input ends or `:quit`. */
  async run(): Promise<void> {
    this.#ask();
    for await (const line of this.console.lines) {
      if (!this.answer(line)) return;
      this.#ask();
    }
  }

  suggest(before: string): Suggestions {
    return suggestWords(before, this);
  }

  /** The commands with their colons, each with its description. */
  commandDocs(): readonly (readonly [string, string])[] {
    return commandWords(this).map(({ doc, text }) => [text, doc]);
  }

  /** Each line is complete: the debugger has no input of several lines. */
  isWhole(): boolean {
    return true;
  }

  /** An empty line repeats the last command. A line without a colon is an expression. */
  answer(line: string): boolean {
    if (line === INTERRUPT) return true;
    const text = line.trim() === "" ? this.#last : line.trim();
    const command = text.startsWith(":") ? text : bareCommand(text);
    this.#place.recording.timeline.interruptedBy = this.#watch ?? null;
    try {
      if (command === null) this.work(() => this.#tell(text));
      else {
        this.#last = command;
        return this.work(() => runReplCommand(command, this));
      }
    } catch (error) {
      if (!this.refuseFailed(error)) throw error;
    }
    return true;
  }

  #tell(text: string): void {
    if (text.startsWith("?")) this.describe(text);
    else this.say(printable(evaluate(this.#place.recording, this.cursor.position, text).text));
  }

  #ask(): void {
    const { position, recording } = this.#place;
    const nowNs = recording.nowNs(position);
    const time = nowNs > 0 ? { nowNs } : {};
    this.console.prompt(promptText({ seq: position.seq, lastSeq: recording.last.seq, ...time }));
  }
}
