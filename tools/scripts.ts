/** Programs for the developers of dmalab that are rarely needed: `deno task script NAME`. */

export interface Script {
  /** The arguments after the name on the command line. */
  readonly usage?: string;
  /** A description, a sentence without its full stop. */
  readonly brief: string;
  /** The module, and the arguments that it gets before the user's arguments. */
  readonly module: string;
  readonly words?: readonly string[];
  /** Options of `deno run`. */
  readonly deno: readonly string[];
}

const READS = ["-R"];
const STARTS = ["-R", "-W", "--allow-run"];
const COMPILES = [...STARTS, "--allow-env=XDG_CACHE_HOME,HOME"];
const TREE = [...STARTS, "--allow-env"];

const CHECK_USAGE = "[CHECK] [--cases N] [--seconds N] [--seed S] [--case K] [--steps N]";

/** The scripts by name, in the order in which they are listed. */
export const SCRIPTS: Readonly<Record<string, Script>> = {
  requests: {
    brief:
      "ten thousand requests and ten thousand frames in each of ten modes, by the drivers of " +
      "`extensions/c_drivers/drivers/block/` and `extensions/c_drivers/drivers/nic/`",
    module: "bin/main.ts",
    words: [
      ...["test", "--limit", "time-seconds=600"],
      "extensions/c_drivers/drivers/block/block_many.dma",
      "extensions/c_drivers/drivers/nic/ring_many.dma",
    ],
    deno: COMPILES,
  },
  "nvme-requests": {
    usage: "[N] [--tree DIR]",
    brief:
      "N random requests (10,000) in every mode of the machine through the NVMe driver in C, or that of " +
      "a kernel tree, and through the simulated one; compares what the two controllers fetch",
    module: "tests/long_main.ts",
    words: ["nvme-requests"],
    deno: COMPILES,
  },
  property: {
    usage: CHECK_USAGE,
    brief:
      "a million random mappings against a plain list of ranges, drivers without mistakes, and drivers with one " +
      "planted mistake ([random checks](#random-checks))",
    module: "tests/checks/main.ts",
    words: ["property"],
    deno: READS,
  },
  cases: {
    usage: CHECK_USAGE,
    brief:
      "20,000 random cases of requests, half of them with a release's own defects: bytes, statuses, the device's " +
      "accesses, the checker, leaks, the audit, the tables of a recording, and the same once more " +
      "([random checks](#random-checks))",
    module: "tests/checks/main.ts",
    words: ["cases"],
    deno: READS,
  },
  "record-moves": {
    usage: "[PART…]",
    brief:
      "every run of every example against itself, forwards and back, and random moves in the longest",
    module: "tests/long_main.ts",
    words: ["record-moves"],
    deno: READS,
  },
  fuzz: {
    usage: "[--cases N] [--calls N] [--seconds N] [--seed S] [--case K]",
    brief:
      "a million mutated programs, a million calls of every builtin with values of every kind on random machines, " +
      "ten thousand programs laid out at random and by the formatter, and every token of the examples left out, doubled " +
      "and swapped; `--seconds` tries programs and calls until the time is over, `--cases 0` the calls alone, " +
      "`--calls 0` the programs alone",
    module: "tests/fuzz/fuzz_main.ts",
    deno: READS,
  },
  "fuzz-traces": {
    usage: "[LINES [SEED]]",
    brief:
      "a million damaged lines of traces and logs of every kind, in large files and small ones: no exception, " +
      "no batch that takes longer than its lines may, every balance closes",
    module: "tests/long_main.ts",
    words: ["fuzz-traces"],
    deno: READS,
  },
  soak: {
    usage: CHECK_USAGE,
    brief:
      "ten million requests of random sizes on machines of every mode and release, with failures, resets and " +
      "removals; prints ten times the memory that the process holds, and fails when it grows " +
      "([random checks](#random-checks))",
    module: "tests/checks/main.ts",
    words: ["soak"],
    deno: ["--v8-flags=--expose-gc", ...READS],
  },
  "soak-trace": {
    usage: "[--lines N] [--file]",
    brief:
      "feeds ten million lines to `trace check`, from a pipe or with `--file` from a file; prints lines fed and read " +
      "and the reader's memory, and fails when it grows",
    module: "tests/soak/trace_main.ts",
    deno: STARTS,
  },
  coverage: {
    brief:
      "rules of docs/rules/ that the scenarios and tests exercise, exits that they take, and the remaining ones",
    module: "tests/coverage.ts",
    deno: READS,
  },
  mutate: {
    usage: "[--file F] [--sample N] [--seed S] [--seconds N]",
    brief:
      "small changes of `runtime/` and `devices/`, each tried against the tests that execute it; prints the " +
      "survivors, the score by file, and the tests that noticed ([mutation.md](mutation.md))",
    module: "tests/mutation/mutate_main.ts",
    deno: [...STARTS, "--allow-env"],
  },
  "choose-tests": {
    usage: "RECORD…",
    brief:
      "chooses the files that `deno task test` runs, by the changes that they notice in records of " +
      "`mutate --short --results RECORD` and by their costs (`test-all --times`)",
    module: "tests/running/choose_first.ts",
    deno: ["-R", "-W=tests/running", "--allow-env"],
  },
  repin: {
    usage: "FILE…",
    brief:
      "runs tests, and writes the text that came into a test that expects another one, or into the file of the " +
      "expected text; read the change then",
    module: "tests/repin_main.ts",
    deno: STARTS,
  },
  look: {
    usage: "[DIR [NAME…]]",
    brief:
      "builds the package and the site, runs every kind of example, and takes pictures of all pages and " +
      "terminals in Chromium, 1440 and 800 pixels wide, light and dark: one page to look at before a view changes",
    module: "extensions/page/tests/look_main.ts",
    deno: STARTS,
  },
  licences: {
    brief:
      "writes the table of licences in docs/dev/dependencies.md again, from the downloaded packages",
    module: "tests/licences.ts",
    deno: ["-R", "-W=docs", "--allow-run"],
  },
  "tree-check": {
    usage: "DIR [LIST] [--seed N] [--count N] [--clang PROGRAM] [--drivers]",
    brief:
      "compiles files of a kernel tree that call the DMA API, and counts the files that compile",
    module: "extensions/kernel_tree/tests/tree_check.ts",
    deno: TREE,
  },
  "tree-plants": {
    usage: "DIR FILE COUNT SEED --clang PROGRAM [SCENARIO…]",
    brief:
      "changes lines of a tree's file at random, one at a time, and counts the changes that scenarios notice",
    module: "extensions/kernel_tree/tests/tree_plants.ts",
    deno: TREE,
  },
  "tree-compare": {
    usage: "DIR [--clang PROGRAM]",
    brief:
      "replays golden operations on the IOVA allocator, the page tables, the bounce buffers and the mapping layer " +
      "of a kernel tree",
    module: "extensions/kernel_tree/tests/tree_compare.ts",
    deno: TREE,
  },
  vscode: {
    usage: "[FILE]",
    brief: "writes the VS Code extension, `dist/dmalab.vsix`",
    module: "tools/vscode_main.ts",
    // The LSP library reads this variable when it is loaded.
    deno: [...STARTS, "--allow-env=XDG_RUNTIME_DIR"],
  },
  "test-vscode": {
    usage: "[PICTURES]",
    brief:
      "tests the extension in VS Code; installs `code-server` into the cache folder, and needs Chromium, npm and a " +
      "C++ compiler",
    module: "extensions/editor/tests/vscode/vscode_main.ts",
    deno: ["-A"],
  },
  "test-neovim": {
    brief: "tests the settings of docs/editors.md in Neovim",
    module: "extensions/editor/tests/neovim/neovim_main.ts",
    deno: [...STARTS, "--allow-env=PATH"],
  },
};
