/**
 * `deno task bench [--json] [--long] [--save FILE] [--against FILE|COMMIT] [FILTER…]`: measures, and
 * prints one line per result.
 *
 * `--save` writes nine rounds to a file. `--against` compares nine rounds with a saved file, or with
 * another commit in alternating rounds, and says which differences are noise.
 *
 * FILTER is a part of a benchmark's name, one of several. With `--json` each line is one object
 * `{"name","value","unit","ratio","to"}`. With `--long` the benchmarks that look for growth over time
 * take minutes.
 */
import { formatResult } from "./bench/benchmark.ts";
import { BENCHMARKS } from "./bench/mod.ts";
import { CannotMeasure, measureRepeatedly } from "./bench/repeated.ts";

const USAGE =
  "Usage: deno task bench [--json] [--long] [--save FILE] [--against FILE|COMMIT] [FILTER…]";
const FLAGS = ["--json", "--long"];

async function main(words: readonly string[]): Promise<number> {
  const rest = words.filter((word) => !FLAGS.includes(word));
  const [save, against] = [taken(rest, "--save"), taken(rest, "--against")];
  const filters = rest.length === 0 ? [""] : rest;
  const chosen = BENCHMARKS.filter(({ name }) => filters.some((part) => name.includes(part)));
  if (filters.some((part) => part.startsWith("-")) || chosen.length === 0) {
    const names = BENCHMARKS.map(({ name, doc }) => `  ${name.padEnd(20)} ${doc}`);
    console.error([USAGE, "", ...names].join("\n"));
    return filters.includes("--help") ? 0 : 2;
  }
  if (save !== null || against !== null) {
    await measureRepeatedly(filters, { save, against });
    return 0;
  }
  const json = words.includes("--json");
  const width = Math.max(...chosen.map(({ name }) => name.length));
  for (const benchmark of chosen) {
    const result = await benchmark.run({ long: words.includes("--long") });
    for (const each of [result].flat()) {
      console.log(json ? JSON.stringify(each) : formatResult(each, width));
    }
  }
  return 0;
}

/** The value of an option, which is taken out of the words; null where it is not given. */
function taken(words: string[], option: string): string | null {
  const at = words.indexOf(option);
  return at < 0 || at + 1 === words.length ? null : words.splice(at, 2)[1]!;
}

try {
  Deno.exit(await main(Deno.args));
} catch (error) {
  if (!(error instanceof CannotMeasure)) throw error;
  console.error(`error: ${error.message}`);
  Deno.exit(2);
}
