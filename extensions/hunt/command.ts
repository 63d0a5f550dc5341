import {
  choice,
  command,
  integer,
  jobCount,
  JOBS,
  refuse,
  type Screen,
  SEED,
  text,
} from "@dmalab/cli/extend";
import { type ExitCode, WRONG } from "@dmalab/cli/exit_code";
import { DEFAULT_KERNEL, KERNEL_NAMES } from "@dmalab/runtime/kernels";
import type { HuntWords } from "./requests/hunt_options.ts";
import { MAX_SEEDS } from "./cli/seeds.ts";

/** Environment variables with which schedulers pass a job's index and count. */
const SHARD_VARIABLES = [
  "SLURM_ARRAY_TASK_ID",
  "JOB_COMPLETION_INDEX",
  "CI_NODE_INDEX",
  "PARALLEL_SEQ",
];

export const HUNT = command({
  name: "hunt",
  brief: "Search for defects: every case of a driver, or random requests.",
  description:
    "With a file that declares a `driver`: tests the driver's map and unmap functions on every " +
    "buffer layout, machine and injected failure that its declaration allows (a random sample if " +
    "there are too many), and prints a minimal failing case as a test. Otherwise: runs random " +
    "requests on random machines with injected failures, and checks each for correct data, correct " +
    "status, no IOMMU fault, no access outside the request's memory and no leak. A failing case is " +
    "minimised and printed as a failing test, with the defect switch (`quirks`) that causes it; the " +
    "hunt then continues with that switch off. `--seeds` repeats the hunt with other seeds; `--shard` " +
    "takes a part of them, and `hunt merge FILE…` prints what all parts found (docs/hunt.md, On many " +
    "machines). Exit codes: 0 nothing found; 1 a defect found; 2 wrong options or files; 3 nothing " +
    "found, but shards are missing.",
  argument: {
    placeholder: "[merge] FILE",
    doc: "a scenario: test its drivers, or use its machine; default: random machines; for merge, " +
      "the files of the shards",
    completes: "files",
    count: "any",
  },
  options: {
    kernel: choice(
      "RELEASE",
      KERNEL_NAMES,
      `kernel release: ${KERNEL_NAMES.join(", ")} (default: ${DEFAULT_KERNEL})`,
    ),
    quirks: text(
      "LIST",
      'defects to add to or remove from the release\'s: "x" adds, "not x" removes, "none" first: empty set',
    ),
    mode: text("MODE", "IOMMU mode of random machines (default: drawn)"),
    cases: integer(
      "NUMBER",
      "requests to try (default: 20000), or cases of a driver (default: 1000000)",
    ),
    seconds: integer("NUMBER", "stop after NUMBER seconds"),
    seed: { ...SEED, doc: "random seed (default: 1)" },
    seeds: integer(
      "NUMBER",
      "how many seeds to hunt with, one after the other (default: 1; with --shard I/N: N)",
      { least: 1, most: MAX_SEEDS },
    ),
    shard: text("I/N", "run shard I of N of the seeds"),
    out: text(
      "DIR",
      "keep each seed's result in DIR/shard-I.jsonl; started again, the shard goes on there",
    ),
    jobs: JOBS,
  },
  examples: [
    { line: "hunt", doc: "20000 requests on 7.2.12" },
    { line: "hunt --kernel 7.2.6 --seconds 60", doc: "one minute on another release" },
    { line: "hunt --quirks none --cases 100000", doc: "without any known defect" },
    { line: "hunt examples/museum/11-gap-bit.dma", doc: "on the machine of a scenario" },
    {
      line: "hunt examples/api/04-two-step-unwind.dma",
      doc: "the driver of a scenario, every case",
    },
    {
      line: "hunt --seeds 500 --shard 3/64 --out results",
      doc: "a part of a hunt on many machines",
    },
    { line: "hunt merge results/*.jsonl", doc: "what all parts found" },
    { line: "hunt --jobs 1", doc: "on one core, with the same report" },
  ],
  may: { compiles: true, shares: true, folders: ["--out"], variables: SHARD_VARIABLES },
  async run({ words, options, screen }) {
    const { FileError } = await import("@dmalab/cli");
    const { CannotHunt } = await import("./driver/driver_case.ts");
    try {
      return await huntAsAsked(words, options, screen);
    } catch (error) {
      if (error instanceof CannotHunt) return refuse(error.message, screen);
      if (!(error instanceof FileError)) throw error;
      screen.err(error.lines);
      return WRONG;
    }
  },
});

interface HuntAsked extends HuntWords {
  readonly seeds: number | null;
  readonly shard: string | null;
  readonly out: string | null;
  readonly jobs: number | null;
}

async function huntAsAsked(
  words: readonly string[],
  { jobs, out, seeds, shard: part, ...asked }: HuntAsked,
  screen: Screen,
): Promise<ExitCode> {
  const [path = null, ...more] = words;
  if (path === "merge") {
    const { mergeShards } = await import("./cli/merge.ts");
    return more.length > 0
      ? mergeShards(more, screen)
      : refuse("hunt merge needs the files of the shards", screen);
  }
  if (more.length > 0) return refuse(`hunt takes one scenario, not also "${more[0]}"`, screen);
  const { readShard } = await import("@dmalab/cli/testing");
  const shard = readShard(part ?? "1/1");
  if (shard === null) return refuse(`--shard takes a part such as 2/4, not "${part}"`, screen);
  if (seeds !== null && seeds < shard.count) {
    return refuse(`--shard ${part} needs ${shard.count} seeds, not --seeds ${seeds}`, screen);
  }
  const isOne = seeds === null && part === null && out === null;
  if (!isOne && asked.seconds !== null) {
    return refuse("--seconds is for a hunt with one seed; limit several by --cases", screen);
  }
  const { openHunt } = await import("./cli/open_hunt.ts");
  const { withInterrupts } = await import("@dmalab/cli");
  const opened = await openHunt(path, asked, screen);
  if (opened === null) return WRONG;
  return await withInterrupts(async (interrupts) => {
    const workers = { path, words: asked, jobs: jobCount(jobs) };
    if (!isOne) {
      const { runSeeds } = await import("./cli/run_seeds.ts");
      const { VERSION } = await import("@dmalab/cli/extend");
      const plan = {
        hunt: commandOf(path, asked),
        version: VERSION,
        files: opened.files,
        seed: asked.seed ?? 1,
        seeds: seeds ?? shard.count,
        shards: shard.count,
        cases: "drivers" in opened ? null : opened.settings.cases,
      };
      return await runSeeds(opened, { ...workers, plan, shard, out }, screen, interrupts);
    }
    if (!("drivers" in opened)) {
      const { runHunt } = await import("./cli/run_hunt.ts");
      return await runHunt(opened, workers, screen, interrupts);
    }
    const { runDriverHunt } = await import("./cli/run_driver_hunt.ts");
    return await runDriverHunt(opened.drivers, workers, screen, interrupts);
  });
}

/** The command line of a hunt, without its seeds. */
function commandOf(path: string | null, { cases, kernel, mode, quirks }: HuntWords): string {
  return [
    "dmalab hunt",
    ...path === null ? [] : [path],
    ...kernel === null ? [] : [`--kernel ${kernel}`],
    ...quirks === null ? [] : [`--quirks "${quirks}"`],
    ...mode == null ? [] : [`--mode ${mode}`],
    ...cases === null ? [] : [`--cases ${cases}`],
  ].join(" ");
}
