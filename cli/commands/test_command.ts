// `dmalab test`. The file is not called `test.ts`, because `deno test` would load a file of that
// name as a module of tests.
import { refuse } from "../print_error.ts";
import { errorScreen, type Screen } from "../screen.ts";
import type { WriteReports } from "../extension.ts";
import type { FailedRun } from "../testing/run_tests.ts";
import { choice, command, flag, text } from "../command.ts";
import { type ExitCode, HELD, worseExitCode, WRONG } from "../exit_code.ts";
import { readBranchOption } from "../read_branch.ts";
import { readMatches } from "../read_matches.ts";
import { type Limits, limitsOf } from "@dmalab/lang/values";
import { runSettings } from "../scenario/run_settings.ts";
import {
  BRANCH,
  FILTER,
  JOBS,
  LIMIT,
  MATCH,
  oneOf,
  SCENARIOS,
  SEED,
  TRACE_FORM,
  TREE_FOLDER,
  VERDICT,
} from "./scenario_options.ts";

const REPORTERS = ["pretty", "dot", "tap", "junit", "json"] as const;

const NO_RECORD =
  "--failed: this folder has no record of failed tests (.dmalab/failed): no test was run here, " +
  "or none has failed yet; `dmalab test` runs all";

export const TEST = command({
  name: "test",
  brief: "Run the tests of scenarios.",
  description:
    "Runs the tests and properties of each file, but not its top-level statements. A checker report, " +
    "an IOMMU fault or a leak that a test does not expect fails it (docs/what-fails-a-test.md). " +
    "Without FILE, runs every scenario below the current folder. Finding no test is an error. --snapshot update " +
    "writes the output of the tests to FILE.snap beside the scenario; --snapshot check compares " +
    "with it. --debug opens the first failing test in `dmalab debug`, at the point of failure. " +
    "--failed reruns the tests that failed when they last ran (recorded in .dmalab/failed in the " +
    "current folder; without a record it is an error). Exit codes: " +
    "0 success; 1 a test failed, a snapshot differs, or there is no test; 2 a file has errors; " +
    "3 a limit was exceeded.",
  argument: { ...SCENARIOS, count: "any" },
  options: {
    match: MATCH,
    filter: FILTER,
    list: flag("list the selected tests; run none"),
    failed: flag("run only the tests that failed when they last ran"),
    "fail-fast": flag("stop after the first failure"),
    seed: SEED,
    branch: BRANCH,
    shard: text("I/N", "run shard I of N of the tests"),
    jobs: JOBS,
    debug: flag("open the debugger where the first test fails"),
    watch: flag("run again when a scenario or a file in C changes"),
    reporter: choice("FORM", REPORTERS, "output format: pretty (default), dot, tap, junit or json"),
    "junit-path": text("FILE", "also write a JUnit report to FILE"),
    snapshot: choice("WHAT", ["check", "update"], "check or update the snapshots of the output"),
    report: text("DIR", "also write a page for each file, and an index, to DIR"),
    coverage: flag("report which lines of drivers in C the tests execute"),
    ...VERDICT,
    tree: TREE_FOLDER,
    trace: TRACE_FORM,
    limit: LIMIT,
  },
  examples: [
    { line: "test examples", doc: "all tests in a folder" },
    {
      line: 'test lab.dma --match "unmap" --seed 0x1',
      doc: "rerun one failure: its last line prints this command",
    },
    {
      line: 'test nic.dma --match "probe" --seed 0x1 --branch 1:alloc_pages@4',
      doc: "the one run of an `inject each` that failed",
    },
    { line: "test lab.dma --debug", doc: "opens the debugger where the first test fails" },
    { line: "test --failed --fail-fast", doc: "rerun last failures, stop at the first" },
    { line: 'test --match "/^maps/" --list', doc: "list tests by a regular expression" },
    { line: "test lab.dma --filter size=64KiB", doc: "the tests of one value of an axis" },
    { line: "test --junit-path tests.xml", doc: "for CI" },
    { line: "test lab.dma --trace json > events.dmatrace.jsonl", doc: "every event as JSON lines" },
    { line: "test --shard 1/3", doc: "the first third of the tests" },
    { line: "test --report out", doc: "pages for a browser, as `dmalab report` writes them" },
    { line: "test lab.dma --coverage", doc: "list the lines of C that no test executes" },
  ],
  may: {
    compiles: true,
    shares: true,
    keeps: true,
    edits: true,
    files: ["--junit-path"],
    folders: ["--report"],
    named: "--snapshot",
    inputs: [
      ...["--match", "--filter", "--seed", "--branch", "--shard", "--jobs", "--reporter"],
      ...["--tree", "--trace", "--limit"],
    ],
  },
  async run({ words, options, screen }) {
    const reporterName = oneOf("reporter", REPORTERS, options.reporter, screen);
    const snapshot = options.snapshot === null
      ? null
      : oneOf("snapshot", ["check", "update"], options.snapshot, screen);
    if (reporterName === null || (snapshot === null && options.snapshot !== null)) return WRONG;
    const { firstFailure, readShard, runTests } = await import("../testing/run_tests.ts");
    const { jobCount } = await import("../jobs/job_count.ts");
    const shard = options.shard === null ? null : readShard(options.shard);
    if (shard === null && options.shard !== null) {
      return refuse(`--shard takes a part such as 2/3, not "${options.shard}"`, screen);
    }
    const { findScenarios } = await import("../scenario/find_scenarios.ts");
    const { makeReporter } = await import("../testing/reporters/mod.ts");
    const { failuresOf } = await import("../testing/last_failures.ts");
    const places = words.length === 0 ? ["."] : words;
    const match = await readMatches(options.match, options.filter);
    if (typeof match === "string") return refuse(match, screen);
    const chosen = await readBranchOption(options.branch);
    if (typeof chosen === "string") return refuse(chosen, screen);
    const { withJunitFile } = await import("../testing/reporters/machine.ts");
    const { heard } = await import("../testing/reporter.ts");
    // With JSON lines on the standard output, text for people is written to the error stream.
    const made = () =>
      makeReporter(reporterName, options.trace === "json" ? errorScreen(screen) : screen);
    const run = async () => {
      let first = null as FailedRun | null;
      let junitCode: ExitCode = HELD;
      const paths = findScenarios(places, screen);
      if (paths === null) return WRONG;
      if (options.list) {
        const { listTests } = await import("../testing/list_tests.ts");
        return listTests(paths, match.matches, screen);
      }
      const failed = options.failed ? failuresOf(words.length === 0 ? null : paths) : null;
      if (failed === "no record") return refuse(NO_RECORD, screen);
      if (failed?.length === 0) {
        const place = words.length === 0 ? "this folder" : "these files";
        screen.out(`No test of ${place} is recorded as failed\n`);
        return HELD;
      }
      const path = options["junit-path"];
      const reporter = path === null
        ? made()
        : withJunitFile(made(), path, screen, () => void (junitCode = WRONG));
      const { branch, coverage, lenient, report, seed, trace, tree } = options;
      const limits = limitsOf(options.limit);
      const ran = await runTests(
        paths,
        {
          ...match,
          failed,
          failFast: options["fail-fast"],
          ...{ branch, coverage, lenient, limits, seed, shard, snapshot, trace, tree },
          jobs: jobCount(options.jobs, limits.memoryBytes),
        },
        heard(reporter, ({ reports }) => void (first = firstFailure(reports))),
        screen,
      );
      const how = { only: "tests", coverage: true, branch, limits, seed, lenient } as const;
      const reported = await alsoReport(paths, report, { ...how, ...match }, ran, screen);
      const exitCode = worseExitCode(reported, junitCode);
      if (options.debug && first !== null) await debugRun(first, { lenient, limits, tree }, screen);
      return exitCode;
    };
    if (!options.watch) return await run();
    const { watchScenarios } = await import("../testing/watch.ts");
    return await watchScenarios(places, run, screen);
  },
});

/** Opens the debugger at a failure. */
async function debugRun(
  { match, path, ...own }: FailedRun,
  { lenient, limits, tree }: {
    readonly lenient: boolean;
    readonly limits: Limits;
    readonly tree: string | null;
  },
  screen: Screen,
): Promise<void> {
  const { runDebug } = await import("../debug/run_debug.ts");
  const record = runSettings({ lenient, limits, ...own });
  await runDebug(path, { match, run: null, record, plain: false, tree }, screen);
}

/**
 * Writes the pages of `--report`.
 * @returns The exit code of the tests, or that of writing the pages if it is worse.
 */
async function alsoReport(
  paths: readonly string[],
  folder: string | null,
  options: Parameters<WriteReports>[2],
  ran: ExitCode,
  screen: Screen,
): Promise<ExitCode> {
  if (folder === null) return ran;
  const { extensionPart } = await import("../extensions.ts");
  const writeReports = await (await extensionPart("loadReports"))?.();
  if (writeReports === undefined) {
    return refuse("This dmalab has no extension that writes reports", screen);
  }
  return worseExitCode(ran, await writeReports(paths, folder, options, screen));
}
