/** The output of a command, and the known properties of the terminal. */
import { host } from "./host.ts";
import { type ExitCode, WRONG } from "./exit_code.ts";
import { hostReason } from "./host_error.ts";
import { printable, printableText } from "@dmalab/lang/diagnostics";

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
  /**
   * Shows how far long work is, on one line of the terminal. The next text replaces the line, and all
   * other output clears it. Does nothing unless both streams go to a terminal.
   */
  progress(text: string): void;
  /** Shows what was written so far, before long work; a screen without it keeps nothing back. */
  flush?(): void;
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

/** Exit code after the reader has closed the pipe: 128 + SIGPIPE, as shells report it. */
const CLOSED_PIPE = 141;

/** Moves to the beginning of a terminal's line, and clears the line. */
const CLEAR_LINE = "\r\x1b[2K";

/** Number of characters that are collected before they are written: one system call for many lines. */
const FLUSH_AT_LENGTH = 16_384;
/** Longest time for which collected characters wait, if others follow. */
const FLUSH_AFTER_MS = 200;

/** The screen of this process. Its owner calls `flush` before the process ends. */
export class ProcessScreen implements Screen {
  readonly colour: boolean;
  readonly columns: number | null;
  #pending = "";
  #flushedMs = performance.now();
  readonly #showsProgress: boolean;
  /** Whether the terminal shows a line of progress. */
  #isProgressShown = false;
  /** Streams with an error: the disk is full, or the reader of the error stream has left. Nothing more is written there. */
  readonly #closed = new Set<OutputStream>();
  /** Why some output was not written. Null if all output was written. */
  notWritten: string | null = null;
  readonly #encoder = new TextEncoder();

  constructor() {
    const isTerminal = host.stdout.isTerminal();
    this.colour = isTerminal && !host.noColor;
    // A terminal that does not know its width reports 0.
    this.columns = isTerminal ? host.consoleSize().columns || null : null;
    this.#showsProgress = this.columns !== null && host.stderr.isTerminal();
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
    const isLate = performance.now() - this.#flushedMs >= FLUSH_AFTER_MS;
    if (isLate || this.#pending.length >= FLUSH_AT_LENGTH) this.flush();
  }

  progress(text: string): void {
    if (!this.#showsProgress) return;
    this.flush();
    // The last column stays empty: some terminals begin a new line after it.
    const line = printable(text).slice(0, this.columns! - 1);
    this.#isProgressShown = true;
    this.#writeBytes(host.stderr, `${CLEAR_LINE}${line}`);
  }

  flush(): void {
    const text = this.#pending;
    this.#pending = "";
    this.#flushedMs = performance.now();
    if (text === "") this.#clearProgress();
    else this.#write(host.stdout, text);
  }

  #clearProgress(): void {
    if (!this.#isProgressShown) return;
    this.#isProgressShown = false;
    this.#writeBytes(host.stderr, CLEAR_LINE);
  }

  #write(stream: OutputStream, text: string): void {
    this.#clearProgress();
    this.#writeBytes(stream, text);
  }

  #writeBytes(stream: OutputStream, text: string): void {
    if (this.#closed.has(stream)) return;
    let bytes = this.#encoder.encode(text);
    try {
      while (bytes.length > 0) bytes = bytes.subarray(stream.writeSync(bytes));
    } catch (error) {
      const isPipe = error instanceof host.errors.BrokenPipe;
      // The reader has closed the pipe (`| head`): further work is useless.
      if (isPipe && stream === host.stdout) host.exit(CLOSED_PIPE);
      this.#closed.add(stream);
      if (!isPipe) this.notWritten = hostReason(error);
    }
  }
}

interface OutputStream {
  writeSync(bytes: Uint8Array): number;
}

/** A screen that writes everything to the error stream. */
export function errorScreen(screen: Screen): Screen {
  const { colour, columns } = screen;
  const err = (text: string) => screen.err(text);
  const progress = (text: string) => screen.progress(text);
  return { colour, columns, out: err, err, data: err, progress };
}
