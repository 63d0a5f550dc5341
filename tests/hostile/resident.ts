/** A process that does hostile cases one after the other. */
import { join } from "node:path";
import { ROOT } from "../source_text.ts";
import type { Took } from "./run_case.ts";

export class Resident {
  readonly #child: Deno.ChildProcess;
  readonly #input: WritableStreamDefaultWriter<Uint8Array>;
  readonly #output: Parts;
  readonly #errors: Parts;

  constructor() {
    this.#child = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--no-check", join(ROOT, "tests/hostile/resident_main.ts")],
      cwd: ROOT,
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.#input = this.#child.stdin.getWriter();
    this.#output = new Parts(this.#child.stdout);
    this.#errors = new Parts(this.#child.stderr);
  }

  /** Does a command line. @returns Null when it does not end in time, or ends the process. */
  async run(words: readonly string[], patienceMs: number): Promise<Took | null> {
    const killer = setTimeout(() => this.#child.kill("SIGKILL"), patienceMs);
    try {
      await this.#input.write(new TextEncoder().encode(`${JSON.stringify(words)}\n`));
      const [out, said] = await Promise.all([this.#output.next(), this.#errors.next()]);
      const took = await this.#errors.next();
      return { output: out + said, outputBytes: out.length + said.length, ...JSON.parse(took) };
    } catch {
      return null;
    } finally {
      clearTimeout(killer);
    }
  }

  async end(): Promise<void> {
    await this.#input.close().catch(() => {});
    await Promise.all([this.#output.cancel(), this.#errors.cancel(), this.#child.status]);
  }
}

/** The parts of a stream, each with a zero behind it. */
class Parts {
  readonly #reader: ReadableStreamDefaultReader<string>;
  #rest = "";

  constructor(stream: ReadableStream<Uint8Array<ArrayBuffer>>) {
    this.#reader = stream.pipeThrough(new TextDecoderStream()).getReader();
  }

  /** @throws {Error} When the stream ends before a zero. */
  async next(): Promise<string> {
    const pieces = [this.#rest];
    while (!pieces.at(-1)!.includes("\x00")) {
      const { value } = await this.#reader.read();
      if (value === undefined) throw new Error("The stream has ended");
      pieces.push(value);
    }
    const text = pieces.join("");
    const end = text.indexOf("\x00");
    this.#rest = text.slice(end + 1);
    return text.slice(0, end);
  }

  async cancel(): Promise<void> {
    await this.#reader.cancel();
  }
}
