/**
 * `deno task bench`: measures, and prints one line per result; `--help` lists the options.
 *
 * With `--json` each line is one object `{"name","value","unit","ratio","to"}`.
 */
import { command, flag, type Invocation, text } from "@dmalab/cli/extend";
import { type ExitCode, HELD, WRONG } from "@dmalab/cli/exit_code";
import { type Benchmark, formatResult } from "./bench/benchmark.ts";
import { BENCHMARKS } from "./bench/mod.ts";
import { CannotMeasure } from "@dmalab/cli/bench";
import { measureRepeatedly } from "./bench/repeated.ts";
import { runTask } from "./task.ts";

const OPTIONS = {
  list: flag("List the benchmarks."),
  json: flag("Print an object per result."),
  long: flag("Let the benchmarks that look for growth over time take minutes."),
  save: text("FILE", "Measure nine rounds and write them to FILE."),
  against: text(
    "FILE|COMMIT",
    "Compare nine rounds with a saved file, or with a commit in alternating rounds, and say " +
      "which differences are noise.",
  ),
} as const;

/** @throws {CannotMeasure} */
async function run({ options, words }: Invocation<typeof OPTIONS>): Promise<ExitCode> {
  const { against, json, long, save } = options;
  const filters = words.length === 0 ? [""] : words;
  const chosen = BENCHMARKS.filter(({ name }) => filters.some((part) => name.includes(part)));
  if (chosen.length === 0) {
    throw new CannotMeasure(
      `no benchmark has "${words.join('" or "')}" in its name; --list lists them`,
    );
  }
  const width = Math.max(...chosen.map(({ name }) => name.length));
  if (options.list) {
    for (const { name, doc } of chosen) console.log(`${name.padEnd(width)}  ${doc}`);
  } else if (save !== null || against !== null) {
    await measureRepeatedly(filters, { save, against });
  } else await measureOnce(chosen, width, { json, long });
  return HELD;
}

async function measureOnce(
  chosen: readonly Benchmark[],
  width: number,
  { json, long }: { readonly json: boolean; readonly long: boolean },
): Promise<void> {
  for (const benchmark of chosen) {
    const result = await benchmark.run({ long });
    for (const each of [result].flat()) {
      console.log(json ? JSON.stringify(each) : formatResult(each, width));
    }
  }
}

await runTask(command({
  name: "bench",
  brief: "Measure how fast each part is",
  description: "Runs the benchmarks whose names contain one of the words, or all of them, and " +
    "prints one line per result.",
  argument: {
    placeholder: "FILTER",
    doc: "A part of a benchmark's name.",
    completes: () => BENCHMARKS.map(({ name }) => name),
    count: "any",
  },
  options: OPTIONS,
  examples: [
    { line: "bench nvme.read4k", doc: "How many reads a second the whole path does." },
    { line: "bench iova --against main", doc: "The IOVA allocator before and after a change." },
  ],
  may: {},
  async run(invocation) {
    try {
      return await run(invocation);
    } catch (error) {
      if (!(error instanceof CannotMeasure)) throw error;
      console.error(`error: ${error.message}`);
      return WRONG;
    }
  },
}));
