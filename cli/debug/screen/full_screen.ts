/**
 * The debugger on a whole screen: keys run commands, and the panes show the position to which a
 * command has moved.
 */
import { addAll } from "@dmalab/runtime/basics";
import { comparePositions, type Position } from "@dmalab/recording";
import { foldLine, type Paint, wrappedPairs } from "@dmalab/lang/text";
import { tableSizes } from "@dmalab/recording/views";
import { type EndedBySignal, type ExitCode, HELD } from "../../exit_code.ts";
import { InputHistory } from "../../terminal/input_history.ts";
import type { KeyPress } from "../../terminal/keys.ts";
import { LineEditor } from "../../terminal/line_editor.ts";
import { layOut, suggestionLines } from "../../terminal/line_view.ts";
import { ScreenPainter } from "../../terminal/screen_painter.ts";
import { fitLine } from "../../terminal/styled.ts";
import type { Terminal } from "../../terminal/terminal.ts";
import type { ScreenView } from "../../repl/command_target.ts";
import type { Debugger } from "../debugger.ts";
import { stripsOf } from "./panes.ts";
import { type Chosen, type DrawnFrame, frameRows, paneOf } from "./frame.ts";
import { BOUND_KEYS, keyText } from "./keys.ts";
import { layOutScreen, mostMessageRows, PANES, type ScreenLayout } from "./layout.ts";
import { type Room, ScreenModel } from "./screen_model.ts";

class ScrolledPage {
  readonly #lines: readonly string[];
  /** The lines, folded at the width of the screen. */
  #folded: readonly string[];
  #top = 0;
  /** Number of lines that were shown at the last drawing. */
  #seen = 1;

  constructor(private readonly title: string, lines: readonly string[]) {
    this.#lines = this.#folded = lines;
  }

  /** Scrolls. @returns False for a key that does not scroll. */
  press(key: KeyPress): boolean {
    const steps: Readonly<Record<string, number>> = {
      j: 1,
      k: -1,
      down: 1,
      up: -1,
      pagedown: this.#seen,
      pageup: -this.#seen,
      " ": this.#seen,
      home: -Infinity,
      end: Infinity,
    };
    const step = steps[key.name === "text" ? key.text : key.name];
    if (step === undefined) return false;
    const last = Math.max(0, this.#folded.length - this.#seen);
    this.#top = Math.max(0, Math.min(this.#top + step, last));
    return true;
  }

  rows({ columns, rows }: Room, paint: Paint): string[] {
    this.#seen = Math.max(1, rows - 1);
    this.#folded = this.#lines.flatMap((line) => foldLine(line, columns));
    const { length } = this.#folded;
    this.#top = Math.max(0, Math.min(this.#top, length - this.#seen));
    const end = Math.min(length, this.#top + this.#seen);
    const part = length > this.#seen ? `  lines ${this.#top + 1} to ${end} of ${length}` : "";
    const title = `── ${this.title}${part}  q closes `;
    const shown = [
      [["strong", title]] as const,
      ...this.#folded.slice(this.#top, end).map((line) => [line] as const),
    ];
    return Array.from({ length: rows }, (_, row) => fitLine(shown[row] ?? [], columns, paint));
  }
}

/** Time without a key, after which machines are prepared for later positions. */
const QUIET_MS = 100;

export type DrawnTerminal = Pick<Terminal, "inputs" | "size" | "stop" | "write">;

export class FullScreen implements ScreenView {
  readonly panes = PANES;
  readonly #paint: Paint;
  readonly #painter: ScreenPainter;
  readonly #editor: LineEditor;
  readonly #chosen: Chosen = {
    pane: "events",
    table: null,
    rows: { source: 0, events: 0, state: 0, watches: 0, addresses: 0 },
  };
  /** A command is being typed. */
  #isTyping = false;
  /** The message of the last command. */
  #said: string[];
  #page: ScrolledPage | null = null;
  /** Position before the last move. */
  #before: Position;
  readonly #jumps: Position[] = [];
  /** Data of the current position that several panes use; made again after a move. */
  #model: ScreenModel | null = null;
  /** Timer for preparing machines after the idle time. */
  #idle: ReturnType<typeof setTimeout> | undefined;

  /** @param said The output of commands: the debugger's console appends to it. */
  constructor(
    private readonly terminal: DrawnTerminal,
    private readonly tool: Debugger,
    said: string[],
  ) {
    this.#said = said;
    this.#paint = tool.paint;
    this.#painter = new ScreenPainter((text) => terminal.write(text));
    this.#before = tool.cursor.position;
    this.#editor = new LineEditor({
      history: new InputHistory(),
      suggest: (before) => tool.suggest(before),
      isWhole: () => true,
      pasted: (text) => text.trim().replaceAll("\n", " "),
    });
    tool.view = this;
  }

  /** Runs the commands of keys until a command or a signal ends the debugger. */
  async run(): Promise<ExitCode> {
    this.#follow(() => this.tool.start());
    this.#before = this.tool.cursor.position;
    this.#draw();
    this.#prepareSoon();
    try {
      return await this.#answerInputs();
    } finally {
      clearTimeout(this.#idle);
    }
  }

  async #answerInputs(): Promise<ExitCode> {
    for await (const input of this.terminal.inputs) {
      clearTimeout(this.#idle);
      if (input.kind === "signal") return input.exitCode satisfies EndedBySignal;
      if (input.kind === "thrown") throw input.error;
      if (input.kind === "redraw") this.redraw();
      else if (input.key.name === "ctrl-z") await this.#stop();
      else if (!this.#press(input.key)) return HELD;
      if (this.terminal.inputs.length === 0) {
        this.#draw();
        this.#prepareSoon();
      }
    }
    return HELD;
  }

  /** Prepares machines for later positions while no key is pressed, a stretch at a time. */
  #prepareSoon(quietMs = QUIET_MS): void {
    this.#idle = setTimeout(() => {
      if (this.terminal.inputs.length > 0) return;
      const { position, recording } = this.tool.cursor;
      if (recording.timeline.prepare(recording.last, position)) this.#prepareSoon(0);
    }, quietMs);
  }

  async #stop(): Promise<void> {
    const isStopped = await this.terminal.stop();
    if (!isStopped) this.#said.splice(0, Infinity, "Cannot suspend: no job control");
    this.redraw();
  }

  #press(key: KeyPress): boolean {
    if (this.#isTyping) return this.#type(key);
    if (this.#page !== null) {
      if (this.#page.press(key)) return true;
      this.#page = null;
      if (key.name === "escape" || key.name === "enter" || key.text === "q") return true;
    }
    const pressed = key.name === "text" ? key.text : key.name;
    if (pressed === ":") return this.#begin(":");
    const bound = BOUND_KEYS.find(({ keys }) => keys.includes(pressed));
    if (bound === undefined) return true;
    return bound.asks === true ? this.#begin(`${bound.command} `) : this.#do(bound.command, false);
  }

  #begin(text: string): true {
    this.#isTyping = true;
    this.#editor.set(text);
    return true;
  }

  #type(key: KeyPress): boolean {
    const isGivenUp = key.name === "escape" && this.#editor.search === null ||
      key.name === "backspace" && this.#editor.text === ":";
    const action = isGivenUp ? "dropped" : this.#editor.press(key);
    if (action === "cleared") this.redraw();
    if (action === "edited" || action === "cleared" || action === "suspended") return true;
    this.#isTyping = false;
    if (action === "entered") return this.#do(this.#editor.take().trim(), true);
    this.#editor.drop();
    return true;
  }

  /**
   * Runs a command.
   * @param isTyped Whether the user typed the command. Its output is then shown on a page if it is
   *   too long for the message.
   */
  #do(command: string, isTyped: boolean): boolean {
    if (command === "" || command === ":") return true;
    const said = this.#said.splice(0, Infinity);
    const { position } = this.tool.cursor;
    const goesOn = this.#follow(() => this.tool.answer(command));
    // If a command prints nothing and does not move, the message of the previous command stays on
    // the screen.
    const isSilent = this.#said.length === 0 &&
      comparePositions(position, this.tool.cursor.position) === 0;
    if (isSilent) addAll(this.#said, said);
    const isLong = this.#message().length > mostMessageRows(this.terminal.size);
    if (isLong && isTyped) this.#show(command, this.#said);
    return goesOn;
  }

  /** Runs a task that may move the cursor, and stores the position before the move. */
  #follow<T>(task: () => T): T {
    const { position, recording } = this.tool.cursor;
    this.tool.columns = this.terminal.size.columns;
    const result = task();
    const { cursor } = this.tool;
    if (cursor.recording !== recording) {
      this.#jumps.length = 0;
      this.#before = cursor.position;
    } else if (comparePositions(cursor.position, position) !== 0) {
      this.#before = position;
    } else return result;
    for (const pane of PANES) this.#chosen.rows[pane] = 0;
    return result;
  }

  #show(title: string, lines: readonly string[]): void {
    this.#page = new ScrolledPage(title, [...lines]);
  }

  #layout(): ScreenLayout {
    return layOutScreen(this.terminal.size, {
      focus: this.#chosen.pane,
      strips: stripsOf(this.#moment()).length,
      messageLines: this.#message().length,
    });
  }

  /** The output of the last command, at the width of the screen. */
  #message(): readonly string[] {
    const { columns } = this.terminal.size;
    return this.#said.flatMap((line) => foldLine(line, columns));
  }

  #moment(): ScreenModel {
    const { position, recording } = this.tool.cursor;
    // A move replaces the cursor's position object.
    const isNew = this.#model?.recording !== recording || this.#model.position !== position ||
      this.#model.before !== this.#before;
    if (isNew) this.#model = new ScreenModel(this.tool.cursor, this.#before);
    return this.#model!;
  }

  #shown(layout: ScreenLayout): DrawnFrame {
    const { runs } = this.tool;
    const { rows } = layout.message;
    const message = this.#message();
    const hidden = `… v shows all ${message.length} lines`;
    return {
      model: this.#moment(),
      chosen: this.#chosen,
      watches: this.tool.kept.watches,
      run: { number: (runs?.current ?? 0) + 1, of: runs?.names.length ?? 1 },
      message: message.length > rows ? [...message.slice(0, rows - 1), hidden] : message,
    };
  }

  #draw(): void {
    const { columns, rows } = this.terminal.size;
    // An interrupt that ended the command must not end the drawing as well.
    this.tool.cursor.recording.timeline.interruptedBy = null;
    const layout = this.#layout();
    const drawn = this.#page === null
      ? frameRows(this.#shown(layout), layout, columns, this.#paint)
      : this.#page.rows({ columns, rows: rows - 1 }, this.#paint);
    const input = this.#inputLine(columns);
    const suggested = this.#isTyping
      ? suggestionLines(this.#editor.suggestions, { columns, rows: Math.ceil(rows / 2) })
      : [];
    const above = drawn.slice(0, rows - 1 - suggested.length);
    const below = suggested.map((line) => fitLine([line], columns, this.#paint));
    const cursor = this.#isTyping ? { row: rows - 1, column: input.column } : null;
    this.#painter.paint([...above, ...below, input.text].slice(-rows), cursor);
  }

  /** The last row: the command that is being typed, or hints about keys. */
  #inputLine(columns: number): { readonly text: string; readonly column: number } {
    if (!this.#isTyping) {
      const hints = BOUND_KEYS.flatMap((key) =>
        key.hint === undefined ? [] : [`${keyText(key)} ${key.hint}`]
      );
      // A hint that does not fit is left out whole.
      let line = " : command";
      for (const hint of hints) {
        const longer = `${line}  ${hint}`;
        if (longer.length <= columns) line = longer;
      }
      const text = fitLine([["dim", line]], columns, this.#paint);
      return { text, column: 0 };
    }
    const { cursor, search, text } = this.#editor;
    const prompt = search === null
      ? ""
      : `${search.isFound ? "search back" : "not found"} "${search.query}": `;
    // Only the row with the cursor is shown, if the text is wider than the screen.
    const laid = layOut(prompt, text.replaceAll("\n", " "), cursor, columns);
    return {
      text: fitLine([laid.rows[laid.row]!], columns, this.#paint),
      column: laid.column,
    };
  }

  /** Selects the pane that receives keys. */
  showPane(name: string): void {
    const pane = PANES.find((each) => each === name);
    if (pane !== undefined) this.#chosen.pane = pane;
  }

  turnPane(way: 1 | -1): void {
    const index = PANES.indexOf(this.#chosen.pane) + way;
    this.#chosen.pane = PANES.at(index % PANES.length)!;
  }

  select(rows: number, isPages: boolean): void {
    const { pane } = this.#chosen;
    const area = this.#layout().panes[pane]!;
    const step = isPages ? rows * Math.max(1, area.rows - 2) : rows;
    const { chosen, lines } = paneOf(pane, this.#shown(this.#layout()), area);
    // Lists end at their last row; source and events are limited when they are drawn.
    const isList = pane !== "source" && pane !== "events";
    const most = isList ? this.#chosen.rows[pane] + lines.length - chosen + step : Infinity;
    const row = Math.min(this.#chosen.rows[pane] + step, most);
    this.#chosen.rows[pane] = isList ? Math.max(0, row) : row;
  }

  /** Runs the command of the chosen row. The command goes to the event that wrote the row. */
  enter(): void {
    const layout = this.#layout();
    const { pane } = this.#chosen;
    const { chosen, lines } = paneOf(pane, this.#shown(layout), layout.panes[pane]!);
    const command = lines[chosen]?.enter ?? null;
    if (command === null) return;
    const { position } = this.tool.cursor;
    this.tool.answer(command);
    if (comparePositions(position, this.tool.cursor.position) !== 0) this.#jumps.push(position);
  }

  goBack(): void {
    const position = this.#jumps.pop();
    if (position === undefined) this.tool.refuse("No jump to return from");
    else this.tool.cursor.goTo(position);
  }

  showTable(name: string | null): void {
    this.#chosen.table = name;
    this.#chosen.rows.state = 0;
    this.#chosen.pane = "state";
  }

  turnTable(): void {
    const { position, recording } = this.tool.cursor;
    const names = [
      null,
      ...tableSizes(recording, position).filter(({ rows }) => rows > 0).map(({ name }) => name),
    ];
    const index = names.indexOf(this.#chosen.table) + 1;
    this.showTable(names[index % names.length]!);
  }

  showKeys(): void {
    const docs = new Map(this.tool.commandDocs());
    const pairs = BOUND_KEYS.map((key) => {
      const [word] = key.command.split(" ");
      const doc = docs.get(word!) ?? "";
      return [`${keyText(key)}`.padEnd(10) + key.command + (key.asks ? " …" : ""), doc] as const;
    });
    this.#show("keys", [
      ...wrappedPairs(
        [[":         command", "type any command; Tab completes"], ...pairs],
        this.terminal.size.columns - 2,
        0,
      ),
      "",
      "`:help` lists all commands.",
    ]);
  }

  showSaid(): void {
    if (this.#said.length > 0) this.#show("last output", this.#said);
  }

  redraw(): void {
    this.#painter.forget();
  }
}
