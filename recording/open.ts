/** The runs of a file, and recording one of them. */
import { DEFAULT_LIMITS } from "@dmalab/lang/values";
import { spanPlace } from "@dmalab/lang";
import {
  branchOf,
  describeBranch,
  type Failure,
  judgeRun,
  LimitedOutput,
  type MachineOptions,
  type PlannedRun,
  prepareRun,
  type Program,
  type RunOptions,
  RunWatch,
  shownRun,
  type TestEntry,
  TestMachine,
} from "@dmalab/lang/run";
import { FAST_CHECK } from "@dmalab/lang/program";
import { Evaluator } from "./evaluator.ts";
import { RunRecorder } from "./run_recorder.ts";
import { failurePosition } from "./blocks/walk.ts";
import { type Position, START } from "./position.ts";
import type { RunName } from "./recorded_run.ts";
import { type RecordedChildRun, Recording } from "./recording.ts";
import { keepOutermost, pausedAt } from "./machines/replay.ts";
import { ChildRunRecorder, reported } from "./machines/child_runs.ts";

/** A run that can be recorded. */
export interface RunChoice {
  /** The identity of the run. */
  readonly name: RunName;
  /** Declared `skip`: it runs only when it is requested by name. */
  readonly skip: boolean;
  /** The test; null for the top-level statements of the file. */
  readonly test: TestEntry | null;
}

/** Options of recording a run. */
export type RecordOptions =
  & Pick<RunOptions, "branch" | "lenient" | "limits" | "onLine" | "seed" | "watch">
  & {
    /** Also records the blocks of `fork`, `compare` and `race`, which run on separate machines. */
    readonly sides?: boolean;
    /** True to keep the recording of the test's main run even if one of its child runs fails. */
    readonly ownRun?: boolean;
  };

/**
 * The runs of a program: first the statements at the top of its file, then one run for each test
 * and machine.
 */
export function runsOf(program: Program): readonly RunChoice[] {
  const file = program.source.name;
  const runs: RunChoice[] = [];
  if (program.main !== null) {
    const { seed } = program.machine.config;
    const place = spanPlace(program.code.functions[program.main]!.span);
    const name: RunName = { file, kind: "main", name: "", combination: "", place, seed };
    runs.push({ name, skip: false, test: null });
  }
  for (const test of program.tests) {
    const { combination, config: { seed }, kind, name, skip, span } = test;
    if (kind === "bench") continue;
    const run: RunName = { file, kind, name, combination, place: spanPlace(span), seed };
    runs.push({ name: run, skip, test });
  }
  return runs;
}

/** The parts of a run's recording, once its machine is ready. */
interface OpenParts {
  readonly prepared: TestMachine;
  readonly recorder: RunRecorder;
  readonly run: PlannedRun;
  /** Opens another branch of the run. */
  readonly onBranch: (branch: string) => OpenRun;
  /** Recorded child runs; null if they are not recorded. */
  readonly childRuns: RecordedChildRun[] | null;
}

/** Number of statements that are run in one piece, which takes some milliseconds. */
const RANGE_STATEMENTS = 5000;

/** A run that is recorded in pieces. The part recorded so far can be queried between the pieces. */
export class OpenRun {
  /** The recording so far. */
  readonly recording: Recording;
  /** True when the run has ended. */
  isOver = false;
  #failedBranch: string | null = null;

  /** @internal */
  constructor(recording: Recording, private readonly parts: OpenParts) {
    this.recording = recording;
    const { prepared, run } = parts;
    if (prepared.failure !== null) this.#end(prepared.failure);
    else prepared.vm.start(run.functionIndex, run.args);
  }

  /** The position at which the next statement starts, until the run is over. */
  get end(): Position {
    return this.isOver ? this.recording.last : this.parts.recorder.position;
  }

  /**
   * The child run that failed: a run with an injection of `inject each`, a block of `fork` or an
   * order of `race`. Null while this run continues, if the run itself failed, and if nothing
   * failed.
   */
  get failedBranch(): OpenRun | null {
    return this.#failedBranch === null ? null : this.parts.onBranch(this.#failedBranch);
  }

  /** Continues until `statements` more statements have started, or to the end. */
  grow(statements: number): void {
    if (this.isOver) return;
    const { recorder, prepared: { vm } } = this.parts;
    recorder.left = statements;
    if (vm.resume() !== "paused") this.#end(vm.failure);
  }

  /**
   * Continues to the end in pieces, so that the host stays responsive.
   *
   * @param breathe Lets the host do other things, such as handle a key that cancels.
   * @param signal Ends the recording early; the part recorded so far can be queried.
   */
  async growToEnd(breathe: () => Promise<void>, signal: AbortSignal | null = null): Promise<void> {
    while (!this.isOver && signal?.aborted !== true) {
      this.grow(RANGE_STATEMENTS);
      await breathe();
    }
  }

  #end(broken: Failure | null): void {
    const { recorder, prepared: { vm }, run } = this.parts;
    const { recording } = this;
    const { failure } = judgeRun(vm, broken);
    recorder.stop();
    const { last } = recording;
    keepOutermost(vm, run.functionIndex);
    const outermost = lastOutermost(recording);
    const frame = outermost === null ? null : { statement: outermost, fp: 0, native: null };
    const live = () => pausedAt(vm, last, frame);
    recording.timeline.live = live;
    recording.failure = reported(failure);
    // A run that was opened for a branch is not replaced by another branch.
    this.#failedBranch = run.branch === undefined ? recording.failure?.branch ?? null : null;
    this.isOver = true;
    this.#keepFailedBranch();
  }

  /** Adds the failed run as a child run, unless one of the recorded blocks of this run has failed. */
  #keepFailedBranch(): void {
    const { recording, parts: { childRuns } } = this;
    const branch = this.#failedBranch;
    if (branch === null || childRuns === null) return;
    const position = recording.failedAt!;
    if (failurePosition(recording)!.recording !== recording) return;
    let failed: Recording | null = null;
    const open = () => failed ??= grown(this.parts.onBranch(branch)).recording;
    childRuns.push({
      position,
      begin: START,
      statement: position.statement,
      word: "run",
      label: describeBranch(branchOf(branch)!),
      open,
    });
  }
}

function grown(run: OpenRun): OpenRun {
  run.grow(Infinity);
  return run;
}

/**
 * Runs and records. If a child run fails the test, the child run is recorded instead, because it
 * includes everything that leads to the failure.
 *
 * @param program A program that was loaded for debugging.
 * @param choice One of the program's runs. For a property, the smallest case that fails is
 *   recorded, or the last case if none fails.
 * @throws {Error} When the program was not loaded for debugging.
 */
export function recordRun(
  program: Program,
  choice: RunChoice,
  options: RecordOptions = {},
): Recording {
  const open = grown(openRun(program, choice, options));
  const failed = options.ownRun === true ? null : open.failedBranch;
  return failed === null ? open.recording : grown(failed).recording;
}

/**
 * Opens a run that may never end. The run is only prepared, and continues only on request.
 *
 * @throws {Error} When the program was not loaded for debugging.
 */
export function openRun(
  program: Program,
  choice: RunChoice,
  options: RecordOptions = {},
): OpenRun {
  const { follow } = program;
  if (follow === null) throw new Error("The program was not loaded to be followed");
  const { lenient, limits = DEFAULT_LIMITS, seed, sides: keepsSides = false, watch } = options;
  const run = runOf(program, choice, options);
  let known: RunRecorder | null = null;
  const output = new LimitedOutput(limits, (line) => {
    known?.line(line);
    options.onLine?.(line);
  });
  const machineOptions: MachineOptions = { lenient, limits, output, seed, record: true };
  const name = namedRun(choice.name, options);
  const { compiler, scope } = follow;
  const evaluator = new Evaluator(program.registry, compiler, () => scope);
  const keeper = new ChildRunRecorder(name, program.code, evaluator);
  const prepared = prepareRun(program, run, {
    ...machineOptions,
    ...keepsSides && { onSideVm: keeper.onVm },
    watch: watch && new RunWatch(watch, limits),
    onVm: (vm) => known = new RunRecorder(vm),
  });
  if (!(prepared instanceof TestMachine)) throw new Error(prepared.diagnostic.message);
  // Breakpoints on lines of C can be set before any of them has run.
  for (const module of program.registry.cModules?.() ?? []) {
    for (const line of module.lines()) program.code.numberOf(line);
  }
  const recorder = known as RunRecorder | null;
  const { vm } = prepared;
  const childRuns = keepsSides ? keeper.follow(vm, recorder!) : null;
  const recording = new Recording({
    ...recorder!.parts,
    name,
    code: program.code,
    childRuns: childRuns ?? [],
    sideKeeper: keepsSides ? keeper : null,
    run: vm,
    evaluator,
  });
  const onBranch = (branch: string) =>
    openRun(program, choice, { ...options, branch, onLine: () => {} });
  return new OpenRun(recording, { prepared, recorder: recorder!, run, onBranch, childRuns });
}

function namedRun(name: RunName, { branch, seed = name.seed }: RecordOptions): RunName {
  const choices = branchOf(branch);
  if (choices === undefined) return { ...name, seed };
  const parts = [name.combination, describeBranch(choices)].filter((part) => part !== "");
  return { ...name, seed, combination: parts.join(", ") };
}

function lastOutermost({ statements }: Recording): number | null {
  for (let started = statements.count; started > 0; started--) {
    if (statements.depthAt(started) === 1) return statements.numberAt(started);
  }
  return null;
}

function runOf(program: Program, { name, test }: RunChoice, options: RecordOptions): PlannedRun {
  if (test !== null) return shownRun(FAST_CHECK, program, test, { ...options, onLine: () => {} });
  const { machine: { config }, main, variant } = program;
  if (main === null) throw new Error(`${name.file} has no statements at its top`);
  return { config, variant, functionIndex: main, args: [], branch: branchOf(options.branch) };
}
