/**
 * A shell at a pseudo-terminal, used as by a person: with jobs, signals, a window size and a
 * screen.
 */
import { assertMatch } from "@std/assert";
import xterm, { type IBufferLine } from "@xterm/headless";

/**
 * Whether this machine has the programs for a pseudo-terminal: `script` (util-linux), and a shell
 * with job control.
 */
export function hasPty(): boolean {
  return new Deno.Command("sh", {
    args: ["-c", "command -v script && command -v bash && command -v stty"],
    stdout: "null",
  })
    .outputSync().success;
}

/** How long to wait for a text. It is long, since the machine may run other tests at the same time. */
const PATIENCE_MS = 120_000;

/** How long to wait for the end of a program that works for tens of seconds on a quiet machine. */
const END_PATIENCE_MS = 600_000;

/** Time between two checks of the output. */
const LOOK_MS = 20;

/** A screen that stays the same for this time is complete: a frame may come in several pieces. */
const SETTLED_MS = 250;

/** Waits until a text matches, and returns it. @throws {AssertionError} If it never matches. */
async function untilIn(text: () => string, wanted: RegExp): Promise<string> {
  for (let waitedMs = 0; waitedMs < PATIENCE_MS; waitedMs += LOOK_MS) {
    if (wanted.test(text())) break;
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
  const last = text();
  assertMatch(last, wanted);
  return last;
}

/** The visible text of a terminal's output, without the codes for colours, cursor and key modes. */
function textOf(written: string): string {
  // deno-lint-ignore no-control-regex
  return written.replace(/\x1b\[[?\d;]*[A-Za-z]|\r/g, "");
}

/** The environment variables of this process that a test's shell needs. */
function shellEnvironment(): Record<string, string> {
  const { PATH = "", HOME = "", DENO_DIR } = Deno.env.toObject();
  return { PATH, HOME, ...DENO_DIR === undefined ? {} : { DENO_DIR } };
}

/**
 * Terminal modes that a program must restore, by number, each with its initial state: `h` is on,
 * `l` off.
 */
const MODES = { "25": "h", "1049": "l", "2004": "l" } as const;

/** The first eight colours of a terminal. */
const COLOURS = ["gray", "#c33", "#2a2", "#a80", "#36c", "#a3a", "#188", "gray"];

/** A line as HTML. */
function markupOf(line: IBufferLine): string {
  let text = "";
  for (let column = 0; column < line.length; column++) {
    const cell = line.getCell(column)!;
    const shown = (cell.getChars() || " ").replaceAll("&", "&amp;").replaceAll("<", "&lt;");
    const styles = [
      ...cell.isFgDefault() ? [] : [`color:${COLOURS[cell.getFgColor() % 8]}`],
      ...cell.isBold() ? ["font-weight:bold"] : [],
      ...cell.isDim() ? ["opacity:.6"] : [],
      ...cell.isInverse() ? ["background:#8884"] : [],
    ];
    text += styles.length === 0 ? shown : `<span style="${styles.join(";")}">${shown}</span>`;
  }
  return text.trimEnd();
}

interface PtyOptions {
  /** The whole environment, except `TERM`, `SHELL` and `PS1`. */
  readonly env?: Readonly<Record<string, string>>;
  /** A shell line to run in place of an interactive shell, at a terminal of the given size. */
  readonly program?: { readonly line: string; readonly columns: number; readonly rows: number };
}

const SHELL_LINE = "bash --norc --noprofile -i";

/** A pseudo-terminal that exists until the end of its `await using` block. */
export class Pty implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #keys: WritableStreamDefaultWriter<Uint8Array>;
  readonly #reading: Promise<void>;
  readonly #screen: xterm.Terminal;
  #seen = "";
  #written = "";

  /** @param folder The working directory. */
  constructor(folder: string, { env = shellEnvironment(), program }: PtyOptions = {}) {
    const { columns, rows } = program ?? { columns: 80, rows: 24 };
    this.#screen = new xterm.Terminal({ allowProposedApi: true, cols: columns, rows });
    const line = program === undefined
      ? SHELL_LINE
      : `stty cols ${columns} rows ${rows}; ${program.line}`;
    this.#child = new Deno.Command("script", {
      args: ["-qfec", line, "/dev/null"],
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
      // The screen is updated first: when a text is in `#seen`, the screen already shows it.
      await new Promise<void>((done) => this.#screen.write(text, done));
      this.#seen += text;
      this.#written += text;
    }
  }

  /** All output since the start, with its codes. */
  get written(): string {
    return this.#written;
  }

  /**
   * Waits until the output contains a text. Drops all output up to the end of that text.
   * @returns The dropped output, which ends with the text.
   */
  async see(wanted: RegExp): Promise<string> {
    const text = await untilIn(() => textOf(this.#seen), wanted);
    const match = wanted.exec(text)!;
    const end = match.index + match[0].length;
    this.#seen = text.slice(end);
    return text.slice(0, end);
  }

  /** The lines that the screen shows now. */
  get lines(): readonly string[] {
    const { active } = this.#screen.buffer;
    return Array.from(
      { length: this.#screen.rows },
      (_, row) => active.getLine(active.viewportY + row)?.translateToString(true).trimEnd() ?? "",
    );
  }

  /**
   * All lines, also those that have left the screen at its upper edge, and without blank ones at the end. A line
   * that the terminal has broken at its right edge is whole.
   */
  get allLines(): readonly string[] {
    const { active } = this.#screen.buffer;
    const lines: string[] = [];
    for (let row = 0; row < active.length; row++) {
      const line = active.getLine(row)!;
      const text = line.translateToString(active.getLine(row + 1)?.isWrapped !== true);
      if (line.isWrapped) lines.push(lines.pop() + text);
      else lines.push(text);
    }
    return lines.map((each) => each.trimEnd()).slice(
      0,
      lines.findLastIndex((each) => /\S/.test(each)) + 1,
    );
  }

  /** Whether a cell has a colour, or another attribute such as bold. */
  get isStyled(): boolean {
    const { active } = this.#screen.buffer;
    for (let row = 0; row < active.length; row++) {
      const line = active.getLine(row)!;
      for (let column = 0; column < line.length; column++) {
        if (!line.getCell(column)!.isAttributeDefault()) return true;
      }
    }
    return false;
  }

  /** The lines of the screen as HTML, with their colours. */
  get markup(): string {
    const { active } = this.#screen.buffer;
    const lines: string[] = [];
    for (let row = 0; row < this.allLines.length + active.viewportY; row++) {
      const line = active.getLine(row);
      if (line !== undefined) lines.push(markupOf(line));
    }
    return lines.join("\n");
  }

  /** Waits for the end of the program. @returns Its exit code. @throws If it does not end. */
  async end(): Promise<number> {
    let isKilled = false;
    const timer = setTimeout(() => {
      isKilled = true;
      this.#child.kill("SIGKILL");
    }, END_PATIENCE_MS);
    const { code } = await this.#child.status;
    clearTimeout(timer);
    await this.#reading;
    if (isKilled) throw new Error(`no end within ${END_PATIENCE_MS / 1000} s:\n${this.#written}`);
    return code;
  }

  /** The cursor's row and column, counted from 0. */
  get cursor(): { readonly row: number; readonly column: number } {
    const { cursorX, cursorY } = this.#screen.buffer.active;
    return { row: cursorY, column: cursorX };
  }

  /** Waits until the screen matches. @returns The text of the screen then. */
  seeScreen(wanted: RegExp): Promise<string> {
    return untilIn(() => this.lines.join("\n"), wanted);
  }

  /** Waits until all lines together match, and nothing is drawn any more. */
  async seeText(wanted: RegExp): Promise<void> {
    const text = () => this.allLines.join("\n");
    let [drawn, now] = ["", await untilIn(text, wanted)];
    while (drawn !== now) {
      drawn = now;
      await new Promise((resolve) => setTimeout(resolve, SETTLED_MS));
      now = await untilIn(text, wanted);
    }
  }

  /**
   * Changes the size of the terminal, as resizing a window does. The system notifies the program
   * that runs in the terminal.
   */
  async resize(columns: number, rows: number, device: string): Promise<void> {
    this.#screen.resize(columns, rows);
    const args = ["-F", device, "cols", String(columns), "rows", String(rows)];
    await new Deno.Command("stty", { args }).output();
  }

  /** Terminal modes that are not in their initial state. */
  get changedModes(): readonly string[] {
    const last = new Map<string, string>();
    // deno-lint-ignore no-control-regex
    for (const [, mode, way] of this.#written.matchAll(/\x1b\[\?(\d+)([hl])/g)) {
      last.set(mode!, way!);
    }
    return Object.entries(MODES).filter(([mode, way]) => (last.get(mode) ?? way) !== way)
      .map(([mode]) => mode);
  }

  /**
   * Presses keys, and waits for the given texts. A key that sends a signal makes the terminal discard unread
   * input. Therefore wait for a text before pressing such a key.
   */
  async press(keys: string, ...wanted: readonly RegExp[]): Promise<void> {
    await this.#keys.write(new TextEncoder().encode(keys));
    for (const each of wanted) await this.see(each);
  }

  /** Presses keys, and waits until the screen matches. @returns The text of the screen then. */
  async screenAfter(keys: string, wanted: RegExp): Promise<string> {
    await this.press(keys);
    return await this.seeScreen(wanted);
  }

  /** Leaves the REPL, so that the shell continues. */
  async leave(): Promise<void> {
    await this.press(CTRL_D, /\$ /);
    await this.press("echo left with $?\n", /^left with 0$/m);
  }

  /** Closes the terminal: the system notifies the programs in it. */
  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.#child.kill("SIGKILL");
    } catch (error) {
      // The program has ended already.
      if (!(error instanceof TypeError)) throw error;
    }
    await this.#child.status;
    await this.#reading;
    // An error means that the pipe is closed already: no program reads keys any more.
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
