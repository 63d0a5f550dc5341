/** One compiler for many files: its process stays, and each text is sent to it once. */
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

/** Texts, and objects that clang has made, by their paths. */
type Files = Readonly<Record<string, string | Uint8Array>>;

/** Why the process ended before it was done. */
export class CompilerEnded extends TreeError {
  /**
   * @param stopped What it was stopped for; null where it ended by itself.
   * @param how It ended, and what it said.
   * @param hasBegun Not while clang was loaded.
   */
  constructor(
    readonly stopped: string | null,
    readonly how: string,
    readonly line: string,
    readonly hasBegun: boolean,
  ) {
    super(stopped ?? `The C compiler ended: ${line}`, stopped === null ? DOWNLOAD : LARGE);
  }
}

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
  #process: ReturnType<typeof compilerProcess> | null = null;
  readonly #sent = new Map<string, string | Uint8Array>();

  /** @param timeMs Processor time of each file. */
  constructor(private readonly timeMs: number = DEFAULT_LIMITS.timeMs) {}

  /** @throws {TreeError} Where the process cannot be started; {@link CompilerEnded} where it ends. */
  async run(
    args: readonly string[],
    files: Files,
    output: string,
  ): Promise<Compiled> {
    const { answers, child, errors, writer } = this.#process ??= compilerProcess(this.timeMs);
    const put: Record<string, string | { readonly base64: string }> = {};
    for (const [path, file] of Object.entries(files)) {
      if (this.#sent.get(path) === file) continue;
      put[path] = typeof file === "string" ? file : { base64: file.toBase64() };
      this.#sent.set(path, file);
    }
    const order = { args, put, names: Object.keys(files), output };
    // A process that ends says why by its answer, which does not come.
    writer.write(new TextEncoder().encode(`${JSON.stringify(order)}\n`)).catch(() => {});
    let isLate = false;
    const late = setTimeout(() => {
      isLate = true;
      child.kill("SIGKILL");
    }, MAX_MS);
    // First that it begins.
    const begun = await answers.next();
    const { done, value } = begun.done === true ? begun : await answers.next();
    clearTimeout(late);
    const answer = done === true ? {} : JSON.parse(value) as Answer;
    if (answer.made === undefined) {
      // The next file has a process of its own.
      this.#process = null;
      this.#sent.clear();
      const { code, signal } = await child.status;
      const how = signal === null ? `ends with ${code}` : `was ended by ${signal}`;
      const line = (await errors).split("\n").find((each) => each.trim() !== "");
      const late = isLate ? LATE : null;
      const stopped = answer.stopped === undefined
        ? late
        : stoppedText(answer.stopped, this.timeMs);
      throw new CompilerEnded(stopped, how, line ?? "it printed no error", begun.done !== true);
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

/** What the process writes of a run that it has done, or was stopped in. */
interface Answer {
  readonly stopped?: Stopped;
  readonly made?: { readonly module: string | null; readonly said: string };
}

function compilerProcess(timeMs: number) {
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
