/**
 * The compiler's process, which stays: its start takes longer than compiling most files. One process serves
 * all orders of this thread, one after the other, each in a new instance of clang. It ends with this process,
 * also when this process is killed: its standard input ends.
 */
import { host } from "@dmalab/cli";
import { type Compiled, linesOf, MAX_MS, noProcess, startCompiler, type Stopped } from "./clang.ts";
import type { NoCompiler } from "./clang.ts";
import { PrecompiledHeaders } from "./precompiled.ts";

/** An idle process takes some 350 MiB. */
const IDLE_MS = 10 * 60_000;

/** One compilation for the compiler's process. */
export interface CompilerOrder {
  /** Processor time. */
  readonly timeMs: number;
  /**
   * The order as the process reads it.
   * @param sent Files that the process has, by their paths. The order adds the files that it sends.
   */
  readonly body: (sent: Map<string, string | Uint8Array>) => object;
  /** Called when the process begins: for a second time where a new process has to begin again. */
  readonly onBegin?: () => void;
}

/** Why an order was not done. */
export interface CompilerEnd {
  /** Whether the process had begun the order. */
  readonly isBegun: boolean;
  /** The limit at which the process ended itself. */
  readonly stopped: Stopped | null;
  /** It was killed, because it did not answer in {@linkcode MAX_MS}. */
  readonly isLate: boolean;
  /** How the process ended: "ends with 1", "was ended by SIGKILL". */
  readonly end: string;
  /** First line of its standard error. */
  readonly line: string | null;
}

/** The answers of the process: that it begins, and then its result, or why it ends. */
interface Answer {
  readonly begun?: true;
  readonly stopped?: Stopped;
  readonly made?: { readonly module: string | null; readonly said: string };
}

/** The exit code of a process that SIGINT ended while it compiled. */
const INTERRUPTED = 130;

interface RunningCompiler {
  readonly child: Deno.ChildProcess;
  readonly writer: WritableStreamDefaultWriter<Uint8Array>;
  readonly answers: AsyncGenerator<string>;
  readonly errors: Promise<string | null>;
  readonly sent: Map<string, string | Uint8Array>;
  /** It has done an order. */
  isWarm: boolean;
}

/** Starts the compiler's process when there is an order, and again after it has ended. */
export class CompilerService {
  /** Of all runs of this thread: each scenario and each tree has the same headers. */
  readonly precompiled = new PrecompiledHeaders();
  #running: RunningCompiler | null = null;
  /** Why the last process ended before its time; null where it did not. */
  #ended: string | null = null;
  #expectsMany = false;
  #last: Promise<unknown> = Promise.resolve();
  #idle: ReturnType<typeof setTimeout> | undefined;

  /**
   * @param start Starts a process.
   * @param maxMs By the clock, for each order.
   * @param tell Gets a line when a process is started in place of one that has ended.
   */
  constructor(
    private readonly start: (forMany: boolean) => Deno.ChildProcess = startCompiler,
    private readonly maxMs: number = MAX_MS,
    private readonly tell: (line: string) => void = printLine,
  ) {}

  /** Process id of the compiler; null where none runs. */
  get pid(): number | null {
    return this.#running?.child.pid ?? null;
  }

  /** Dozens of files follow, as of a tree of which nothing is in the cache: for the next start of a process. */
  expectMany(): void {
    this.#expectsMany = true;
  }

  /** Compiles something when all earlier orders are done. */
  request(order: CompilerOrder): Promise<Compiled | CompilerEnd | NoCompiler> {
    const answer = this.#last.then(() => this.#serve(order));
    this.#last = answer.catch(() => {});
    return answer;
  }

  /** Ends the process when its orders are done; the next order starts another one. */
  close(): Promise<void> {
    const closed = this.#last.then(() => this.#close());
    this.#last = closed.catch(() => {});
    return closed;
  }

  async #serve(order: CompilerOrder): Promise<Compiled | CompilerEnd | NoCompiler> {
    clearTimeout(this.#idle);
    for (;;) {
      const problem = this.#running === null ? noProcess() : null;
      if (problem !== null) return problem;
      const running = this.#running ??= this.#started();
      const { isWarm } = running;
      const result = await this.#ask(running, order);
      if (!("isBegun" in result)) {
        running.isWarm = true;
        // An idle process keeps no program from ending.
        running.child.unref();
        const idle = setTimeout(() => void this.close(), IDLE_MS);
        host.unrefTimer(idle);
        this.#idle = idle;
        return result;
      }
      this.#running = null;
      this.#ended = reasonOf(result);
      // Memory of earlier files may have counted: the file is tried once more, in a new process.
      const isBlameless = !result.isBegun || result.stopped === "memory";
      if (!isWarm || !isBlameless || result.isLate) return result;
    }
  }

  async #ask(running: RunningCompiler, order: CompilerOrder): Promise<Compiled | CompilerEnd> {
    const { answers, child, errors, sent, writer } = running;
    child.ref();
    let isLate = false;
    const late = setTimeout(() => {
      isLate = true;
      child.kill("SIGKILL");
    }, this.maxMs);
    const body = { ...order.body(sent), timeMs: order.timeMs };
    // A process that ends before it has read all says why itself.
    writer.write(new TextEncoder().encode(`${JSON.stringify(body)}\n`)).catch(() => {});
    let isBegun = false;
    let stopped: Stopped | null = null;
    for (;;) {
      const { done, value } = await answers.next();
      if (done === true) break;
      const answer = JSON.parse(value) as Answer;
      if (answer.begun === true) {
        isBegun = true;
        order.onBegin?.();
      } else if (answer.made !== undefined) {
        clearTimeout(late);
        const { module, said } = answer.made;
        return { module: module === null ? null : Uint8Array.fromBase64(module), said };
      } else {
        stopped = answer.stopped ?? null;
        break;
      }
    }
    await answers.return(undefined);
    await writer.close().catch(() => {});
    const { code, signal } = await child.status;
    clearTimeout(late);
    const by = signal ?? (code === INTERRUPTED ? "SIGINT" : null);
    const end = by === null ? `ends with ${code}` : `was ended by ${by}`;
    return { isBegun, stopped, isLate, end, line: await errors };
  }

  #started(): RunningCompiler {
    if (this.#ended !== null) this.tell(`${this.#ended}; starting it again`);
    this.#ended = null;
    const child = this.start(this.#expectsMany);
    return {
      child,
      writer: child.stdin.getWriter(),
      answers: linesOf(child.stdout),
      errors: firstLine(child.stderr),
      sent: new Map(),
      isWarm: false,
    };
  }

  async #close(): Promise<void> {
    clearTimeout(this.#idle);
    if (this.#running === null) return;
    const { answers, child, errors, writer } = this.#running;
    this.#running = null;
    child.ref();
    await writer.close().catch(() => {});
    await child.status;
    await errors;
    await answers.return(undefined);
  }
}

/** Why a process ended, as the beginning of the line about its successor. */
function reasonOf({ end, isLate, stopped }: CompilerEnd): string {
  if (stopped !== null) return `The C compiler was stopped at its limit of ${stopped}`;
  return isLate ? "The C compiler did not answer" : `The C compiler ${end}`;
}

export function printLine(line: string): void {
  host.stderr.writeSync(new TextEncoder().encode(`${line}\n`));
}

/** Reads a stream to its end; null where it has no text. */
async function firstLine(stream: ReadableStream<Uint8Array>): Promise<string | null> {
  let text = "";
  const decoder = new TextDecoder();
  for await (const bytes of stream) text += decoder.decode(bytes, { stream: true });
  return text.split("\n").find((line) => line.trim() !== "") ?? null;
}

/** The service of this thread. */
export const compilerService = new CompilerService();
