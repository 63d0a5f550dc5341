/** A shell at a pseudo-terminal, as a person has it: with jobs, signals, a window and a screen. */
import { assertMatch } from "@std/assert";
import xterm from "@xterm/headless";

/** Whether this machine has what makes one (util-linux), and a shell that knows jobs. */
export function hasPty(): boolean {
  return new Deno.Command("sh", {
    args: ["-c", "command -v script && command -v bash && command -v stty"],
    stdout: "null",
  })
    .outputSync().success;
}

/** How long to wait for an answer. */
const PATIENCE_MS = 45_000;

/** Waits between the looks at what was written. */
const LOOK_MS = 20;

/** A text as soon as it has what is wanted. @throws {AssertionError} When it does not come. */
async function untilIn(text: () => string, wanted: RegExp): Promise<string> {
  for (let waitedMs = 0; waitedMs < PATIENCE_MS; waitedMs += LOOK_MS) {
    if (wanted.test(text())) break;
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
  const last = text();
  assertMatch(last, wanted);
  return last;
}

/** The text that a terminal shows, without the codes for colours, the cursor, modes of its keys. */
function textOf(written: string): string {
  // deno-lint-ignore no-control-regex
  return written.replace(/\x1b\[[?\d;]*[A-Za-z]|\r/g, "");
}

/** The variables of this process's environment that a shell of a test needs. */
function shellEnvironment(): Record<string, string> {
  const { PATH = "", HOME = "", DENO_DIR } = Deno.env.toObject();
  return { PATH, HOME, ...DENO_DIR === undefined ? {} : { DENO_DIR } };
}

/** Modes that a program sets and has to set back: each with how it is before. */
const MODES = { "25": "h", "1049": "l", "2004": "l" } as const;

/** The terminal is there until its block ends. */
export class Pty implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #keys: WritableStreamDefaultWriter<Uint8Array>;
  readonly #reading: Promise<void>;
  readonly #screen = new xterm.Terminal({ allowProposedApi: true, cols: 80, rows: 24 });
  #seen = "";
  /** All that was written since the last call. */
  #written = "";

  /**
   * @param folder Where the shell begins.
   * @param env Everything that the shell finds in its environment, `TERM` apart.
   */
  constructor(folder: string, env: Readonly<Record<string, string>> = shellEnvironment()) {
    this.#child = new Deno.Command("script", {
      args: ["-qfec", "bash --norc --noprofile -i", "/dev/null"],
      cwd: folder,
      clearEnv: true,
      env: { ...env, TERM: "xterm", SHELL: "/bin/sh", PS1: "$ " },
      stdin: "piped",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    this.#keys = this.#child.stdin.getWriter();
    this.#reading = this.#read();
  }

  async #read(): Promise<void> {
    const decoder = new TextDecoder();
    for await (const bytes of this.#child.stdout) {
      const text = decoder.decode(bytes, { stream: true });
      // The screen first: a text that is seen is on it, and its earlier text is no longer there.
      await new Promise<void>((done) => this.#screen.write(text, done));
      this.#seen += text;
      this.#written += text;
    }
  }

  /** Waits until something is written, and forgets all up to it. @returns What was forgotten. */
  async see(wanted: RegExp): Promise<string> {
    const text = await untilIn(() => textOf(this.#seen), wanted);
    const match = wanted.exec(text)!;
    const end = match.index + match[0].length;
    this.#seen = text.slice(end);
    return text.slice(0, end);
  }

  /** The lines of the screen, as a person sees them now. */
  get lines(): readonly string[] {
    const { active } = this.#screen.buffer;
    return Array.from(
      { length: this.#screen.rows },
      (_, row) => active.getLine(active.viewportY + row)?.translateToString(true).trimEnd() ?? "",
    );
  }

  /** Where the cursor is, from 0. */
  get cursor(): { readonly row: number; readonly column: number } {
    const { cursorX, cursorY } = this.#screen.buffer.active;
    return { row: cursorY, column: cursorX };
  }

  /** Waits until the screen has something. @returns The screen then. */
  seeScreen(wanted: RegExp): Promise<string> {
    return untilIn(() => this.lines.join("\n"), wanted);
  }

  /** Gives the terminal another size, as a window does; what runs at it is reported by the system. */
  async resize(columns: number, rows: number, device: string): Promise<void> {
    this.#screen.resize(columns, rows);
    const args = ["-F", device, "cols", String(columns), "rows", String(rows)];
    await new Deno.Command("stty", { args }).output();
  }

  /** Modes of the terminal that are not as they were before anybody set one. */
  get changedModes(): readonly string[] {
    const last = new Map<string, string>();
    // deno-lint-ignore no-control-regex
    for (const [, mode, way] of this.#written.matchAll(/\x1b\[\?(\d+)([hl])/g)) {
      last.set(mode!, way!);
    }
    return Object.entries(MODES).filter(([mode, way]) => (last.get(mode) ?? way) !== way)
      .map(([mode]) => mode);
  }

  /** Presses keys, and sees what follows. A signal's key throws away what is unread: see something before it. */
  async press(keys: string, ...wanted: readonly RegExp[]): Promise<void> {
    await this.#keys.write(new TextEncoder().encode(keys));
    for (const each of wanted) await this.see(each);
  }

  /** Presses keys, and waits until the screen has something. @returns The screen then. */
  async screenAfter(keys: string, wanted: RegExp): Promise<string> {
    await this.press(keys);
    return await this.seeScreen(wanted);
  }

  /** Leaves the REPL for the shell. */
  async leave(): Promise<void> {
    await this.press(CTRL_D, /\$ /);
    await this.press("echo left with $?\n", /^left with 0$/m);
  }

  /** Takes the terminal away: what runs at it is reported so by the system. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#child.status;
    await this.#reading;
    // No key is read any more.
    await this.#keys.abort().catch(() => {});
    this.#screen.dispose();
  }
}

export const CTRL_C = "\x03";
export const CTRL_D = "\x04";
export const CTRL_G = "\x07";
export const CTRL_R = "\x12";
export const CTRL_Z = "\x1a";
export const TAB = "\t";
export const ENTER = "\r";
export const ESCAPE = "\x1b";
export const UP = "\x1b[A";
export const DOWN = "\x1b[B";
export const RIGHT = "\x1b[C";
export const LEFT = "\x1b[D";
