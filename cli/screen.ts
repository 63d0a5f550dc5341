/** The output of a command, and the known properties of the terminal. */
import { host } from "./host.ts";
import { type ExitCode, WRONG } from "./exit_code.ts";
import { hostReason } from "./host_error.ts";
import { printableText } from "@dmalab/lang/diagnostics";

export interface Screen {
  /**
   * Writes text without adding a line end. Visible symbols replace control characters and marks of
   * writing direction, because file names, log lines and script lines are foreign text.
   */
  out(text: string): void;
  /** Writes text to the error stream, in the same way. */
  err(text: string): void;
  /** Writes the content of a file, without replacing characters. */
  data(text: string): void;
  /** Whether to use colours: on a terminal, without NO_COLOR. */
  readonly colour: boolean;
  /** Width of the terminal; null without a terminal. */
  readonly columns: number | null;
}

/**
 * Prints why a command does nothing.
 * @param problem A sentence without its full stop.
 * @returns The exit code.
 */
export function refuse(problem: string, screen: Screen): ExitCode {
  screen.err(`error: ${problem}\n`);
  return WRONG;
}

/** Number of characters that are collected before they are written: one system call for many lines. */
const FLUSH_AT_LENGTH = 16_384;

/** The screen of this process. Its owner calls `flush` before the process ends. */
export class ProcessScreen implements Screen {
  readonly colour: boolean;
  readonly columns: number | null;
  #pending = "";
  /**
   * True when the reader of the pipe has exited (`| head`), or the disk is full. After that,
   * nothing more is written.
   */
  #closed = false;
  /**
   * Why some output was not written. Null if all output was written, or if the reader has closed the
   * pipe.
   */
  notWritten: string | null = null;
  readonly #encoder = new TextEncoder();

  constructor() {
    const isTerminal = host.stdout.isTerminal();
    this.colour = isTerminal && !host.noColor;
    // A terminal that does not know its width reports 0.
    this.columns = isTerminal ? host.consoleSize().columns || null : null;
  }

  out(text: string): void {
    this.data(printableText(text, this.colour));
  }

  err(text: string): void {
    // Earlier standard output is written first.
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

/** A screen that writes everything to the error stream. */
export function errorScreen(screen: Screen): Screen {
  const { colour, columns } = screen;
  const err = (text: string) => screen.err(text);
  return { colour, columns, out: err, err, data: err };
}
