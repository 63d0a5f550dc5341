/** A run of a scenario in the debugger: the commands of the REPL, without typing. */
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
import type { ExportRun, RunList, RunStatus } from "../repl/command_target.ts";
import { bareCommand, commandWords, runReplCommand } from "../repl/commands.ts";
import { LineSession } from "../repl/line_session.ts";
import { suggestWords } from "../repl/completion.ts";
import type { KnownNames, Suggestions } from "@dmalab/lang/editor";
import { printLocation } from "../repl/move_commands.ts";
import type { ToolOptions } from "../repl/line_tool.ts";
import { promptText } from "../repl/prompts.ts";
import { INTERRUPT, type LineConsole } from "../terminal/line_console.ts";
import type { Type } from "@dmalab/lang/values";
import type { FullScreen } from "./screen/full_screen.ts";

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

/** The runs of a file, recorded when they are wanted. */
export interface DebugRuns {
  readonly names: readonly string[];
  /** Which one is debugged first, from 0. */
  readonly first: number;
  record(index: number): Recording;
  /** How each ended, by its index; undefined for the ones that have not run yet. */
  readonly outcomes: ReadonlyMap<number, RunStatus>;
  /** Runs a part of the first of these that has no outcome. @returns Whether there is more to run. */
  runOn(indices: readonly number[]): boolean;
}

export class Debugger extends LineSession {
  readonly timeTravel = null;
  readonly runs: RunList | null;
  /** Set by a screen with panes. */
  view: FullScreen | null = null;
  /** Set where the host permits writing files. */
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

  /** Says which run it is, and begins where it failed, or at its start. */
  start(): void {
    const { recording } = this.#place;
    const { failure, last, name } = recording;
    const what = name.name === "" ? "the statements" : `"${name.name}"`;
    const run = displayName({ name: what, combination: name.combination });
    const line = printable(`${name.file}: ${run}, ${last.seq} events`);
    // A screen shows this on a separate line.
    if (this.view === null) this.say(line);
    // A screen folds lines itself, at whatever width it has then.
    const columns = this.view === null ? this.columns : Infinity;
    for (const line of failure?.lines ?? []) {
      for (const part of foldLine(line, columns)) this.say(part);
    }
    const failed = failurePosition(recording);
    if (failed !== null) this.cursor.goTo(failed.position, failed.recording);
    this.lastMoveSeq = this.cursor.position.seq;
    printLocation(this);
  }

  /** Reads and does lines until they end or `:quit`. */
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

  /** The commands that there are, with their colons, and what each does. */
  commandDocs(): readonly (readonly [string, string])[] {
    return commandWords(this).map(({ doc, text }) => [text, doc]);
  }

  /** Nothing but single lines can be asked. */
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
