/**
 * Manages the compiler's process. The process is kept, because starting it takes longer than
 * compiling most files. One process executes all orders of this thread one after the other, each in
 * a new instance of clang. The compiler's process ends with the process of this thread, because the
 * standard input then ends. This also holds if the process of this thread is killed.
 */
import { host } from "@dmalab/cli";
import { type Compiled, linesOf, MAX_MS, noProcess, startCompiler, type Stopped } from "./clang.ts";
import type { NoCompiler } from "./clang.ts";
import { PrecompiledHeaders } from "./precompiled.ts";

/** Time after which an idle process is ended: it takes some 350 MiB. */
const IDLE_MS = 10 * 60_000;

/** An order for the compiler's process. */
export interface CompilerOrder {
  /** Limit of processor time. */
  readonly timeMs: number;
  /**
   * Makes the order's JSON body.
   * @param sent Files that the process already has, by their paths. The function adds the files
   *   that the new order sends.
   */
  readonly body: (sent: Map<string, string | Uint8Array>) => object;
  /**
   * Called when the process begins the order. Called again if a new process has to repeat the
   * order.
   */
  readonly onBegin?: () => void;
}

/** Why an order was not executed. */
export interface CompilerEnd {
  /** Whether the process had begun the order. */
  readonly isBegun: boolean;
  /** The limit at which the process ended itself, or null. */
  readonly stopped: Stopped | null;
  /** Whether the process was killed, because it did not answer within {@linkcode MAX_MS}. */
  readonly isLate: boolean;
  /** How the process ended: "ends with 1", "was ended by SIGKILL". */
  readonly end: string;
  /** First line of the process's standard error. */
  readonly line: string | null;
}

/**
 * A message from the process. The process first says that it has begun an order. Its next message
 * is the result, or the reason why the process ends.
 */
interface Answer {
  readonly begun?: true;
  readonly stopped?: Stopped;
  readonly made?: { readonly module: string | null; readonly said: string };
}

/** Exit code of a process that SIGINT ended while it compiled. */
const INTERRUPTED = 130;

interface RunningCompiler {
  readonly child: Deno.ChildProcess;
  readonly writer: WritableStreamDefaultWriter<Uint8Array>;
  readonly answers: AsyncGenerator<string>;
  readonly errors: Promise<string | null>;
  readonly sent: Map<string, string | Uint8Array>;
  /** Whether the process has executed an order. */
  isWarm: boolean;
}

/** Starts the compiler's process at the first order, and again after it has ended. */
export class CompilerService {
  /** Shared by all runs of this thread: scenarios and trees often have the same headers. */
  readonly precompiled = new PrecompiledHeaders();
  #running: RunningCompiler | null = null;
  /** Why the last process ended unexpectedly; null if it did not. */
  #ended: string | null = null;
  #expectsMany = false;
  #last: Promise<unknown> = Promise.resolve();
  #idle: ReturnType<typeof setTimeout> | undefined;

  /**
   * @param start Starts a process.
   * @param maxMs Wall-clock limit for each order.
   * @param tell Receives a line when a new process replaces a process that has ended.
   */
  constructor(
    private readonly start: (forMany: boolean) => Deno.ChildProcess = startCompiler,
    private readonly maxMs: number = MAX_MS,
    private readonly tell: (line: string) => void = printLine,
  ) {}

  /** Process id of the compiler; null if no process is running. */
  get pid(): number | null {
    return this.#running?.child.pid ?? null;
  }

  /**
   * Announces that dozens of files follow, as for a tree without cached objects. This affects the next start
   * of a process.
   */
  expectMany(): void {
    this.#expectsMany = true;
  }

  /** Executes an order after all earlier orders. */
  request(order: CompilerOrder): Promise<Compiled | CompilerEnd | NoCompiler> {
    const answer = this.#last.then(() => this.#serve(order));
    this.#last = answer.catch(() => {});
    return answer;
  }

  /** Ends the process after its orders; the next order starts a new process. */
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
        // An idle process must not keep this program running.
        running.child.unref();
        const idle = setTimeout(() => void this.close(), IDLE_MS);
        host.unrefTimer(idle);
        this.#idle = idle;
        return result;
      }
      this.#running = null;
      this.#ended = reasonOf(result);
      // If the process reached the memory limit, the memory of earlier files may have been the
      // cause. Therefore the file is repeated once in a new process.
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
    // Write errors are ignored: a process that ends early reports the reason itself.
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

/** Why a process ended, as the beginning of the message about its replacement. */
function reasonOf({ end, isLate, stopped }: CompilerEnd): string {
  if (stopped !== null) return `The C compiler was stopped at its limit of ${stopped}`;
  return isLate ? "The C compiler did not answer" : `The C compiler ${end}`;
}

export function printLine(line: string): void {
  host.stderr.writeSync(new TextEncoder().encode(`${line}\n`));
}

/** Reads a stream to its end. @returns Its first line; null if it is empty. */
async function firstLine(stream: ReadableStream<Uint8Array>): Promise<string | null> {
  let text = "";
  const decoder = new TextDecoder();
  for await (const bytes of stream) text += decoder.decode(bytes, { stream: true });
  return text.split("\n").find((line) => line.trim() !== "") ?? null;
}

/** The service of this thread. */
export const compilerService = new CompilerService();
