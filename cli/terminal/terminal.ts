/**
 * Sets the terminal of this process to raw mode while keys are read, and restores its modes at all other
 * times: at the end, at a signal, while this process is stopped, and when an error is thrown.
 *
 * While this process waits for keys, all keys arrive as characters, also Ctrl-C and Ctrl-Z. During a
 * computation this process cannot read keys: the terminal is then set to send SIGINT and SIGTSTP for
 * these two keys.
 */
import process from "node:process";
import { allowedVariable, host } from "../host.ts";
import type { EndedBySignal } from "../exit_code.ts";
import type { Screen } from "../screen.ts";
import { KeyDecoder, type KeyPress } from "./keys.ts";

/** A queue of items that arrive at any time, and are read one by one. */
export class Queue<T> implements AsyncIterable<T> {
  readonly #waiting: T[] = [];
  #ended = false;
  #wake: (() => void) | null = null;

  push(thing: T): void {
    this.#waiting.push(thing);
    this.#wake?.();
  }

  get length(): number {
    return this.#waiting.length;
  }

  /** Ends the queue after the items that are in it. */
  end(): void {
    this.#ended = true;
    this.#wake?.();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T> {
    for (;;) {
      const thing = this.#waiting.shift();
      if (thing !== undefined) {
        yield thing;
      } else if (this.#ended) {
        return;
      } else {
        await new Promise<void>((resolve) => this.#wake = resolve);
        this.#wake = null;
      }
    }
  }
}

export type TerminalInput =
  | { readonly kind: "key"; readonly key: KeyPress }
  /** The size of the terminal has changed, or another process has written to it. */
  | { readonly kind: "redraw" }
  /** An uncaught error: the reader throws it again. */
  | { readonly kind: "thrown"; readonly error: unknown }
  /** A signal that must end the process, and the exit code that shells expect of this signal. */
  | { readonly kind: "signal"; readonly exitCode: EndedBySignal };

/** Signals that end the process, with their exit codes. */
const ENDINGS = { SIGHUP: 129, SIGQUIT: 131, SIGTERM: 143 } as const satisfies Partial<
  Record<Deno.Signal, EndedBySignal>
>;

/** The same signals for listeners elsewhere; empty on Windows, which has none of them. */
export const ENDING_SIGNALS: readonly Deno.Signal[] = host.build.os === "windows"
  ? []
  : Object.keys(ENDINGS) as Deno.Signal[];

/**
 * Variable that `deno task` and npm set. These programs wait for this process, and would continue
 * to wait while this process is stopped.
 */
const STARTER = "INIT_CWD";

const PASTE_MARKS = ["\x1b[?2004h", "\x1b[?2004l"] as const;
/**
 * The sequence that switches to the alternate screen and hides the cursor, and the sequence that
 * undoes both.
 */
const WHOLE_SCREEN = ["\x1b[?1049h\x1b[?25l", "\x1b[?25h\x1b[?1049l"] as const;

/** Size for a terminal that does not know its own. */
const DEFAULT_SIZE = { columns: 80, rows: 24 };

type Mode = "as before" | "keys" | "work";

/** A screen that may have an output buffer to flush. */
export type TerminalScreen = Screen & { flush?(): void };

export class Terminal {
  readonly inputs: Queue<TerminalInput> = new Queue();
  readonly #marks: readonly [enter: string, leave: string];
  readonly #decoder: KeyDecoder;
  readonly #listeners: readonly (readonly [name: string, listener: () => void])[];
  #mode: Mode = "as before";

  /** @param whole Whether to draw on the whole screen: the alternate screen is then used. */
  constructor(private readonly screen: TerminalScreen, { whole }: { readonly whole: boolean }) {
    this.#marks = whole
      ? [PASTE_MARKS[0] + WHOLE_SCREEN[0], WHOLE_SCREEN[1] + PASTE_MARKS[1]]
      : PASTE_MARKS;
    this.#decoder = new KeyDecoder((key) => this.inputs.push({ kind: "key", key }));
    const pressed = (name: string) => () =>
      this.inputs.push({ kind: "key", key: { name, text: "" } });
    this.#listeners = [
      // If Ctrl-C was pressed during a computation, it has already interrupted the computation. At
      // other times Ctrl-C counts as a key.
      ["SIGINT", () => this.#mode === "keys" && !this.#worked && pressed("ctrl-c")()],
      ["SIGWINCH", () => this.inputs.push({ kind: "redraw" })],
      ["SIGCONT", () => this.#resumed()],
      ["SIGTSTP", () => this.#isLent ? void this.stop() : pressed("ctrl-z")()],
      ...Object.entries(ENDINGS).map(([name, exitCode]) =>
        [name, () => this.inputs.push({ kind: "signal", exitCode })] as const
      ),
    ];
    for (const [name, listener] of this.#listeners) process.on(name, listener);
    for (const name of UNCAUGHT) process.on(name, this.#thrown);
    // Restores the terminal however the process ends.
    process.on("exit", this.#leave);
    process.stdin.on("data", this.#take);
    process.stdin.on("end", this.#ended);
    this.#enter();
  }

  /**
   * Whether work has just ended. A signal that was sent during the work may be delivered shortly
   * after the work.
   */
  get #worked(): boolean {
    return performance.now() - this.#workedAtMs < SETTLED_MS;
  }

  #workedAtMs = -Infinity;

  get size(): { readonly columns: number; readonly rows: number } {
    const { columns, rows } = sizeOf();
    return { columns: columns || DEFAULT_SIZE.columns, rows: rows || DEFAULT_SIZE.rows };
  }

  /** Writes text that contains control sequences, unchanged. */
  write(text: string): void {
    this.screen.data(text);
    this.screen.flush?.();
  }

  /**
   * Requests a redraw now, and another one when other processes have finished writing to the
   * terminal.
   */
  redraw(): void {
    for (const waitMs of [0, DISTURBED_MS]) {
      const timer = setTimeout(() => this.inputs.push({ kind: "redraw" }), waitMs);
      this.#timers.add(timer);
    }
  }

  readonly #timers = new Set<ReturnType<typeof setTimeout>>();

  /** Runs a computation; Ctrl-C is a signal meanwhile. */
  work<T>(task: () => T): T {
    this.#set("work");
    try {
      return task();
    } finally {
      this.#workedAtMs = performance.now();
      this.#set("keys");
    }
  }

  async lend<T>(task: () => Promise<T>): Promise<T> {
    this.#leave();
    process.stdin.pause();
    this.#isLent = true;
    try {
      return await task();
    } finally {
      this.#isLent = false;
      this.#enter();
    }
  }

  /**
   * True while another program, such as an editor, uses the terminal. Ctrl-Z in that program stops
   * this process, too.
   */
  #isLent = false;

  /**
   * Stops this process and the launcher of the npm package, as Ctrl-Z does. The shell knows only the
   * launcher, and this process may not stop the launcher: a message makes the launcher stop both.
   * @returns False without job control.
   */
  async stop(): Promise<boolean> {
    if (host.build.os === "windows" || hasStarter()) return false;
    this.#leave();
    const send = process.send?.bind(process);
    if (send === undefined) process.kill(process.pid, "SIGSTOP");
    else {
      // The launcher also stops this process. This process does not stop itself, because its own
      // stop might take effect only after the shell's `fg`.
      await new Promise<void>((resumed) => {
        process.once("SIGCONT", resumed);
        send("stop");
      });
    }
    this.#enter();
    return true;
  }

  close(): void {
    this.#leave();
    for (const [name, listener] of this.#listeners) process.off(name, listener);
    for (const name of UNCAUGHT) process.off(name, this.#thrown);
    process.off("exit", this.#leave);
    process.stdin.off("data", this.#take);
    process.stdin.off("end", this.#ended);
    process.stdin.pause();
    for (const timer of this.#timers) clearTimeout(timer);
    this.inputs.end();
  }

  readonly #take = (bytes: Uint8Array): void => this.#decoder.push(bytes);
  readonly #thrown = (error: unknown): void => this.inputs.push({ kind: "thrown", error });
  readonly #ended = (): void => this.inputs.end();

  #enter(): void {
    if (this.#mode !== "as before" || this.#isLent) return;
    this.#set("keys");
    this.write(this.#marks[0]);
    process.stdin.resume();
  }

  readonly #leave = (): void => {
    if (this.#mode === "as before") return;
    this.write(this.#marks[1]);
    this.#set("as before");
  };

  /** Called after a stop: the shell has used the terminal meanwhile. */
  #resumed(): void {
    this.#leave();
    this.#enter();
    this.inputs.push({ kind: "redraw" });
  }

  #set(mode: Mode): void {
    this.#mode = mode;
    try {
      setKeys(mode);
    } catch {
      // The terminal has been closed.
      this.inputs.end();
    }
  }
}

/** Time after which the program that started this process no longer writes to the terminal. */
const DISTURBED_MS = 250;

/** The process's events for an error from a timer, or from a promise that is not awaited. */
const UNCAUGHT = ["uncaughtException", "unhandledRejection"] as const;

/** How long a signal may take to be delivered. */
const SETTLED_MS = 50;

/** The mode with signals for Ctrl-C and Ctrl-Z, but without echo and without line editing. */
const CBREAK = { cbreak: true };

/** Sets the terminal to deliver each key as it is typed, or whole lines as before. */
function setKeys(mode: Mode): void {
  const isCbreak = mode === "work" && host.build.os !== "windows";
  if (isCbreak) host.stdin.setRaw(true, CBREAK);
  else host.stdin.setRaw(mode !== "as before");
}

function sizeOf(): { readonly columns: number; readonly rows: number } {
  try {
    return host.consoleSize();
  } catch {
    return { columns: 0, rows: 0 };
  }
}

/**
 * Whether this process was started by a program that waits for it and would not notice that this
 * process is stopped. False if the variable may not be read.
 */
function hasStarter(): boolean {
  return allowedVariable(STARTER) !== null;
}
