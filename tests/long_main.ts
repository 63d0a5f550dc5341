/**
 * Long forms of tests: `deno task script record-moves|fuzz-traces|nvme-requests`.
 * The arguments of each are the number of tries and, if the test draws numbers, a seed. Failures are
 * printed, and the exit code is then 1.
 */
import { resolve } from "node:path";
import { readWholeNumber } from "@dmalab/cli";
import { scenariosBelow } from "./examples.ts";

const [name = "", ...words] = Deno.args;

function fail(message: string, code: 1 | 2 = 1): never {
  console.error(message);
  Deno.exit(code);
}

/** A whole number of the command line, or the default. */
function numberAt(index: number, usual: number): number {
  const word = words[index];
  return (word === undefined ? usual : readWholeNumber(word)) ??
    fail(`error: deno task ${name} takes whole numbers, not ${JSON.stringify(word)}`, 2);
}

const grouped = (count: number) => count.toLocaleString("en-US");

/**
 * Numbers of damaged lines in a large and in a small file. The small files are needed because
 * together they end in every state of a ledger.
 */
const BATCHES = [200_000, 2_000] as const;
const MAX_SECONDS_PER_LINE = 0.002;

const RUNS: Readonly<Record<string, () => Promise<string>>> = {
  /**
   * Replays every run of every example forwards and backwards, and moves at random in the longest
   * run.
   */
  async "record-moves"() {
    const { compareRuns, moveAtRandom, recordingsOf } = await import("./recording/same_run.ts");
    const paths = scenariosBelow("examples")
      .filter((path) => words.length === 0 || words.some((part) => path.includes(part)));
    for (const path of paths) {
      const all = { compared: Infinity, moves: 100_000, looks: 10 };
      const { events, looks, moves, runs } = compareRuns(path, all);
      console.log(`${path}: ${runs} runs, ${events} events, ${moves} moves, ${looks} looks`);
    }
    for (const path of paths.filter((path) => path.startsWith("examples/nvme/04-"))) {
      const [longest] = [...recordingsOf(path)].toSorted((a, b) => b.log.count - a.log.count);
      console.log(`${path}: 10000 random moves to ${moveAtRandom(longest!, 10_000, 1)} places`);
    }
    return `${paths.length} examples, each as a fresh run; nothing differs`;
  },

  /** Damaged lines of traces and logs. */
  async "fuzz-traces"() {
    const { readDamaged, traceCorpus } = await import("./fuzz/trace_lines.ts");
    const [lines, seed] = [numberAt(0, 1_000_000), numberAt(1, 1)];
    const corpus = await traceCorpus();
    let [read, damaged, findings] = [0, 0, 0];
    for (let batch = 0; read < lines; batch++) {
      const count = Math.min(BATCHES[batch % 2 === 0 && batch < 5 ? 0 : 1], lines - read);
      const before = performance.now();
      const found = readDamaged(corpus, count, seed + batch);
      const seconds = (performance.now() - before) / 1000;
      if (seconds > 1 + count * MAX_SECONDS_PER_LINE) {
        fail(`batch ${batch} of seed ${seed}: ${count} lines took ${seconds.toFixed(1)} s`);
      }
      read += count;
      damaged += found.damagedLines;
      findings += found.findings;
    }
    return `${grouped(read)} damaged lines of seed ${seed}: no exception, ` +
      `${grouped(damaged)} reported as damaged, ${grouped(findings)} findings`;
  },

  /**
   * Random requests, once through the NVMe driver in C and once through the kernel's own driver.
   * Arguments: number of requests, seed.
   */
  /** @throws {Error} Where the tree's driver does not compile. */
  async "nvme-requests"() {
    const { requestsProgram, runRequests } = await import("@dmalab/c_drivers/tests");
    const treeAt = words.indexOf("--tree");
    const tree = treeAt < 0
      ? undefined
      : words.splice(treeAt, 2)[1] ?? fail("--tree needs a folder", 2);
    const [count, seed] = [numberAt(0, 10_000), numberAt(1, 1)];
    const program = await requestsProgram(count, tree && resolve(tree));
    const outcomes = runRequests(
      program,
      "unbounced",
      ({ compared, different, failure, formats, name }) => {
        const formatted = [...formats].map(([format, many]) => `${many} ${format}`).join(", ");
        console.log(`${name}: ${failure ?? "held"}, ${formatted}; ${compared} compared`);
        for (const text of different.slice(0, 3)) console.log(text);
      },
      { seed },
    );
    const wrong = outcomes.filter((each) => each.failure !== null || each.different.length > 0);
    return wrong.length === 0 ? "all held" : fail(`${wrong.length} tests differ`);
  },
};

const run = RUNS[name] ?? fail(`error: there are ${Object.keys(RUNS).join(", ")}`, 2);
const start = performance.now();
console.log(`${await run()}, ${((performance.now() - start) / 1000).toFixed(1)} s`);
