/**
 * The REPL's core: it takes lines and returns text. It does not know a terminal. Therefore tests
 * can use it as a person does, and a screen can be built around it.
 */
import { type Diagnostic, printable, renderDiagnostics } from "@dmalab/lang/diagnostics";
import {
  openTimeTravelSession,
  type TimeTravelResult,
  type TimeTravelSession,
} from "@dmalab/recording";
import { brokenOff, type SessionOptions, type UnrunPart } from "@dmalab/lang/run";
import type { RunSession } from "@dmalab/lang/program";
import { SourceFile } from "@dmalab/lang";
import { diagnosticStyle } from "../scenario/diagnostic_style.ts";
import { foldedLines } from "../scenario/spaced_lines.ts";
import { codeOfFailure, codeOfProblems } from "../exit_code.ts";
import { counted, incidentLines, outcomeLine } from "../scenario/report_printer.ts";
import { INTERRUPT, type LineConsole } from "../terminal/line_console.ts";
import type { Suggestions } from "@dmalab/lang/editor";
import { continuationPrompt } from "../terminal/line_view.ts";
import type { CommandHost, ExportRun } from "./command_target.ts";
import { bareCommand, isReplCommand, runReplCommand } from "./commands.ts";
import { LineSession } from "./line_session.ts";
import { suggestWords } from "./completion.ts";
import { PendingInput } from "../terminal/pending_input.ts";
import { promptText } from "./prompts.ts";

export interface ReplOptions extends Pick<SessionOptions, "limits" | "loader" | "seed" | "watch"> {
  /** Writes a file. @returns False if that fails; the reason was printed. */
  readonly save?: (path: string, text: string) => boolean;
  readonly exportRun?: ExportRun;
  /** A scenario that is loaded first. */
  readonly entry?: SourceFile;
  readonly colour: boolean;
  /** Width of tables and events. */
  readonly columns: number;
}

export class Repl extends LineSession {
  readonly timeTravel: TimeTravelSession;
  readonly host: CommandHost | null;
  readonly exportRun: ExportRun | null;
  readonly edit: ((text: string) => void) | null;
  /** Lines of a statement that is not complete yet. */
  readonly #pending = new PendingInput();
  /** Names of variables that were discarded with an old machine. */
  readonly #dropped = new Set<string>();
  /** The input that is being edited at a terminal. */
  readonly #edited = new PendingInput();
  /** The text that a command wants to have edited before the next input; null for none. */
  #toEdit: string | null = null;

  constructor(console: LineConsole, private readonly options: ReplOptions) {
    super(console, options);
    const { exportRun, loader, save, seed, columns, limits, watch } = options;
    this.edit = console.edit === undefined ? null : (text) => void (this.#toEdit = text);
    this.host = save === undefined ? null : { loader, save };
    this.exportRun = exportRun ?? null;
    this.timeTravel = openTimeTravelSession({
      loader,
      ...seed === undefined ? {} : { seed },
      ...limits === undefined ? {} : { limits },
      ...watch === undefined ? {} : { watch },
      columns,
      style: diagnosticStyle(this.paint),
    }, (line) => this.say(printable(line)));
  }

  get cursor(): TimeTravelSession {
    return this.timeTravel;
  }

  get session(): RunSession {
    return this.timeTravel.session;
  }

  /** Executes lines until the input ends or `:quit`. */
  async run(): Promise<void> {
    this.#ask();
    for await (const input of this.console.lines) {
      for (const line of this.#piecesOf(input)) if (!this.#line(line)) return;
      await this.#editWanted();
      this.#ask();
    }
    if (!this.#pending.isEmpty) this.refuse("The input ended in the middle of a statement");
  }

  async #editWanted(): Promise<void> {
    const text = this.#toEdit;
    if (text === null) return;
    this.#toEdit = null;
    const problem = await this.console.edit!(text);
    if (problem !== null) this.refuse(problem);
  }

  /** Loads a scenario, if there is one: the session gets its declarations, and runs its statements. */
  start(source: SourceFile | undefined = this.options.entry): void {
    if (source === undefined) return;
    this.#show(this.work(() => this.timeTravel.feedSource(source)), source.name);
  }

  /** Lines of reports and failures, folded at the width of the screen. */
  #printFolded(lines: readonly string[]): void {
    for (const line of foldedLines(lines, this.columns)) this.say(line);
  }

  /** Completions at the end of a text. */
  suggest(before: string): Suggestions {
    const { isEmpty, text } = this.#pending;
    return suggestWords(isEmpty ? before : `${text}\n${before}`, this);
  }

  /** Whether a text is a complete input; if not, Enter adds a line. */
  isWhole(text: string): boolean {
    const line = text.trim();
    if (line === "" || line.startsWith("?") || line.startsWith(":")) return true;
    return this.#edited.edit(text) && this.timeTravel.isWhole(text);
  }

  /**
   * Splits an input at commands: they are separate lines, also when they were pasted among
   * statements.
   */
  #piecesOf(input: string): readonly string[] {
    const lines = input.split("\n");
    const isMixed = lines.length > 1 &&
      lines.some((line) => isReplCommand(line.trim()) || line.startsWith("?"));
    return isMixed ? lines : [input];
  }

  /**
   * Executes a line. A bug of dmalab ends the line, but never the session.
   * @returns False if the line ends the REPL.
   */
  #line(line: string): boolean {
    try {
      return this.#answer(line);
    } catch (error) {
      this.#pending.clear();
      if (this.refuseFailed(error)) return true;
      const broken = brokenOff(error, new SourceFile("input", line));
      this.say(renderDiagnostics([broken], { style: diagnosticStyle(this.paint) }));
      return true;
    }
  }

  #answer(line: string): boolean {
    if (line === INTERRUPT) {
      this.#pending.clear();
      return true;
    }
    const text = line.trim();
    // A line that is a command is never part of a statement. Therefore a command cancels an
    // unfinished statement.
    if (isReplCommand(text)) this.#pending.clear();
    if (this.#pending.isEmpty) {
      if (text === "") return true;
      const command = text.startsWith(":") ? text : this.#bare(text);
      if (command !== null) return this.work(() => runReplCommand(command, this));
      if (text.startsWith("?")) {
        this.describe(text);
        return true;
      }
    }
    if (!this.#pending.add(line)) return true;
    const { seq: before } = this.timeTravel.position;
    const result = this.work(() => this.timeTravel.feed(this.#pending.text));
    if (result.incomplete) return true;
    this.#pending.clear();
    this.lastMoveSeq = result.newMachine ? 0 : result.branch?.origin?.position.seq ?? before;
    this.#show(result);
    return true;
  }

  /** The command for `exit` or `help`; null where the session has a variable of that name. */
  #bare(text: string): string | null {
    return this.session.valueOf(text) === undefined ? bareCommand(text) : null;
  }

  /** @param file Name of the file with the input; null for typed lines. */
  #show(result: TimeTravelResult, file: string | null = null): void {
    const { branch, diagnostics, dropped, failure, newMachine, notRun, tests } = result;
    const { undone, unexpected, values } = result;
    if (branch !== null) {
      const { position, branch: from } = branch.origin!;
      const began = `new branch ${branch.name} from ${from.name} at event ${position.seq}`;
      this.say(this.paint("dim", `${began}; \`:switch ${from.name}\` returns to ${from.name}`));
    }
    for (const each of [failure, ...tests.map((test) => test.failure)]) {
      this.count(codeOfFailure(each));
    }
    this.count(codeOfProblems(diagnostics));
    if (diagnostics.length > 0) {
      const { columns, paint } = this;
      const said = diagnostics.map((each) => this.#ofOldMachine(each));
      this.say(renderDiagnostics(said, { columns, style: diagnosticStyle(paint) }));
    }
    if (this.traceAlways) this.printEvents(result.events);
    for (const { text } of values) this.say(printable(text));
    this.#printFolded(incidentLines(unexpected, this.paint));
    this.#printFolded(failure?.lines ?? []);
    for (const outcome of tests) {
      const line = outcomeLine(outcome, this.paint);
      if (line !== null) this.say(line);
      this.#printFolded(incidentLines(outcome, this.paint));
      this.#printFolded(outcome.failure?.lines ?? []);
    }
    for (const line of unrunLines(notRun, file ?? "FILE")) this.say(this.paint("dim", line));
    if (undone) this.say(this.paint("dim", "input rolled back"));
    if (newMachine) {
      const names = this.session.summary().machineNames.join(", ");
      this.say(this.paint("dim", `built a new machine: ${names}`));
      for (const name of dropped) this.#dropped.add(name);
      const gone = `discarded with the old machine: ${dropped.join(", ")}`;
      if (dropped.length > 0) this.say(this.paint("dim", gone));
    }
  }

  /** An unknown name that a discarded variable had says so. */
  #ofOldMachine(diagnostic: Diagnostic): Diagnostic {
    const { code, span: { end, source, start } } = diagnostic;
    const name = source.text.slice(start, end);
    if (code !== "E0301" || !this.#dropped.has(name)) return diagnostic;
    return { ...diagnostic, hint: `\`${name}\` was discarded with the old machine` };
  }

  #ask(): void {
    const { position, branch, isPast, recording } = this.timeTravel;
    const nowNs = isPast ? recording.nowNs(position) : this.session.machine.nowNs();
    const isTimed = nowNs > 0 || this.session.machine.isTimed;
    const prompt = promptText({
      ...branch.origin === null ? {} : { branch: branch.name },
      seq: position.seq,
      ...isPast ? { lastSeq: recording.last.seq } : {},
      ...isTimed ? { nowNs } : {},
    });
    this.console.prompt(this.#pending.isEmpty ? prompt : continuationPrompt(prompt));
  }
}

/**
 * For each kind of declaration that a session checks but does not run: the command that runs it.
 */
const RUNS = { test: "test", bench: "bench", driver: "hunt" } as const;

/** Lines that name the commands for the tests, benches and drivers typed in. */
function unrunLines(parts: readonly UnrunPart[], file: string): string[] {
  return (["test", "bench", "driver"] as const).flatMap((kind) => {
    const count = parts.filter((part) => part.kind === kind).length;
    return count === 0 ? [] : [
      `${counted(count, kind)}: \`dmalab ${RUNS[kind]} ${file}\` runs ${
        count === 1 ? "it" : "them"
      }`,
    ];
  });
}
