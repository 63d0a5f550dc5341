/**
 * `deno task script fuzz`: mutated programs for the language, and calls of every builtin with any value;
 * `--help` lists the options. For random requests see `dmalab hunt --quirks none`.
 *
 * Problems are printed with their texts. Add the text of a problem to `tests/fuzz/found_test.ts`, and
 * fix the problem.
 */
import { command, flag, integer, type Invocation } from "@dmalab/cli/extend";
import { type ExitCode, FAILED, HELD } from "@dmalab/cli/exit_code";
import { SEED, TEXT_CHECKS } from "../checks/checks.ts";
import { CALLEE_KEYS } from "./calls/call_script.ts";
import { fuzz, fuzzCalls, repeatLine } from "./fuzz.ts";
import { tryLayouts } from "./laid_out.ts";
import type { Amount } from "./shares.ts";
import { mostPoor, trySlips } from "./slips.ts";
import { runTask } from "@dmalab/tools";

const SHOWN = 10;
const LAYOUTS = TEXT_CHECKS.layouts.script;
/** The part of the given time for programs; the rest is for calls. */
const PROGRAMS_SHARE = 4 / 7;

const OPTIONS = {
  cases: integer("N", "Try N programs (a million); 0: no programs."),
  check: flag("Check the programs and run none; print the slowest to check."),
  calls: integer("N", "Try N calls (a million); 0: no calls."),
  seconds: integer("N", "Try programs and calls for N seconds."),
  seed: integer("S", "Draw others (1)."),
  case: integer("K", "Try only the program, or the session of calls, with this number."),
  workers: integer("N", "Use N workers (one for each processor).", { least: 1 }),
} as const;

const grouped = (count: number) => count.toLocaleString("en-US");

/** Tries mutated programs. @returns Whether no bug was found. */
async function tryPrograms(amount: Amount, runs: boolean): Promise<boolean> {
  const { seed } = amount;
  const start = performance.now();
  const { verdicts, bugs, slowest } = await fuzz(amount, runs);
  const cases = Object.values(verdicts).reduce((sum, count) => sum + count, 0);
  const took = (performance.now() - start) / 1000;
  console.log(`${grouped(cases)} mutated programs of seed ${seed} in ${took.toFixed(0)} s`);
  for (const [verdict, count] of Object.entries(verdicts)) {
    console.log(`  ${verdict.padEnd(8)} ${grouped(count).padStart(11)}`);
  }
  for (const { number, problem, text } of bugs.slice(0, SHOWN)) {
    console.log(`\ncase ${number} of seed ${seed}: ${problem}\n${JSON.stringify(text)}`);
    console.log(repeatLine("programs", seed, number));
  }
  for (const { number, text, timeShare } of runs ? [] : slowest.slice(0, SHOWN)) {
    const percent = (100 * timeShare).toFixed(0);
    console.log(`case ${number}: ${text.length} characters take ${percent} % of their time`);
  }
  return bugs.length === 0;
}

/**
 * Tries calls of every builtin.
 * @returns Whether each call returned a value or an error that makes sense.
 */
async function tryCalls(amount: Amount): Promise<boolean> {
  const { seed } = amount;
  const start = performance.now();
  const { problems, tally } = await fuzzCalls(amount);
  const sum = (counts: ReadonlyMap<string, number>) =>
    [...counts.values()].reduce((a, b) => a + b, 0);
  const silent = CALLEE_KEYS.filter((key) => !tally.answered.has(key));
  const took = (performance.now() - start) / 1000;
  console.log(
    `\n${grouped(sum(tally.called))} calls of ${tally.called.size} builtins of seed ${seed} in ` +
      `${took.toFixed(0)} s\n  ${grouped(tally.run)} get past the checker\n` +
      `  ${grouped(sum(tally.answered))} give what they say, of ${tally.answered.size} builtins` +
      (silent.length === 0 ? "" : `\n  none of these does: ${silent.join(", ")}`),
  );
  for (const { inputs, number, problem } of problems.slice(0, SHOWN)) {
    console.log(`\nsession ${number} of seed ${seed}: ${problem}\n${inputs.join("\n")}`);
    console.log(repeatLine("calls", seed, number));
  }
  return problems.length === 0;
}

/**
 * Lays out programs at random, and formats them twice.
 * @returns Whether each program keeps its meaning, and is unchanged by the second formatting.
 */
function tryLayout(): boolean {
  const { changed, sound, wrong } = tryLayouts(LAYOUTS);
  console.log(
    `\n${grouped(LAYOUTS)} programs laid out by lot: ${grouped(sound)} are sound, ` +
      `${grouped(changed)} look different when formatted, ${wrong.length} are wrong`,
  );
  for (const line of wrong.slice(0, SHOWN)) console.log(`  ${line}`);
  return wrong.length === 0 && sound > LAYOUTS * 0.9;
}

/** Tries every typing slip in the examples. @returns Whether each gets a good error message. */
function tryAllSlips(): boolean {
  const { counts, poor } = trySlips(1);
  const { variants, valid, syntax, meaning } = counts;
  console.log(
    `\n${grouped(variants)} slips of a hand in the examples: a token left out, doubled, swapped\n` +
      `  ${grouped(valid)} are valid programs\n` +
      `  ${grouped(syntax.all)} break the grammar: ${syntax.far} with the first error elsewhere, ` +
      `${syntax.many} with more than 3\n` +
      `  ${
        grouped(meaning.all)
      } break the meaning: ${meaning.far} with the first error elsewhere, ` +
      `${meaning.many} with more than 3`,
  );
  for (const line of poor.slice(0, SHOWN)) console.log(`  ${line}`);
  if (poor.length > SHOWN) console.log(`  … and ${poor.length - SHOWN} more`);
  return poor.length <= mostPoor(variants);
}

async function run(options: Invocation<typeof OPTIONS>["options"]): Promise<ExitCode> {
  const { calls, cases, seconds } = options;
  const seed = options.seed ?? SEED;
  const workers = options.workers ?? Math.max(1, navigator.hardwareConcurrency);
  const isPart = cases === 0 || calls === 0 || options.case !== null;
  const amount = (count: number | null, usual: number, share: number): Amount => ({
    cases: options.case !== null ? 1 : count ?? (seconds === null ? usual : Infinity),
    first: options.case ?? 0,
    seconds: seconds === null ? Infinity : seconds * (isPart ? 1 : share),
    seed,
    workers,
  });
  const held = [
    cases === 0 ||
    await tryPrograms(amount(cases, TEXT_CHECKS.programs.script, PROGRAMS_SHARE), !options.check),
    calls === 0 || await tryCalls(amount(calls, TEXT_CHECKS.calls.script, 1 - PROGRAMS_SHARE)),
    isPart || seconds !== null || tryLayout(),
    isPart || seconds !== null || tryAllSlips(),
  ];
  return held.every(Boolean) ? HELD : FAILED;
}

await runTask(command({
  name: "fuzz",
  brief: "Broken programs, and calls with any value",
  description:
    "Also ten thousand programs with random layout for the formatter, and every typing slip in " +
    "the examples. No text may be answered with a crash, a stack trace, or not at all, and checking one " +
    "takes time in proportion to its length. With --cases 0 or --calls 0 only the other is tried.",
  argument: null,
  options: OPTIONS,
  examples: [
    { line: "fuzz --calls 0 --cases 100000 --seed 3", doc: "Broken programs only." },
  ],
  may: {},
  run: async ({ options }) => await run(options),
}));
