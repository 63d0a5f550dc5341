/**
 * `deno task bench [--json] [--long] [FILTER]`: measures, and prints one line a result.
 *
 * FILTER is a part of a benchmark's name. With `--json` each line is one object
 * `{"name","value","unit","ratio","to"}`. With `--long` those that look for what grows with time
 * take minutes.
 */
import { formatResult } from "./bench/benchmark.ts";
import { BENCHMARKS } from "./bench/mod.ts";

const USAGE = "Usage: deno task bench [--json] [--long] [FILTER]";
const FLAGS = ["--json", "--long"];

async function main(words: readonly string[]): Promise<number> {
  const [filter = "", ...more] = words.filter((word) => !FLAGS.includes(word));
  const chosen = BENCHMARKS.filter(({ name }) => name.includes(filter));
  if (filter.startsWith("-") || more.length > 0 || chosen.length === 0) {
    const names = BENCHMARKS.map(({ name, doc }) => `  ${name.padEnd(20)} ${doc}`);
    console.error([USAGE, "", ...names].join("\n"));
    return filter === "--help" ? 0 : 2;
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

Deno.exit(await main(Deno.args));
