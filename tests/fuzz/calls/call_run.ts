/**
 * Runs sessions of generated calls, and checks every resulting text: none may report a bug of
 * dmalab or contain nonsense.
 */
import { BUG_CODE, renderDiagnostic } from "@dmalab/lang/diagnostics";
import { LoadError } from "@dmalab/lang/syntax";
import type { InputResult } from "@dmalab/lang/run";
import { RunSession } from "@dmalab/lang/program";
import { BUILTINS } from "@dmalab/lang/builtins";
import { auditedRegistry } from "@dmalab/lang/testing";
import { Choices } from "@dmalab/hunt";
import { fewest } from "../../checks/check.ts";
import type { ArgumentCorpus } from "./argument_corpus.ts";
import { type CallInput, CallScript } from "./call_script.ts";

/** Number of calls in a session: enough for objects to be used after their end. */
export const CALLS_PER_SESSION = 100;
/**
 * Number of random machines that are tried; if no tried machine is valid, the machine without devices
 * is used.
 */
const MACHINES_TRIED = 6;
/** Time limit of a single input by the host's clock: a longer time is an error. */
const PATIENCE_MS = 60_000;

const LIMITS = {
  steps: 2_000_000,
  memoryBytes: 2 ** 24,
  events: 20_000,
  depth: 64,
  outputLines: 20_000,
  outputBytes: 2 ** 20,
  timeMs: PATIENCE_MS,
};

/**
 * Words that no text of dmalab contains. Each is a value of the host that was printed by mistake.
 * `null` is allowed before " po": "null pointer" is a term of the kernel, and a long line may be
 * cut inside it.
 */
const NONSENSE = /\bundefined\b|\bNaN\b|\bInfinity\b|\bnull\b(?! po)|\[object \w+\]/;

export interface CallTally {
  /** How often each builtin was called, and how often the call returned a result. */
  readonly called: Map<string, number>;
  readonly answered: Map<string, number>;
  /** Total number of calls that the checker accepted. */
  run: number;
}

export interface CallProblem {
  /** A key that is equal for problems with the same cause. */
  readonly key: string;
  readonly problem: string;
  readonly inputs: readonly string[];
}

export function emptyTally(): CallTally {
  return { called: new Map(), answered: new Map(), run: 0 };
}

/**
 * Runs the session with a seed and a number.
 *
 * @param known Keys of problems that are not to be reported again.
 * @returns The first problem, with the fewest inputs that still show it; null without a problem.
 */
export function playCalls(
  seed: number,
  number: number,
  corpus: ArgumentCorpus,
  tally: CallTally,
  known: ReadonlySet<string> = new Set(),
): CallProblem | null {
  const script = new CallScript(Choices.of(seed, number), corpus);
  const player = new Player();
  const inputs: string[] = [];
  /**
   * Runs an input. Throws an error with the problem if the answer is bad. @returns Whether the
   * input created a machine.
   */
  const feed = (input: CallInput): boolean => {
    inputs.push(input.text);
    const result = player.feed(input.text);
    count(input, result, tally);
    noteNames(script, player, input, result);
    return result.newMachine;
  };
  try {
    feed(script.beginning());
    for (let tried = 0; tried < MACHINES_TRIED && !feed(script.machine()); tried++);
    for (let calls = 0; calls < CALLS_PER_SESSION;) {
      const input = script.next();
      if (input.builtin !== null) calls++;
      feed(input);
    }
  } catch (error) {
    if (error instanceof Nonsense) return described(error.message, inputs, known);
    throw error;
  }
  return null;
}

/** Thrown when the answer to an input is bad, for example when its text contains nonsense. */
class Nonsense extends Error {}

function count(
  { builtin }: CallInput,
  { diagnostics, failure }: InputResult,
  tally: CallTally,
): void {
  if (builtin === null) return;
  const add = (to: Map<string, number>) => to.set(builtin, (to.get(builtin) ?? 0) + 1);
  add(tally.called);
  if (diagnostics.some(({ severity }) => severity === "error")) return;
  tally.run++;
  if (failure === null) add(tally.answered);
}

function noteNames(
  script: CallScript,
  { session }: Player,
  { variable }: CallInput,
  { failure, newMachine, values }: InputResult,
): void {
  if (failure === null && variable !== null && values.length > 0) {
    script.note(variable, values.at(-1)!.value);
  }
  if (newMachine) { for (const [name, value] of session.machine.globals) script.note(name, value); }
}

/** A session that collects its output. */
class Player {
  readonly #lines: string[] = [];
  readonly session = new RunSession({
    registry: auditedRegistry(BUILTINS),
    loader: { load: (path) => new LoadError("not_found", `Cannot find the file "${path}"`) },
    limits: LIMITS,
    watch: {
      nowMs: () => performance.now(),
      interrupted: () => false,
    },
    runsTests: false,
    onLine: (line) => this.#lines.push(line),
  });

  /** Runs one input. @throws {Nonsense} */
  feed(text: string): InputResult {
    this.#lines.length = 0;
    let result: InputResult;
    try {
      result = this.session.feed(text);
    } catch (error) {
      throw new Nonsense(error instanceof Error ? error.stack : String(error));
    }
    const problem = this.#problemOf(result, text);
    if (problem !== null) throw new Nonsense(problem);
    return result;
  }

  #problemOf({ diagnostics, failure, incomplete, undone, values }: InputResult, text: string) {
    if (incomplete) return `wants more input after ${text}`;
    const bug = diagnostics.find(({ code }) => code === BUG_CODE);
    if (bug !== undefined) return bug.message;
    if (undone) return `takes longer than ${PATIENCE_MS / 1000} s`;
    if (failure?.kind === "bug") return failure.lines.join("\n");
    const said = [
      ...this.#lines,
      ...values.map((value) => value.text),
      ...failure?.lines ?? [],
      ...diagnostics.map((diagnostic) => renderDiagnostic(diagnostic)),
    ];
    const nonsense = said.find((line) => NONSENSE.test(line));
    return nonsense === undefined ? null : `nonsense: ${nonsense}`;
  }
}

function described(
  problem: string,
  inputs: readonly string[],
  known: ReadonlySet<string>,
): CallProblem | null {
  const key = keyOf(problem);
  if (known.has(key)) return null;
  return { key, problem, inputs: fewest(inputs, (some) => keyOfInputs(some) === key) };
}

/** The key of a problem: its text without numbers and without the position in the script. */
function keyOf(problem: string): string {
  const [first = "", ...rest] = problem.split("\n");
  const place = rest.find((line) => /^\s*at /.test(line)) ?? "";
  return `${first.slice(0, 80)}${place}`.replace(/[\d_]+|0x[\da-f_]+/g, "0");
}

function keyOfInputs(inputs: readonly string[]): string | null {
  const player = new Player();
  try {
    for (const text of inputs) player.feed(text);
  } catch (error) {
    if (error instanceof Nonsense) return keyOf(error.message);
    throw error;
  }
  return null;
}
