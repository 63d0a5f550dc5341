/** The output of a command, and the known properties of the terminal. */
import { host } from "./host.ts";
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
   * other output clears it. Does nothing unless the error stream goes to a terminal.
   */
  progress(text: string): void;
  /** Shows what was written so far, before long work; a screen without it keeps nothing back. */
  flush?(): void;
  /** Whether to use colours: on a terminal, without NO_COLOR. */
  readonly colour: boolean;
  /** Width of the terminal; null without a terminal. */
  readonly columns: number | null;
}

/** Exit code after the reader has closed the pipe: 128 + SIGPIPE, as shells report it. */
const CLOSED_PIPE = 141;

/** Moves to the beginning of a terminal's line, and clears the line. */
const CLEAR_LINE = "\r\x1b[2K";

/** Width of a terminal that does not know its width. */
const USUAL_COLUMNS = 80;

/** The line of the process's terminal that says how far long work is. */
class ProgressLine {
  #isShown = false;

  /** Whether there is a terminal to show the line. */
  get hasTerminal(): boolean {
    return host.stderr.isTerminal();
  }

  /** Replaces the line. */
  show(text: string): void {
    if (!this.hasTerminal) return;
    const columns = host.consoleSize().columns || USUAL_COLUMNS;
    this.#isShown = true;
    // The last column stays empty: some terminals begin a new line after it.
    this.#write(`${CLEAR_LINE}${printable(text).slice(0, columns - 1)}`);
  }

  clear(): void {
    if (!this.#isShown) return;
    this.#isShown = false;
    this.#write(CLEAR_LINE);
  }

  #write(text: string): void {
    try {
      host.stderr.writeSync(new TextEncoder().encode(text));
    } catch {
      // The terminal was closed. The work continues.
    }
  }
}

export const progressLine = new ProgressLine();

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
    if (!progressLine.hasTerminal) return;
    this.flush();
    progressLine.show(text);
  }

  flush(): void {
    const text = this.#pending;
    this.#pending = "";
    this.#flushedMs = performance.now();
    if (text === "") progressLine.clear();
    else this.#write(host.stdout, text);
  }

  #write(stream: OutputStream, text: string): void {
    progressLine.clear();
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
