/**
 * The scripts of the table of random checks: `deno task script property|cases|soak [CHECK]`. A
 * failure is printed with its case and the line that repeats it; the exit code is then 1.
 */
import { command, integer, type Invocation } from "@dmalab/cli/extend";
import { type ExitCode, FAILED, HELD } from "@dmalab/cli/exit_code";
import { runTask } from "@dmalab/tools";
import { type Check, runCase, Tally } from "./check.ts";
import { CHECKS, SEED } from "./checks.ts";

const [script = "", ...words] = Deno.args;
const OF_SCRIPT = CHECKS.filter((check) => check.script === script);

/** A run prints this many lines of progress. */
const POINTS = 10;
/** Limit of the least heap in the second half of a run, relative to the first half. */
const HEAP_GROWTH = 1.25;
const MIB = 2 ** 20;

const OPTIONS = {
  cases: integer("N", "Try N cases of each check."),
  seconds: integer("N", "Try each check for N seconds."),
  seed: integer("S", "Draw others (1)."),
  case: integer("K", "Try only the case with this number."),
  steps: integer("N", "Do N steps in each case."),
} as const;

type Options = Invocation<typeof OPTIONS>["options"];

function heapBytes(): number {
  (globalThis as { readonly gc?: () => void }).gc?.();
  const { external, heapUsed } = Deno.memoryUsage();
  return heapUsed + external;
}

/** Runs the cases of a check. @returns What was counted. @throws {Error} What does not hold. */
function runCheck(check: Check, options: Options): string {
  const { budget: { script: [usual, usualSteps] = [0, 0] }, keepsHeap } = check;
  const seed = options.seed ?? SEED;
  const steps = options.steps ?? usualSteps;
  const first = options.case ?? 0;
  const seconds = options.seconds ?? Infinity;
  const cases = options.case !== null
    ? 1
    : options.cases ?? (options.seconds === null ? usual : Infinity);
  const tally = new Tally();
  const heaps: number[] = [];
  const until = performance.now() + 1000 * seconds;
  for (let done = 0; done < cases && performance.now() < until; done++) {
    runCase(check, seed, first + done, steps, { tally });
    if (cases < POINTS || (done + 1) % Math.ceil(cases / POINTS) !== 0) continue;
    if (keepsHeap) heaps.push(heapBytes());
    const heap = keepsHeap ? `, heap ${(heaps.at(-1)! / MIB).toFixed(1)} MiB` : "";
    console.log(`${check.name}: ${done + 1} cases${heap}`);
  }
  const half = heaps.length / 2;
  // The last machine of a point may still be in memory, so the least of each half counts.
  const growth = Math.min(...heaps.slice(half)) / Math.min(...heaps.slice(0, half));
  if (growth > HEAP_GROWTH) {
    throw new Error(`the heap grows ${growth.toFixed(2)} times in the second half`);
  }
  return `${check.name}, seed ${seed}: ${tally.text}`;
}

function run(names: readonly string[], options: Options): ExitCode {
  const checks = OF_SCRIPT.filter(({ name }) => names.length === 0 || names.includes(name));
  const held = checks.map((check) => {
    const start = performance.now();
    try {
      const text = runCheck(check, options);
      console.log(`${text}, ${((performance.now() - start) / 1000).toFixed(1)} s`);
      return true;
    } catch (error) {
      console.error(`${check.name}: ${(error as Error).message}`);
      return false;
    }
  });
  return checks.length > 0 && held.every(Boolean) ? HELD : FAILED;
}

await runTask(
  command({
    name: script,
    brief: "Random checks",
    description: OF_SCRIPT.map(({ about, name }) => `${name}: ${about}.`).join(" "),
    argument: {
      placeholder: "CHECK",
      doc: `${OF_SCRIPT.map(({ name }) => name).join(", ")}; default: all of these`,
      completes: "nothing",
      count: "any",
    },
    options: OPTIONS,
    examples: [{ line: `${script} --seed 7`, doc: "Other cases." }],
    may: {},
    run: ({ options, words }) => Promise.resolve(run(words, options)),
  }),
  words,
);
