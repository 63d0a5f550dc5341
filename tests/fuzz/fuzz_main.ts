/**
 * `deno task fuzz [--cases N] [--calls N] [--seconds N] [--seed S] [--workers N]`: mutated programs
 * for the language, calls of every builtin with any value, random requests for what is simulated.
 *
 * A million programs, a million calls, ten thousand programs that the formatter lays out, every slip
 * of a hand in the examples, and twenty thousand requests on machines without a known defect; or, with
 * `--seconds`, programs, calls and requests until the time is over. `--cases 0` leaves the programs
 * out, `--calls 0` the calls; with either, nothing but programs and calls is tried.
 *
 * No text may be answered with a crash, a stack trace, or not at all, and checking one takes at most
 * 50 ms and 1 µs for each character. What is found is printed with its text; put it into `tests/fuzz/found_test.ts`, and mend it.
 */
import { HELD } from "../../cli/exit_code.ts";
import { type HuntSettings, readHuntOptions } from "../../instruments/hunt/hunt_options.ts";
import { runHunt } from "../../cli/hunt/run_hunt.ts";
import { readWholeNumber } from "../../cli/numbers.ts";
import { Interrupts } from "../../cli/interrupts.ts";
import { ProcessScreen } from "../../cli/screen.ts";
import { CALLEE_KEYS } from "./calls/call_script.ts";
import { fuzzCalls } from "./calls/fuzz_calls.ts";
import { fuzz } from "./fuzz.ts";
import { tryGenerated } from "./generated.ts";
import { POOR_SHARE, trySlips } from "./slips.ts";

const SHOWN = 10;
const CASES = 1_000_000;
const GENERATED = 10_000;
const CALLS = 1_000_000;
/** The parts of a given time that programs and calls get; the rest is for requests. */
const PROGRAMS_PART = 0.4;
const CALLS_PART = 0.3;

function numberOption(name: string): number | null {
  const at = Deno.args.indexOf(`--${name}`);
  if (at < 0) return null;
  const value = readWholeNumber(Deno.args[at + 1] ?? "");
  if (value !== null) return value;
  console.error(`error: --${name} takes a whole number`);
  Deno.exit(2);
}

const grouped = (count: number) => count.toLocaleString("en-US");

function workers(): number {
  return numberOption("workers") ?? Math.max(1, navigator.hardwareConcurrency);
}

/** Mutated programs; true when none found a bug. */
async function tryPrograms(seed: number, seconds: number | null): Promise<boolean> {
  const start = performance.now();
  const { verdicts, bugs } = await fuzz({
    seed,
    cases: numberOption("cases") ?? (seconds === null ? CASES : Infinity),
    seconds: seconds === null ? Infinity : PROGRAMS_PART * seconds,
    workers: workers(),
  });
  const cases = Object.values(verdicts).reduce((sum, count) => sum + count, 0);
  const took = (performance.now() - start) / 1000;
  console.log(`${grouped(cases)} mutated programs of seed ${seed} in ${took.toFixed(0)} s`);
  for (const [verdict, count] of Object.entries(verdicts)) {
    console.log(`  ${verdict.padEnd(8)} ${grouped(count).padStart(11)}`);
  }
  for (const { number, problem, text } of bugs.slice(0, SHOWN)) {
    console.log(`\ncase ${number} of seed ${seed}: ${problem}\n${JSON.stringify(text)}`);
  }
  return bugs.length === 0;
}

/** Calls of every builtin; true when each is answered by a value or an error that makes sense. */
async function tryCalls(seed: number, seconds: number | null): Promise<boolean> {
  const start = performance.now();
  const { problems, tally } = await fuzzCalls({
    seed,
    calls: numberOption("calls") ?? (seconds === null ? CALLS : Infinity),
    seconds: seconds === null ? Infinity : CALLS_PART * seconds,
    workers: workers(),
  });
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
  }
  return problems.length === 0;
}

/** Generated programs, laid out twice; true when each keeps what it means and how it looks. */
function tryLayout(): boolean {
  const { changed, sound, wrong } = tryGenerated(GENERATED);
  console.log(
    `\n${grouped(GENERATED)} generated programs: ${grouped(sound)} are sound, ` +
      `${grouped(changed)} look different when formatted, ${wrong.length} are wrong`,
  );
  for (const line of wrong.slice(0, SHOWN)) console.log(`  ${line}`);
  return wrong.length === 0 && sound > GENERATED * 0.9;
}

/** Every slip of a hand in the examples; true when each is answered as it should be. */
function tryAllSlips(): boolean {
  const { counts, poor } = trySlips(1);
  const { variants, valid, syntax, meaning } = counts;
  const { syntaxFar, syntaxMany, meaningFar, meaningMany } = counts;
  console.log(
    `\n${grouped(variants)} slips of a hand in the examples: a token left out, doubled, swapped\n` +
      `  ${grouped(valid)} are valid programs\n` +
      `  ${grouped(syntax)} break the grammar: ${syntaxFar} with the first error elsewhere, ` +
      `${syntaxMany} with more than 3\n` +
      `  ${grouped(meaning)} break the meaning: ${meaningFar} with the first error elsewhere, ` +
      `${meaningMany} with more than 3`,
  );
  for (const line of poor.slice(0, SHOWN)) console.log(`  ${line}`);
  if (poor.length > SHOWN) console.log(`  … and ${poor.length - SHOWN} more`);
  return poor.length <= variants * POOR_SHARE;
}

/** Random requests on machines without a known defect; true when nothing breaks. */
async function tryRequests(seed: number, seconds: number | null): Promise<boolean> {
  console.log();
  const words = {
    kernel: null,
    quirks: "none",
    cases: null,
    seconds: seconds === null ? null : Math.max(1, (1 - PROGRAMS_PART - CALLS_PART) * seconds),
    seed,
    shard: null,
  };
  const settings = readHuntOptions(words) as HuntSettings;
  const screen = new ProcessScreen();
  const exitCode = await runHunt(
    { settings },
    { path: null, words, jobs: 1 },
    screen,
    new Interrupts(),
  );
  screen.flush();
  return exitCode === HELD;
}

const seed = numberOption("seed") ?? 1;
const seconds = numberOption("seconds");
const isPart = numberOption("cases") === 0 || numberOption("calls") === 0;
const held = [
  numberOption("cases") === 0 || await tryPrograms(seed, seconds),
  numberOption("calls") === 0 || await tryCalls(seed, seconds),
  isPart || seconds !== null || tryLayout(),
  isPart || seconds !== null || tryAllSlips(),
  isPart || await tryRequests(seed, seconds),
];
Deno.exit(held.every(Boolean) ? 0 : 1);
