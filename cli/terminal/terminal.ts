/**
 * The terminal of this process in raw mode while keys are read, and as it was before at all other times:
 * at the end, at a signal, while we are stopped, and when something is thrown.
 *
 * While this process waits for keys, all of them arrive as characters, Ctrl-C and Ctrl-Z too. While it
 * computes it cannot read them: the terminal is then set to send SIGINT and SIGTSTP for these two.
 */
import process from "node:process";
import { allowedVariable, host } from "../host.ts";
import type { EndedBySignal } from "../exit_code.ts";
import type { Screen } from "../screen.ts";
import { KeyDecoder, type KeyPress } from "./keys.ts";

/** Things that arrive whenever they like, for a reader that takes them one by one. */
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

  /** No more will come. */
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
  /** Its size has changed, or another process has written on it. */
  | { readonly kind: "redraw" }
  /** An uncaught error: the reader throws it again. */
  | { readonly kind: "thrown"; readonly error: unknown }
  /** The process is to end, with the exit code that shells expect of that signal. */
  | { readonly kind: "signal"; readonly exitCode: EndedBySignal };

/** Signals that end the process. */
const ENDINGS = { SIGHUP: 129, SIGQUIT: 131, SIGTERM: 143 } as const satisfies Partial<
  Record<Deno.Signal, EndedBySignal>
>;

/** The same for who listens elsewhere; Windows has none of them. */
export const ENDING_SIGNALS: readonly Deno.Signal[] = host.build.os === "windows"
  ? []
  : Object.keys(ENDINGS) as Deno.Signal[];

/** Set by `deno task` and npm, which wait for us and would go on waiting when we are stopped. */
const STARTER = "INIT_CWD";

const PASTE_MARKS = ["\x1b[?2004h", "\x1b[?2004l"] as const;
/** The alternate screen, and no cursor until it is wanted. */
const WHOLE_SCREEN = ["\x1b[?1049h\x1b[?25l", "\x1b[?25h\x1b[?1049l"] as const;

/** Where a terminal does not know its size. */
const DEFAULT_SIZE = { columns: 80, rows: 24 };

type Mode = "as before" | "keys" | "work";

/** A screen that can be written to at once. */
export type TerminalScreen = Screen & { flush?(): void };

export class Terminal {
  readonly inputs: Queue<TerminalInput> = new Queue();
  readonly #marks: readonly [enter: string, leave: string];
  readonly #decoder: KeyDecoder;
  readonly #listeners: readonly (readonly [name: string, listener: () => void])[];
  #mode: Mode = "as before";

  /** @param whole Whether all of the screen is drawn, on a separate page. */
  constructor(private readonly screen: TerminalScreen, { whole }: { readonly whole: boolean }) {
    this.#marks = whole
      ? [PASTE_MARKS[0] + WHOLE_SCREEN[0], WHOLE_SCREEN[1] + PASTE_MARKS[1]]
      : PASTE_MARKS;
    this.#decoder = new KeyDecoder((key) => this.inputs.push({ kind: "key", key }));
    const pressed = (name: string) => () =>
      this.inputs.push({ kind: "key", key: { name, text: "" } });
    this.#listeners = [
      // Input during a computation has ended that; else it is the key.
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
    // Whatever ends the process.
    process.on("exit", this.#leave);
    process.stdin.on("data", this.#take);
    process.stdin.on("end", this.#ended);
    this.#enter();
  }

  /** A signal may be delivered after the work that it arrived in. */
  get #worked(): boolean {
    return performance.now() - this.#workedAtMs < SETTLED_MS;
  }

  #workedAtMs = -Infinity;

  get size(): { readonly columns: number; readonly rows: number } {
    const { columns, rows } = sizeOf();
    return { columns: columns || DEFAULT_SIZE.columns, rows: rows || DEFAULT_SIZE.rows };
  }

  /** Writes what commands the terminal: as it is. */
  write(text: string): void {
    this.screen.data(text);
    this.screen.flush?.();
  }

  /** Has all drawn again, now and when what others write on the terminal has settled. */
  redraw(): void {
    for (const waitMs of [0, DISTURBED_MS]) {
      const timer = setTimeout(() => this.inputs.push({ kind: "redraw" }), waitMs);
      this.#timers.add(timer);
    }
  }

  readonly #timers = new Set<ReturnType<typeof setTimeout>>();

  /** Works something out; Ctrl-C is a signal meanwhile. */
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

  /** Another program, such as an editor, uses the terminal: its Ctrl-Z stops this process too. */
  #isLent = false;

  /**
   * Stops this process, as Ctrl-Z does, and the launcher of the npm package, which the shell knows and
   * this process may not stop: a message has it stop all. False without job control.
   */
  async stop(): Promise<boolean> {
    if (host.build.os === "windows" || hasStarter()) return false;
    this.#leave();
    const send = process.send?.bind(process);
    if (send === undefined) process.kill(process.pid, "SIGSTOP");
    else {
      // Stopping itself, too, it could come after the shell's `fg`.
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

  /** A shell has had the terminal meanwhile. */
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
      // The terminal has gone away.
      this.inputs.end();
    }
  }
}

/** How long the starter of this process may go on writing on the terminal. */
const DISTURBED_MS = 250;

/** An error from a timer, or from a promise that is not awaited. */
const UNCAUGHT = ["uncaughtException", "unhandledRejection"] as const;

/** How long a signal may take to be delivered. */
const SETTLED_MS = 50;

/** Signals of Ctrl-C and Ctrl-Z, but no echo and no lines. */
const CBREAK = { cbreak: true };

/** Has the terminal hand over each key as it comes, or whole lines as before. */
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

/** Whether a shell would not learn that we are stopped. False where the environment is not ours to see. */
function hasStarter(): boolean {
  return allowedVariable(STARTER) !== null;
}
