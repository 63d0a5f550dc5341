/** `dmalab test`: finds and runs tests, reports them, and compares their output with snapshots. */
import { addAll } from "@dmalab/runtime/basics";
import { displayName, exactMatch, isNamed, type NameMatch, type RunReport } from "@dmalab/lang/run";
import {
  BUG,
  type ExitCode,
  FAILED,
  HELD,
  INTERRUPTED,
  worseExitCode,
  WRONG,
} from "../exit_code.ts";
import { formatCount } from "@dmalab/lang/text";
import { FileError } from "../files/file_error.ts";
import { readHostFile } from "../host_file.ts";
import { SignalWatch } from "../interrupts.ts";
import { openScenario } from "../scenario/load_scenario.ts";
import { printBug } from "../bug/say_bug.ts";
import { noTestText, nothingSelected } from "../scenario/print_run.ts";
import { printError } from "../print_error.ts";
import { errorScreen, type Screen } from "../screen.ts";
import type { TraceOutputs } from "../scenario/trace_outputs.ts";
import { beside, writeOrSay } from "../files/write_file.ts";
import { joinLines, lineCoverage, lineCoverageText, type LineRecord } from "./line_coverage.ts";
import { type FileEvent, type FileJob, type ListenersOf, runFile } from "./file_run.ts";
import {
  type FailedTest,
  failuresAfter,
  type FileResult,
  notRepeated,
  readFailedTests,
  recordedPath,
  writeFailedTests,
} from "./last_failures.ts";
import type { TestReporter } from "./reporter.ts";
import { compareSnapshot, snapshotPath, type SnapshotProblem, snapshotText } from "./snapshots.ts";
import type { JobCount } from "../jobs/job_count.ts";
import { type Plan, restMs, runPlan } from "../jobs/run_plan.ts";

/** Observes jobs and can end them. */
interface JobWatch {
  /**
   * Called with the events of the files in their order: all events of the first file, then those of
   * the second, and so on.
   */
  readonly onEvent: (event: FileEvent) => void;
  readonly interrupts: SignalWatch;
  /** Called before each job; false ends the run. */
  readonly mayGoOn: () => boolean;
  /** Listeners for the machine's events; only possible if the jobs run in this thread. */
  readonly listeners: ListenersOf | null;
}

function runJobs(jobs: readonly FileJob[], count: JobCount, watch: JobWatch): Promise<void> {
  const { interrupts, listeners } = watch;
  // Where several files run, the processors are busy with them.
  const helpers = count.most === 1 || jobs.length > 1
    ? null
    : { jobs: count, interrupts: interrupts.shared };
  return runPlan(new FilePlan(jobs, watch), {
    jobs: count,
    interrupts,
    run: (job, send) => runFile(job, send, interrupts, listeners, helpers),
  });
}

type NumberedJob = FileJob & { readonly kind: "file"; readonly number: number };

class FilePlan implements Plan<NumberedJob, FileEvent> {
  #next = 0;
  /** Index of the file whose events are passed on as they arrive. */
  #shown = 0;
  readonly #waiting: FileEvent[][];

  constructor(readonly jobs: readonly FileJob[], readonly watch: JobWatch) {
    this.#waiting = jobs.map(() => []);
  }

  next(): NumberedJob | null {
    const job = this.jobs[this.#next];
    const { interrupts, mayGoOn } = this.watch;
    if (job === undefined || interrupts.interrupted() || !mayGoOn()) return null;
    return { ...job, kind: "file", number: this.#next++ };
  }

  receive({ number }: NumberedJob, event: FileEvent): void {
    this.#waiting[number]!.push(event);
    while (!this.isComplete()) {
      const events = this.#waiting[this.#shown]!.splice(0);
      for (const each of events) this.watch.onEvent(each);
      if (events.at(-1)?.kind !== "end") return;
      this.#shown++;
      // One thread would not have begun the next file, whatever other threads have found in it.
      if (!this.watch.mayGoOn()) this.#shown = this.jobs.length;
    }
  }

  isComplete(): boolean {
    return this.#shown === this.jobs.length;
  }

  leftMs(takenMs: number): number {
    return restMs(takenMs, this.#shown, this.jobs.length);
  }
}

export interface TestOptions extends Omit<FileJob, "path" | "shard" | "colour"> {
  /** Run only these tests; null for all. */
  readonly failed: readonly FailedTest[] | null;
  readonly shard: Shard | null;
  /** How many files run at a time. */
  readonly jobs: JobCount;
  /** Compare the output with the snapshot file next to the scenario, or write that file. */
  readonly snapshot: "check" | "update" | null;
}

/** Runs the tests of some files once. It is a failure if there is no test. */
export async function runTests(
  paths: readonly string[],
  options: TestOptions,
  reporter: TestReporter,
  screen: Screen,
): Promise<ExitCode> {
  if (options.trace !== "json") return await runFiles(paths, options, reporter, screen, null);
  const { TraceOutputs } = await import("../scenario/trace_outputs.ts");
  const outputs = new TraceOutputs();
  outputs.toScreen(screen);
  const exitCode = await runFiles(paths, options, reporter, errorScreen(screen), outputs);
  outputs.end();
  return exitCode;
}

async function runFiles(
  paths: readonly string[],
  options: TestOptions,
  reporter: TestReporter,
  screen: Screen,
  outputs: TraceOutputs | null,
): Promise<ExitCode> {
  const { failed, failFast, matches, shard, ...how } = options;
  const { branch = null, lenient, seed, trace, tree, limits, coverage } = how;
  const wanted = failed === null ? paths : paths.filter((path) => namesOf(failed, path).length > 0);
  const counted = shard === null ? null : await countTests(wanted, matches, options);
  const jobs = wanted.map((path, index): FileJob => ({
    path,
    matches: failed === null ? matches : namesOf(failed, path).map(exactMatch),
    failFast,
    seed,
    branch,
    shard: shard === null ? null : { ...shard, first: counted!.firsts[index]! },
    lenient,
    trace,
    tree,
    limits,
    colour: screen.colour && reporter.forPeople,
    coverage,
  }));
  const results = new Results(options, screen);
  const interrupts = new SignalWatch();
  try {
    await runJobs(jobs, outputs === null ? options.jobs : { most: 1, isGiven: true }, {
      listeners: outputs && (({ code, source }) => outputs.listeners(code, source.name)),
      onEvent: (event) => {
        results.event(event);
        reporter.event(event);
      },
      interrupts,
      mayGoOn: () => !failFast || results.exitCode === HELD,
    });
    if (interrupts.interrupted()) results.exitCode = INTERRUPTED;
  } finally {
    interrupts.close();
  }
  const missesTests = !results.foundTest && (counted === null || counted.matching === 0);
  // If a file has errors, they have been reported; the message that no test was found is left out.
  const repeated = failed === null ? null : notRepeated(failed, paths, results.files);
  if (repeated !== null) printNotRepeated(repeated, screen);
  const saysNoTest = missesTests && results.exitCode === HELD && repeated === null;
  const noTest = saysNoTest ? noTestText(matches) : null;
  if (noTest !== null) printError(noTest, screen);
  if (!results.foundTest && !missesTests && results.exitCode === HELD) {
    const { count, index } = shard!;
    const tests = formatCount(counted!.matching, "test");
    screen.err(`Shard ${index + 1}/${count} has none of the ${tests}: nothing was run\n`);
  }
  const isGone = repeated !== null && repeated.gone.length > 0;
  if (missesTests || isGone) {
    const missing = repeated === null ? nothingSelected(matches) : FAILED;
    results.exitCode = worseExitCode(results.exitCode, missing);
  }
  if (options.snapshot === "check" && !results.foundSnapshot && results.exitCode === HELD) {
    printError("No file has a snapshot: nothing was compared", screen);
    results.exitCode = WRONG;
  }
  const { reports, snapshots, exitCode, wrongFiles } = results;
  reporter.end({ foundTest: !missesTests, reports, snapshots, exitCode, wrongFiles, tree, noTest });
  if (results.withBug !== null) await printBug(results.withBug, seed, screen);
  if (missesTests) return exitCode;
  keepFailures(results.files, options, screen);
  if (coverage) {
    const files = lineCoverage(joinLines(results.records));
    screen.out(`\n${lineCoverageText(files).join("\n")}\n`);
  }
  return exitCode;
}

function namesOf(failed: readonly FailedTest[], path: string): string[] {
  const recorded = recordedPath(path);
  return failed.filter(([file]) => file === recorded).map(([, name]) => name);
}

function printNotRepeated(
  { elsewhere, gone }: ReturnType<typeof notRepeated>,
  screen: Screen,
): void {
  for (const line of gone) printError(line, screen);
  if (gone.length > 0) {
    screen.err("hint: `dmalab test` runs all tests, and replaces the record of failed ones\n");
  }
  for (const line of elsewhere) screen.err(`not run, outside of this folder: ${line}\n`);
}

/**
 * Writes the record of failed tests. In a folder where no test has failed yet, the record is not created. If the
 * record cannot be written, as in a read-only container, a warning is printed.
 * @throws {FileError} If the record's path is a file of another program.
 */
function keepFailures(
  files: readonly FileResult[],
  how: Pick<TestOptions, "branch" | "failed">,
  screen: Screen,
): void {
  const before = readFailedTests() ?? [];
  const failures = failuresAfter(before, files, how);
  if (failures.length === 0 && before.length === 0) return;
  try {
    writeFailedTests(failures);
  } catch (error) {
    if (!(error instanceof FileError) || error.code !== null) throw error;
    screen.err(error.warningLines);
  }
}

/** For each file, the number of tests in the files before it; and the number of tests that match. */
async function countTests(
  paths: readonly string[],
  matches: readonly NameMatch[],
  { limits, tree }: Pick<TestOptions, "limits" | "tree">,
): Promise<{ readonly firsts: readonly number[]; readonly matching: number }> {
  const firsts = [0];
  let matching = 0;
  for (const path of paths) {
    const opened = await openScenario(path, tree, limits.timeMs);
    const all = "problem" in opened ? [] : opened.program?.tests ?? [];
    const tests = all.filter(({ kind }) => kind !== "bench");
    firsts.push(firsts.at(-1)! + tests.length);
    matching += tests.filter((test) => isNamed(test, matches)).length;
  }
  return { firsts, matching };
}

class Results {
  readonly reports: RunReport[] = [];
  readonly snapshots: SnapshotProblem[] = [];
  foundSnapshot = false;
  readonly records: LineRecord[] = [];
  readonly files: FileResult[] = [];
  exitCode: ExitCode = HELD;
  foundTest = false;
  /** The first file that showed a bug of dmalab. */
  withBug: string | null = null;
  wrongFiles = 0;
  #printed = new Map<string, readonly string[]>();

  constructor(readonly options: TestOptions, readonly screen: Screen) {}

  event(event: FileEvent): void {
    if (event.kind === "start") this.#printed = new Map();
    else if (event.kind === "outcome") {
      this.foundTest = true;
      // Only passed tests are compared: the output of a failed test is part of its failure.
      if (event.outcome.outcome === "passed") {
        this.#printed.set(displayName(event.outcome), event.printed);
      }
    } else if (event.kind === "end") this.#end(event);
  }

  #end({ path, report, exitCode, coverage }: FileEvent & { readonly kind: "end" }): void {
    this.exitCode = worseExitCode(this.exitCode, exitCode);
    if (exitCode === BUG) this.withBug ??= path;
    if (report === null) {
      this.wrongFiles++;
      return;
    }
    this.reports.push(report);
    this.files.push({ path, report });
    if (coverage !== null) this.records.push(coverage);
    if (this.options.snapshot === null) return;
    const { counts } = report;
    const complete = counts.failed + counts.filtered === 0 && this.options.shard === null;
    if (this.options.snapshot === "update" && complete) {
      // If no test prints anything, there is no snapshot.
      if ([...this.#printed.values()].every((lines) => lines.length === 0)) return;
      const text = snapshotText(this.#printed);
      const isWritten = writeOrSay(beside(snapshotPath(path)), text, this.screen);
      if (!isWritten) this.exitCode = worseExitCode(this.exitCode, WRONG);
      return;
    }
    const before = readHostFile(snapshotPath(path), { followsLinks: false });
    const text = before.found ? before.text : null;
    if (before.found) this.foundSnapshot = true;
    if (!before.found && before.reason === "unreadable") {
      this.screen.err(new FileError(before.problem, before.code).lines);
      this.exitCode = worseExitCode(this.exitCode, WRONG);
      return;
    }
    const problems = this.options.snapshot === "update"
      ? [{ place: snapshotPath(path), lines: ["not written: not all tests of the file passed"] }]
      : compareSnapshot(path, text, this.#printed, complete);
    addAll(this.snapshots, problems);
    if (problems.length > 0) this.exitCode = worseExitCode(this.exitCode, FAILED);
  }
}

/** A failed run of a file, with the seed of its machine. */
export interface FailedRun {
  readonly path: string;
  readonly match: readonly NameMatch[];
  readonly seed: number;
  /** The failed branch of the test; null if the test's own run failed. */
  readonly branch: string | null;
}

/** The first failed test, for the debugger. */
export function firstFailure(reports: readonly RunReport[]): FailedRun | null {
  for (const { file, outcomes } of reports) {
    const outcome = outcomes.find(({ failure }) => failure !== null);
    if (outcome === undefined) continue;
    const match = [exactMatch(displayName(outcome))];
    return { path: file, match, seed: outcome.seed, branch: outcome.failure!.branch };
  }
  return null;
}

/** `--shard 2/3`: one part of the tests, for several machines that share the work. */
export interface Shard {
  /** From 0. */
  readonly index: number;
  readonly count: number;
}

/** Reads `2/3`; null for a text of another form. */
export function readShard(text: string): Shard | null {
  const match = text.match(/^(\d{1,4})\/(\d{1,4})$/);
  if (match === null) return null;
  const [part, count] = [Number(match[1]), Number(match[2])];
  return part >= 1 && part <= count ? { index: part - 1, count } : null;
}
