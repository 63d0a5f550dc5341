import {
  command,
  COMPILER,
  integer,
  jobCount,
  JOBS,
  refuse,
  type Screen,
  text,
} from "@dmalab/cli/extend";
import type { ExitCode } from "@dmalab/cli/exit_code";

/** Actions with the number of trees that each takes. */
const ACTIONS: Readonly<Record<string, number>> = { compile: 1, compare: 1, diff: 2, drivers: 1 };
const USUAL_CASES = 200;
const USUAL_SEED = 1;

export const TREE = command({
  name: "tree",
  brief:
    "Compile files of a Linux kernel tree, or compare its mapping code with the simulated one or with another tree.",
  description:
    "DIR is a source tree of Linux 6.12, 7.2 or 7.3, patched or not; dmalab only reads it. `compile` " +
    "compiles files of it unmodified against its own headers and prints the compiler's errors. " +
    "`compare` runs random sequences of operations on the tree's mapping code (iova.c, dma-iommu.c with " +
    "swiotlb.c and direct.c, blk-mq-dma.c, hmm.c, p2pdma.c, page tables) and on " +
    "the simulated one; `diff` runs them on the code of two trees, such as before and after a patch. Both " +
    "print a minimal sequence in which the results differ. With scenarios, `diff` runs them with each tree and " +
    "prints the first event in which they differ. `drivers` makes a first report of each PCI driver of the tree, as " +
    "`dmalab init --driver` does, into the folder of `--out`, and prints how far each comes; a run that was " +
    "stopped goes on where it ended. Exit codes: 0 success; 1 a file does not compile, " +
    "or results differ; 2 DIR is not a kernel tree, or nothing was compared.",
  argument: {
    placeholder: "compile|compare|diff|drivers DIR",
    doc: "action, kernel tree (for diff OLD and NEW), then files (paths in the tree)",
    completes: "folders",
    count: "some",
  },
  options: {
    cases: integer("N", `for compare and diff: sequences (default: ${USUAL_CASES})`, { least: 1 }),
    compiler: COMPILER,
    draw: integer("N", "for drivers: this many, drawn by the seed (default: all)", { least: 1 }),
    jobs: JOBS,
    out: text(
      "FOLDER",
      "for drivers: folder of the table (index.html, drivers.jsonl) and the reports; shards can share it",
    ),
    seed: integer(
      "N",
      `for compare and diff: first random seed; for drivers: seed of the draw (default: ${USUAL_SEED})`,
    ),
    shard: text("I/N", "for drivers: make part I of N of the reports"),
  },
  examples: [
    { line: "tree compile ../linux drivers/nvme/host/pci.c", doc: "whether this file compiles" },
    {
      line: "tree compare ../linux",
      doc: "compare the tree's mapping code with the simulated one",
    },
    {
      line: "tree diff ../linux ../patched",
      doc: "does a patch change what mapping code returns?",
    },
  ],
  may: { compiles: true, folders: ["--out"] },
  async run({ options, screen, words }) {
    const [action, ...paths] = words;
    const treeCount = Object.hasOwn(ACTIONS, action!) ? ACTIONS[action!]! : null;
    if (treeCount === null) {
      const names = Object.keys(ACTIONS).join(", ");
      return refuse(`unknown tree action "${action}"; expected one of: ${names}`, screen);
    }
    if (paths.length < treeCount) {
      const needed = treeCount === 1 ? "a kernel tree" : "two kernel trees";
      return refuse(`tree ${action} needs ${needed}`, screen);
    }
    const { chooseCompiler } = await import("@dmalab/cli");
    chooseCompiler(options.compiler);
    const [folder = "", ...files] = paths;
    const { cases, seed } = options;
    if ((action === "drivers") !== (options.out !== null)) {
      return refuse("`tree drivers` needs `--out FOLDER`, and other actions have none", screen);
    }
    if (action === "drivers") return await reportDrivers(folder, options, screen);
    if (options.shard !== null) return refuse("`--shard` is for `tree drivers`", screen);
    const { oraclesOf, runCompare, runCompile } = await import("./run_tree.ts");
    if (action === "compile") {
      if (files.length === 0) {
        return refuse("tree compile needs files (paths in the tree)", screen);
      }
      if (cases !== null || seed !== null || options.jobs !== null) {
        const problem = "`--cases`, `--seed` and `--jobs` are for `tree compare` and `tree diff`";
        return refuse(problem, screen);
      }
      return runCompile(folder, files, screen);
    }
    const named = paths.slice(treeCount);
    const folders = treeCount === 1 ? [folder] as const : [folder, files[0]!] as const;
    if (folders.length === 2 && named.some((path) => path.endsWith(".dma"))) {
      if (cases !== null || seed !== null || options.jobs !== null) {
        const problem =
          "`--cases`, `--seed` and `--jobs` are for random sequences, not for scenarios";
        return refuse(problem, screen);
      }
      const { diffScenarios } = await import("./diff_scenario.ts");
      return await diffScenarios(named, folders, screen);
    }
    const oracles = oraclesOf(named);
    if (typeof oracles === "string") return refuse(oracles, screen);
    const wanted = { count: cases ?? USUAL_CASES, seed: seed ?? USUAL_SEED };
    return runCompare(folders, oracles, { cases: wanted, jobs: jobCount(options.jobs) }, screen);
  },
});

interface DriversOptions {
  readonly draw: number | null;
  readonly jobs: number | null;
  readonly out: string | null;
  readonly seed: number | null;
  readonly shard: string | null;
}

async function reportDrivers(
  folder: string,
  { draw, jobs, out, seed, shard: part }: DriversOptions,
  screen: Screen,
): Promise<ExitCode> {
  const { readShard } = await import("@dmalab/cli/testing");
  const shard = readShard(part ?? "1/1");
  if (shard === null) return refuse(`--shard takes a part such as 2/4, not "${part}"`, screen);
  const { runTreeDrivers } = await import("./all_drivers/tree_drivers.ts");
  const asked = { draw, shard, seed: seed ?? USUAL_SEED, jobs: jobCount(jobs) };
  return await runTreeDrivers(folder, { ...asked, out: out! }, screen);
}
