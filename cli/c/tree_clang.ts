/** One compiler for many files of a tree: its process stays, and each text is sent to it once. */
import { TreeError } from "../../c_drivers/tree/tree_files.ts";
import {
  type Compiled,
  DOWNLOAD,
  LARGE,
  linesOf,
  MOST_MS,
  noProcess,
  startCompiler,
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

  /** @throws {TreeError} Where the process cannot be started, or ends. */
  async run(
    args: readonly string[],
    files: Readonly<Record<string, string>>,
    output: string,
  ): Promise<Compiled> {
    const { answers, child, errors, writer } = this.#process ??= compilerProcess();
    const put: Record<string, string> = {};
    for (const [path, text] of Object.entries(files)) {
      if (this.#sent.get(path) === text) continue;
      put[path] = text;
      this.#sent.set(path, text);
    }
    const order = { args, put, names: Object.keys(files), output };
    let isLate = false;
    const late = setTimeout(() => {
      isLate = true;
      child.kill("SIGKILL");
    }, MOST_MS);
    // A process that ends says why by its answer, which does not come.
    await writer.write(new TextEncoder().encode(`${JSON.stringify(order)}\n`)).catch(() => {});
    const { done, value } = await answers.next();
    clearTimeout(late);
    if (done === true) {
      // The next file has a process of its own.
      this.#process = null;
      this.#sent.clear();
      if (isLate) {
        throw new TreeError(`The C compiler was stopped after ${MOST_MS / 1000} s`, LARGE);
      }
      const [line] = (await errors).split("\n").filter((each) => each.trim() !== "");
      throw new TreeError(`The C compiler ended: ${line ?? "it printed no error"}`, DOWNLOAD);
    }
    const { made } = JSON.parse(value) as { made: { module: string | null; said: string } };
    const { module, said } = made;
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

interface CompilerProcess {
  readonly child: Deno.ChildProcess;
  readonly writer: WritableStreamDefaultWriter<Uint8Array>;
  readonly answers: AsyncGenerator<string>;
  readonly errors: Promise<string>;
}

function compilerProcess(): CompilerProcess {
  const problem = noProcess();
  if (problem !== null) throw new TreeError(problem.problem, problem.hint);
  const child = startCompiler();
  return {
    child,
    writer: child.stdin.getWriter(),
    answers: linesOf(child.stdout),
    errors: new Response(child.stderr).text(),
  };
}
