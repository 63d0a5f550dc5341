/**
 * `deno task fuzz [--cases N] [--seed S] [--workers N]`: a million mutated programs, then every slip
 * of a hand in the examples.
 *
 * No text may be answered with a crash, a stack trace, or not at all. What is found is printed with
 * its text; put it into `tests/fuzz/found_test.ts`, and mend it.
 */
import { readWholeNumber } from "../../cli/numbers.ts";
import { fuzz } from "./fuzz.ts";
import { trySlips } from "./slips.ts";

const SHOWN = 10;

function numberOption(name: string, otherwise: number): number {
  const at = Deno.args.indexOf(`--${name}`);
  if (at < 0) return otherwise;
  const value = readWholeNumber(Deno.args[at + 1] ?? "");
  if (value !== null) return value;
  console.error(`error: --${name} takes a whole number`);
  Deno.exit(2);
}

const cases = numberOption("cases", 1_000_000);
const seed = numberOption("seed", 1);
const workers = numberOption("workers", Math.max(1, navigator.hardwareConcurrency));

const start = performance.now();
const { verdicts, bugs } = await fuzz({ cases, seed, workers });
const seconds = (performance.now() - start) / 1000;
console.log(
  `${cases.toLocaleString("en-US")} mutated programs of seed ${seed} in ${seconds.toFixed(0)} s`,
);
for (const [verdict, count] of Object.entries(verdicts)) {
  console.log(`  ${verdict.padEnd(8)} ${count.toLocaleString("en-US").padStart(11)}`);
}
for (const { number, problem, text } of bugs.slice(0, SHOWN)) {
  console.log(`\ncase ${number} of seed ${seed}: ${problem}\n${JSON.stringify(text)}`);
}

const { counts, poor } = trySlips(1);
const { variants, valid, syntax, meaning, syntaxFar, syntaxMany, meaningFar, meaningMany } = counts;
console.log(
  `\n${
    variants.toLocaleString("en-US")
  } slips of a hand in the examples: a token left out, doubled, swapped\n` +
    `  ${valid} are valid programs\n` +
    `  ${syntax} break the grammar: ${syntaxFar} with the first error elsewhere, ${syntaxMany} with more than 3\n` +
    `  ${meaning} break the meaning: ${meaningFar} with the first error elsewhere, ${meaningMany} with more than 3`,
);
for (const line of poor.slice(0, SHOWN)) console.log(`  ${line}`);
if (poor.length > SHOWN) console.log(`  … and ${poor.length - SHOWN} more`);
Deno.exit(bugs.length > 0 || syntaxMany > 0 ? 1 : 0);
