/** A run of a scenario that is gone through line by line: the commands of the REPL, without typing. */
import { printable } from "../../lang/diagnostics/display_width.ts";
import {
  Cursor,
  evaluate,
  Interrupted,
  LookError,
  type Recording,
} from "../../lang/recording/mod.ts";
import { formatEvents } from "../../lang/render/event_line.ts";
import { type Paint, painter } from "../../lang/render/paint.ts";
import { formatTimeRounded } from "../../lang/text/numbers.ts";
import type { MachineEvent } from "../../runtime/events.ts";
import { type ExitCode, HELD, WRONG } from "../exit_code.ts";
import type { CommandTarget } from "../repl/command_target.ts";
import { bareCommand, REPL_COMMANDS, runReplCommand } from "../repl/commands.ts";
import type { Completion } from "../repl/completion.ts";
import { sayPlace } from "../repl/move_commands.ts";
import { INTERRUPT, type ReplConsole } from "../repl/repl.ts";
import type { ToolOptions } from "../repl/terminal.ts";

export class Debugger implements CommandTarget {
  readonly bench = null;
  readonly place: Cursor;
  readonly paint: Paint;
  readonly columns: number;
  lastMoveSeq = 0;
  traceAlways = false;
  exitCode: ExitCode = HELD;
  readonly #console: ReplConsole;
  readonly #recording: Recording;
  readonly #watch: ToolOptions["watch"];
  /** What an empty line does again. */
  #last = ":step";

  constructor(recording: Recording, console: ReplConsole, options: ToolOptions) {
    this.place = new Cursor(recording);
    this.#recording = recording;
    this.#console = console;
    this.paint = painter(options.colour);
    this.columns = options.columns;
    this.#watch = options.watch;
  }

  /** Says which run it is, and begins where it failed, or at its start. */
  start(): void {
    const { failedAt, failure, last, name } = this.#recording;
    const what = name.name === "" ? "the statements" : `"${name.name}"`;
    const combination = name.combination === "" ? "" : ` [${name.combination}]`;
    this.say(printable(`${name.file}: ${what}${combination}, ${last.seq} events`));
    for (const line of failure?.lines ?? []) this.say(line);
    if (failedAt !== null) this.place.goTo(failedAt);
    sayPlace(this);
  }

  /** Reads and does lines until they end or `:quit`. */
  async run(): Promise<void> {
    this.#ask();
    for await (const line of this.#console.lines) {
      if (!this.#answer(line)) return;
      this.#ask();
    }
  }

  complete(line: string): Completion {
    const part = line.match(/:?\w*$/)![0];
    const names = part.startsWith(":")
      ? REPL_COMMANDS.filter(({ needsBench }) => needsBench !== true).map(({ name }) => `:${name}`)
      : this.place.variables().map(({ name }) => name);
    return [part === "" ? [] : names.filter((name) => name.startsWith(part)).sort(), part];
  }

  say(line: string): void {
    this.#console.write(`${line}\n`);
  }

  refuse(line: string): void {
    this.exitCode = WRONG;
    this.say(line);
  }

  sayEvents(events: readonly MachineEvent[]): void {
    if (events.length === 0) return;
    for (const line of formatEvents(events, this.columns)) this.say(line);
  }

  /** An empty line does the last command again; what has no colon is an expression. */
  #answer(line: string): boolean {
    if (line === INTERRUPT) return true;
    const text = line.trim() === "" ? this.#last : line.trim();
    const command = text.startsWith(":") ? text : bareCommand(text);
    this.#recording.reruns.interruptedBy = this.#watch ?? null;
    try {
      if (command === null) this.#work(() => this.#tell(text));
      else {
        this.#last = command;
        return this.#work(() => runReplCommand(command, this));
      }
    } catch (error) {
      if (error instanceof Interrupted) this.refuse("Interrupted; you are where you were");
      else if (error instanceof LookError) {
        this.refuse(error.hint === null ? error.message : `${error.message}; ${error.hint}`);
      } else throw error;
    }
    return true;
  }

  #tell(text: string): void {
    this.say(printable(evaluate(this.#recording, this.place.at, text).text));
  }

  #work<T>(task: () => T): T {
    return this.#console.work === undefined ? task() : this.#console.work(task);
  }

  #ask(): void {
    const { at } = this.place;
    const { last } = this.#recording;
    const nowNs = this.#recording.nowNs(at);
    const time = nowNs > 0 ? ` @ ${formatTimeRounded(nowNs)}` : "";
    this.#console.prompt(`dma[${at.seq}/${last.seq}${time}]> `);
  }
}
