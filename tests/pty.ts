/** A shell at a pseudo-terminal, as a person has it: with jobs, signals and a window. */
import { assertMatch } from "@std/assert";

/** Whether this machine has what makes one (util-linux), and a shell that knows jobs. */
export function hasPty(): boolean {
  return new Deno.Command("sh", {
    args: ["-c", "command -v script && command -v bash"],
    stdout: "null",
  })
    .outputSync().success;
}

/** How long somebody waits for an answer. */
const PATIENCE_MS = 15_000;

/** Waits between the looks at what was written. */
const LOOK_MS = 20;

/** What a terminal was told to show, without how: colours, the cursor, modes of its keys. */
function textOf(written: string): string {
  // deno-lint-ignore no-control-regex
  return written.replace(/\x1b\[[?\d;]*[A-Za-z]|\r/g, "");
}

export class Pty {
  readonly #child: Deno.ChildProcess;
  readonly #keys: WritableStreamDefaultWriter<Uint8Array>;
  readonly #reading: Promise<void>;
  #seen = "";

  /** @param env Everything that the shell finds in its environment, `TERM` apart. */
  constructor(folder: string, env: Readonly<Record<string, string>>) {
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
      this.#seen += decoder.decode(bytes, { stream: true });
    }
  }

  /** Waits until something is on the screen, and forgets all up to it. @returns What was forgotten. */
  async see(wanted: RegExp): Promise<string> {
    for (let waitedMs = 0; waitedMs < PATIENCE_MS; waitedMs += LOOK_MS) {
      const text = textOf(this.#seen);
      const match = wanted.exec(text);
      if (match !== null) {
        const end = match.index + match[0].length;
        this.#seen = text.slice(end);
        return text.slice(0, end);
      }
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    }
    const text = textOf(this.#seen);
    assertMatch(text, wanted);
    return text;
  }

  /** Presses keys. A signal's key throws away what nobody has read yet: see something before it. */
  async press(keys: string): Promise<void> {
    await this.#keys.write(new TextEncoder().encode(keys));
  }

  /** Takes the terminal away: what runs at it is told so by the system. */
  async close(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#child.status;
    await this.#reading;
    // Nobody reads keys any more.
    await this.#keys.abort().catch(() => {});
  }
}

export const CTRL_C = "\x03";
export const CTRL_D = "\x04";
export const CTRL_Z = "\x1a";
export const TAB = "\t";
