/**
 * The program whose command line the tests try: this checkout's, on Deno. Where
 * `DMALAB_TEST_PROGRAM` names another by its words, as `node dist/bin.js`, they try that one.
 */
import { assert } from "@std/assert";
import { dirname, join } from "@std/path";
import { main } from "../cli/main.ts";
import { MemoryScreen } from "../cli/memory_screen.ts";
import { type DenoOptions, type DenoRun, runDeno } from "./deno_process.ts";
import { ROOT } from "./source_text.ts";

export const TEST_PROGRAM = "DMALAB_TEST_PROGRAM";

const OTHER = Deno.env.get(TEST_PROGRAM)?.split(" ") ?? null;

/** For a test of Deno's permissions, which no other program has, or of a module in this process. */
export const DENO_ONLY = { ignore: OTHER !== null };

/** What came of a command line. */
interface Did {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  /** Both streams, in the order in which they were written. */
  readonly both: string;
}

/** A process of Node that does command lines by the program of the package, as long as we run. */
export class ResidentNode {
  readonly #input: WritableStreamDefaultWriter<string>;
  readonly #output: ReadableStreamDefaultReader<string>;
  readonly #status: Promise<unknown>;
  #rest = "";
  #last: Promise<unknown> = Promise.resolve();

  /** @param folder Of the package. */
  constructor(node: string, folder: string) {
    const child = new Deno.Command(node, {
      args: [join(ROOT, "tests/resident_node.js"), folder],
      cwd: ROOT,
      stdin: "piped",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    this.#status = child.status;
    const encoder = new TextEncoderStream();
    void encoder.readable.pipeTo(child.stdin);
    this.#input = encoder.writable.getWriter();
    this.#output = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  }

  /** Does one when those before it are done. */
  run(words: readonly string[]): Promise<Did> {
    const did = this.#last.then(() => this.#runNow(words));
    this.#last = did.catch(() => {});
    return did;
  }

  async #runNow(words: readonly string[]): Promise<Did> {
    await this.#input.write(`${JSON.stringify(words)}\n`);
    while (!this.#rest.includes("\n")) {
      const { value } = await this.#output.read();
      if (value === undefined) throw new Error(`Node has ended: ${words.join(" ")}`);
      this.#rest += value;
    }
    const end = this.#rest.indexOf("\n");
    const { left, ...did } = JSON.parse(this.#rest.slice(0, end));
    this.#rest = this.#rest.slice(end + 1);
    if (left.length > 0) throw new Error(`${words.join(" ")} does not end, for ${left.join(", ")}`);
    return did;
  }

  async end(): Promise<void> {
    await this.#input.close();
    await Promise.all([this.#output.cancel(), this.#status]);
  }
}

const RESIDENT = OTHER === null ? null : new ResidentNode(OTHER[0]!, dirname(OTHER[1]!));

/** A run with `--max-time 1` was ended: by its CPU time, or where it got less than a tenth of a CPU, by the clock. */
export function assertOutOfTime(output: string, tookMs: number): void {
  const limits = { "1s of CPU time": 1000, "10s of wall-clock time": 10_000 };
  const [, limit] = output.match(/error\[E0806\]: the run took longer than (.*)/) ?? [];
  const leastMs = limits[limit as keyof typeof limits];
  assert(leastMs <= tookMs, `${limit ?? "no limit"} after ${tookMs} ms:\n${output}`);
}

/** Does what a command line says: in this process, where that is the program. */
export async function dmalab(...words: string[]) {
  if (RESIDENT === null) {
    const screen = new MemoryScreen();
    const code = await main(words, screen);
    return { code, output: screen.output, errors: screen.errors };
  }
  const { code, stderr, stdout } = await RESIDENT.run(words);
  return { code, output: stdout, errors: stderr };
}

/**
 * Lets Deno read what is imported when it is imported, not at the start. It then takes permission to read
 * the sources, and so is for those who may read everything, as with the task `dmalab`.
 */
const LAZY = "--unstable-lazy-dynamic-imports";

/** What starts the program. @param permissions On Deno. */
export function programWords(...permissions: string[]): [command: string, ...args: string[]] {
  if (OTHER !== null) return [OTHER[0]!, ...OTHER.slice(1)];
  const readsAll = permissions.includes("-R") || permissions.includes("-A");
  const options = ["--no-prompt", ...readsAll ? [LAZY] : [], ...permissions];
  return [Deno.execPath(), "run", ...options, join(ROOT, "cli/main.ts")];
}

/** The same as a line for a shell. */
export function programLine(...permissions: string[]): string {
  return programWords(...permissions).map((word) => JSON.stringify(word)).join(" ");
}

/** Runs the program in a process of its own, to its end. */
export function runProgram(
  words: readonly string[],
  options: DenoOptions,
  ...permissions: string[]
): Promise<DenoRun> {
  const [command, ...args] = programWords(...permissions);
  return runDeno([...args, ...words], { ...options, command });
}
