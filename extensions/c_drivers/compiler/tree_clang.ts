/** One compiler for many files of a tree: its process stays, and each text is sent to it once. */
import { TreeError } from "@dmalab/runtime/kernels";
import { DEFAULT_LIMITS } from "@dmalab/lang/values";
import {
  type Compiled,
  DOWNLOAD,
  LARGE,
  LATE,
  linesOf,
  MAX_MS,
  noProcess,
  startCompiler,
  type Stopped,
  stoppedText,
} from "./clang.ts";

/** What runs clang on texts, by their paths. */
export interface TreeClang {
  run(
    args: readonly string[],
    files: Readonly<Record<string, string>>,
    output: string,
  ): Promise<Compiled>;
  close(): Promise<void>;
}

/** Clang as a WebAssembly module, in a process that the first run starts. */
export class SessionClang implements TreeClang {
  #process: CompilerProcess | null = null;
  readonly #sent = new Map<string, string>();

  /** @param timeMs Processor time of each file. */
  constructor(private readonly timeMs: number = DEFAULT_LIMITS.timeMs) {}

  /** @throws {TreeError} Where the process cannot be started, or ends. */
  async run(
    args: readonly string[],
    files: Readonly<Record<string, string>>,
    output: string,
  ): Promise<Compiled> {
    const { answers, child, errors, writer } = this.#process ??= compilerProcess(this.timeMs);
    const put: Record<string, string> = {};
    for (const [path, text] of Object.entries(files)) {
      if (this.#sent.get(path) === text) continue;
      put[path] = text;
      this.#sent.set(path, text);
    }
    const order = { args, put, names: Object.keys(files), output };
    // A process that ends says why by its answer, which does not come.
    await writer.write(new TextEncoder().encode(`${JSON.stringify(order)}\n`)).catch(() => {});
    let isLate = false;
    const late = setTimeout(() => {
      isLate = true;
      child.kill("SIGKILL");
    }, MAX_MS);
    // First that it begins.
    const begun = await answers.next();
    const { done, value } = begun.done === true ? begun : await answers.next();
    clearTimeout(late);
    const answer = done === true ? {} : JSON.parse(value) as SingleAnswer;
    if (answer.made === undefined) {
      // The next file has a process of its own.
      this.#process = null;
      this.#sent.clear();
      if (answer.stopped !== undefined) {
        throw new TreeError(stoppedText(answer.stopped, this.timeMs), LARGE);
      }
      if (isLate) throw new TreeError(LATE, LARGE);
      const [line] = (await errors).split("\n").filter((each) => each.trim() !== "");
      throw new TreeError(`The C compiler ended: ${line ?? "it printed no error"}`, DOWNLOAD);
    }
    const { module, said } = answer.made;
    return { module: module === null ? null : Uint8Array.fromBase64(module), said };
  }

  async close(): Promise<void> {
    if (this.#process === null) return;
    const { answers, child, errors, writer } = this.#process;
    await writer.close().catch(() => {});
    await child.status;
    await errors;
    await answers.return(undefined);
  }
}

interface SingleAnswer {
  readonly stopped?: Stopped;
  readonly made?: { readonly module: string | null; readonly said: string };
}

interface CompilerProcess {
  readonly child: Deno.ChildProcess;
  readonly writer: WritableStreamDefaultWriter<Uint8Array>;
  readonly answers: AsyncGenerator<string>;
  readonly errors: Promise<string>;
}

function compilerProcess(timeMs: number): CompilerProcess {
  const problem = noProcess();
  if (problem !== null) throw new TreeError(problem.problem, problem.hint);
  const child = startCompiler(timeMs);
  return {
    child,
    writer: child.stdin.getWriter(),
    answers: linesOf(child.stdout),
    errors: new Response(child.stderr).text(),
  };
}
