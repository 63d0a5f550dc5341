/** Controls the process that tries mutants: ends the process when it hangs, and starts a new one. */
import { join } from "node:path";
import { ANSWER, type Answer, linesOf, type Order, type TestName } from "./protocol.ts";

/** How an order ended: with an answer, or without one. */
export type Outcome = Exclude<Answer, { kind: "begins" }> | {
  readonly kind: "lost";
  /** The test that was running, or the file that was being loaded. */
  readonly at: string;
  /** Null if no test had begun. */
  readonly test: TestName | null;
  readonly reason: "time" | "crash";
};

const PERMISSIONS = ["-R", "-W", "--allow-env", "--allow-sys"];
const MAX_MEMORY_MIB = 2048;

/** Runs one process at a time, which executes one order at a time. */
export class Runner {
  readonly #tree: string;
  readonly #mutants: number;
  readonly #marks: number;
  #child: Deno.ChildProcess | null = null;
  #lines: AsyncGenerator<string> | null = null;

  /**
   * @param tree The folder of the copied project that contains the switches.
   * @param mutants The number of mutants.
   * @param marks The number of marks.
   */
  constructor(tree: string, mutants: number, marks: number) {
    this.#tree = tree;
    this.#mutants = mutants;
    this.#marks = marks;
  }

  /**
   * @param limitMs The time limit for one test, or for loading its file. It is called with null for
   *   the work before the first test.
   */
  async obey(order: Order, limitMs: (test: TestName | null) => number): Promise<Outcome> {
    const takesOwnProcess = order.kind === "try" && order.atLoad;
    if (takesOwnProcess) await this.end();
    const outcome = await this.#obey(order, limitMs);
    if (takesOwnProcess || outcome.kind === "lost") await this.end();
    return outcome;
  }

  async #obey(order: Order, limitMs: (test: TestName | null) => number): Promise<Outcome> {
    const lines = this.#begin();
    const writer = this.#child!.stdin.getWriter();
    let at = "the load";
    let test: TestName | null = null;
    let timeIsOver = false;
    const overTime = () => {
      timeIsOver = true;
      this.#child?.kill("SIGKILL");
    };
    let timer = setTimeout(overTime, limitMs(null));
    try {
      await writer.write(new TextEncoder().encode(`${JSON.stringify(order)}\n`));
      for (let next = await lines.next(); next.done !== true; next = await lines.next()) {
        if (!next.value.startsWith(ANSWER)) continue;
        const answer = JSON.parse(next.value.slice(ANSWER.length)) as Answer;
        if (answer.kind !== "begins") return answer;
        at = answer.what;
        test = answer.test;
        clearTimeout(timer);
        timer = setTimeout(overTime, limitMs(test));
      }
    } catch (error) {
      if (!(error instanceof Deno.errors.BrokenPipe)) throw error;
    } finally {
      clearTimeout(timer);
      writer.releaseLock();
    }
    return { kind: "lost", at, test, reason: timeIsOver ? "time" : "crash" };
  }

  #begin(): AsyncGenerator<string> {
    if (this.#lines !== null) return this.#lines;
    this.#child = new Deno.Command(Deno.execPath(), {
      args: [
        "run",
        "--no-check",
        "--no-prompt",
        `--v8-flags=--max-old-space-size=${MAX_MEMORY_MIB}`,
        ...PERMISSIONS,
        join(this.#tree, "tests/mutation/runner_main.ts"),
        String(this.#mutants),
        String(this.#marks),
      ],
      cwd: this.#tree,
      stdin: "piped",
      stdout: "piped",
      stderr: "null",
    }).spawn();
    this.#lines = linesOf(this.#child.stdout);
    return this.#lines;
  }

  async end(): Promise<void> {
    const child = this.#child;
    if (child === null) return;
    try {
      child.kill("SIGKILL");
    } catch {
      // The process has already ended.
    }
    await child.status;
    await this.#lines?.return(undefined).catch(() => {});
    await child.stdin.close().catch(() => {});
    this.#child = null;
    this.#lines = null;
  }
}
