/** Reads inputs at a terminal, with line editing. */
import { host } from "../host.ts";
import type { EndedBySignal } from "../exit_code.ts";
import { INTERRUPT } from "./line_console.ts";
import type { LineEditor } from "./line_editor.ts";
import { LineView } from "./line_view.ts";
import type { Terminal, TerminalInput } from "./terminal.ts";

const CLEAR_SCREEN = "\x1b[H\x1b[2J";

export class LineReader {
  /** The exit code for a received signal; null without one. */
  endedBy: EndedBySignal | null = null;
  readonly #view: LineView;
  readonly #inputs: AsyncIterator<TerminalInput>;
  #prompt = "";

  constructor(private readonly terminal: Terminal, private readonly editor: LineEditor) {
    this.#view = new LineView((text) => terminal.write(text));
    this.#inputs = terminal.inputs[Symbol.asyncIterator]();
  }

  prompt(text: string): void {
    this.#prompt = text;
  }

  /** Shows the prompt of the next input before it is read. */
  show(prompt: string): void {
    this.prompt(prompt);
    this.#draw();
  }

  /** Begins the next input with a text, as if it were pasted. */
  begin(text: string): void {
    this.editor.press({ name: "paste", text });
  }

  /** Inputs until the end: a text of one line or several, or {@linkcode INTERRUPT}. */
  async *lines(): AsyncGenerator<string> {
    for (;;) {
      const input = await this.#read();
      if (input === null) return;
      yield input;
    }
  }

  async #read(): Promise<string | null> {
    this.#draw();
    for (;;) {
      const next = await this.#inputs.next();
      const line = next.done === true ? null : await this.#answer(next.value);
      if (line !== undefined) return line;
    }
  }

  /**
   * Handles an event of the terminal.
   * @returns The completed input, null at the end of the input; undefined while the input is
   *   incomplete.
   */
  async #answer(input: TerminalInput): Promise<string | null | undefined> {
    if (input.kind === "signal") {
      this.endedBy = input.exitCode;
      this.#finish();
      return null;
    }
    if (input.kind === "thrown") throw input.error;
    if (input.kind === "redraw") return this.#draw();
    const { columns } = this.terminal.size;
    switch (this.editor.press(input.key)) {
      case "entered":
        this.#finish();
        return this.editor.take();
      case "dropped":
        this.#view.finish(this.editor, this.#prompt, columns, "^C");
        this.editor.drop();
        return INTERRUPT;
      case "ended":
        this.#finish();
        return null;
      case "suspended":
        await this.#stop();
        break;
      case "cleared":
        this.#view.forget();
        this.terminal.write(CLEAR_SCREEN);
    }
    return this.#draw();
  }

  async #stop(): Promise<void> {
    this.#finish();
    if (host.build.os !== "windows" && !await this.terminal.stop()) {
      this.terminal.write(
        "^Z would suspend only this process: start dmalab directly to use it\r\n",
      );
    }
  }

  #finish(): void {
    this.#view.finish(this.editor, this.#prompt, this.terminal.size.columns);
  }

  #draw(): undefined {
    this.#view.draw(this.editor, this.#prompt, this.terminal.size);
  }
}
