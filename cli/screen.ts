/** Where a command writes, and the known properties of that place. */
import { host } from "./host.ts";
import { type ExitCode, WRONG } from "./exit_code.ts";
import { hostReason } from "./host_error.ts";
import { printableText } from "@dmalab/lang/diagnostics";

export interface Screen {
  /**
   * Writes text; no line end is added. What could move a cursor or turn the direction of the text
   * becomes a picture of itself: names of files, lines of logs and of scripts are foreign text.
   */
  out(text: string): void;
  /** The same to the error stream. */
  err(text: string): void;
  /** Writes the content of a file as it is: no report. */
  data(text: string): void;
  /** Whether colour is welcome: a terminal, and no NO_COLOR. */
  readonly colour: boolean;
  /** Columns of the terminal; null without one. */
  readonly columns: number | null;
}

/** Prints why a command does nothing: a sentence without its end. @returns The exit code. */
export function refuse(problem: string, screen: Screen): ExitCode {
  screen.err(`error: ${problem}\n`);
  return WRONG;
}

/** Characters collected before they are written: one system call for many lines. */
const FLUSH_AT_LENGTH = 16_384;

/** The screen of this process. Its owner calls `flush` before it ends. */
export class ProcessScreen implements Screen {
  readonly colour: boolean;
  readonly columns: number | null;
  #pending = "";
  /** The reader has gone away (`| head`), or the disk is full: nothing more is written. */
  #closed = false;
  /** Why something was not written; null when all was, or the reader has closed the pipe. */
  notWritten: string | null = null;
  readonly #encoder = new TextEncoder();

  constructor() {
    const isTerminal = host.stdout.isTerminal();
    this.colour = isTerminal && !host.noColor;
    // A terminal that does not know its width says 0.
    this.columns = isTerminal ? host.consoleSize().columns || null : null;
  }

  out(text: string): void {
    this.data(printableText(text, this.colour));
  }

  err(text: string): void {
    // Earlier output stays before it.
    this.flush();
    this.#write(host.stderr, printableText(text, this.colour));
  }

  data(text: string): void {
    this.#pending += text;
    if (this.#pending.length >= FLUSH_AT_LENGTH) this.flush();
  }

  flush(): void {
    const text = this.#pending;
    this.#pending = "";
    if (text !== "") this.#write(host.stdout, text);
  }

  #write(stream: { writeSync(bytes: Uint8Array): number }, text: string): void {
    if (this.#closed) return;
    let bytes = this.#encoder.encode(text);
    try {
      while (bytes.length > 0) bytes = bytes.subarray(stream.writeSync(bytes));
    } catch (error) {
      this.#closed = true;
      if (!(error instanceof host.errors.BrokenPipe)) this.notWritten = hostReason(error);
    }
  }
}

/** The same screen, all of it on the error stream. */
export function errorScreen(screen: Screen): Screen {
  const { colour, columns } = screen;
  const err = (text: string) => screen.err(text);
  return { colour, columns, out: err, err, data: err };
}
