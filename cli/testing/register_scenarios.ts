/**
 * Scenarios as tests of `deno test`: a test for each file, a step for each `test`.
 *
 * `deno test` alone reads no `.dma` file, and would pass without running any. Therefore finding no
 * scenario, or no scenario with a test, is a failure here.
 *
 * @example A test file beside the scenarios:
 * ```ts ignore
 * import { registerScenarios } from "dmalab/test";
 *
 * registerScenarios(import.meta.dirname);
 * ```
 * @module
 */
import { groupBy } from "@dmalab/runtime/basics";
import { fileURLToPath, pathToFileURL } from "node:url";
import { renderDiagnostics } from "@dmalab/lang/diagnostics";
import {
  displayName,
  isNamed,
  type NameMatch,
  type Program,
  type RunOptions,
  type TestOutcome,
} from "@dmalab/lang/run";
import { runProgram, runTest } from "@dmalab/lang/program";
import { DEFAULT_LIMITS, type Limits } from "@dmalab/lang/values";
import { currentFolder } from "../host_file.ts";
import { MemoryScreen } from "../memory_screen.ts";
import { matchText } from "../name_match.ts";
import { resolve, shortPath } from "../paths.ts";
import { findScenarios } from "../scenario/find_scenarios.ts";
import { openScenario, readScenario } from "../scenario/load_scenario.ts";
import { compileFunction } from "node:vm";

/** The file and line of a test in a scenario. */
interface TestPlace {
  /** Absolute. */
  readonly path: string;
  readonly line: number;
}

/** Runs or skips a part of a test. It never throws: the runner counts failures. */
type TestStep = (
  part: { readonly name: string; readonly place: TestPlace; readonly isSkipped: boolean },
  run: () => void,
) => Promise<void>;

type TestBody = (step: TestStep) => void | Promise<void>;

/**
 * Registers a test with the runner.
 * @param place The place that the runner's reports show for the test.
 */
function registerTest(name: string, place: TestPlace | null, run: TestBody): void {
  const register: (definition: Deno.TestDefinition) => void = Deno.test;
  calledAt(place, register, { name, fn: (context) => run(stepOf(context)) });
}

/**
 * The used part of Deno's `TestContext`. It is repeated here because the package's types do not
 * refer to Deno's types.
 */
interface StepContext {
  step(step: { name: string; ignore: boolean; fn: () => void }): Promise<boolean>;
}

function stepOf(context: StepContext): TestStep {
  const step = context.step.bind(context);
  return async ({ isSkipped: ignore, name, place }, fn) => {
    await calledAt(place, step, { name, ignore, fn });
  };
}

/**
 * Calls a function so that a given line of a file appears as the caller. A test runner reports the
 * place of the caller as the place of the test. Without this function the runner's reports,
 * including JUnit's, would name a place in dmalab.
 */
function calledAt<A extends unknown[], R>(
  place: TestPlace | null,
  call: (...args: A) => R,
  ...args: A
): R {
  if (place === null) return call(...args);
  const code = `return (${"\n".repeat(place.line - 1)}call(...args));${NO_COVERAGE}`;
  const filename = pathToFileURL(place.path).href;
  return compileFunction(code, ["call", "args"], { filename })(call, args);
}

/**
 * With this name, Deno leaves a script out of its coverage. Otherwise the coverage would look for
 * the script's file, which does not exist.
 */
const NO_COVERAGE = "\n//# sourceURL=data:,";

/** Which tests of the scenarios are run, and how. */
export interface RegisterOptions {
  /**
   * Only tests with a name that contains this text or matches this expression. It is a failure if
   * there is no such test.
   */
  readonly match?: NameMatch;
  /** The seed in place of the seeds that the files name. */
  readonly seed?: number;
  /**
   * Print checker reports, IOMMU faults and leaks that a test does not expect, but do not fail the
   * test.
   */
  readonly lenient?: boolean;
  /** Limits of each test that differ from the defaults. */
  readonly limits?: Partial<Limits>;
}

/**
 * Registers the scenarios in a folder and its subfolders, or one scenario, with the test runner
 * that loads the calling file.
 *
 * @param place A folder or file: a path from the current folder, or a URL. `import.meta.dirname` is
 *   the calling file's own folder.
 */
export function registerScenarios(
  place: string | URL | undefined,
  options: RegisterOptions = {},
): void {
  const path = place instanceof URL ? fileURLToPath(place) : place;
  if (path === undefined) throw new TypeError("registerScenarios() needs a folder or a file");
  const screen = new MemoryScreen();
  const paths = findWhat(path, options, screen);
  const cwd = currentFolder();
  if (paths.length === 0) {
    registerTest(`scenarios of ${path}`, null, () => {
      throw new ScenarioError(screen.errors.trim(), []);
    });
  }
  for (const each of paths) {
    const place = { path: resolve(each), line: 1 };
    registerTest(shortPath(each, cwd), place, (step) => runScenarioSteps(step, each, options));
  }
}

/** The scenarios to run; empty, after a message, if none is found. */
function findWhat(path: string, { match }: RegisterOptions, screen: MemoryScreen): string[] {
  try {
    const paths = findScenarios([path], screen) ?? [];
    if (match === undefined || paths.length === 0) return paths;
    const chosen = paths.filter((each) => mayHave(each, match));
    if (chosen.length === 0) screen.err(`No test has ${matchText(match)} in its name`);
    return chosen;
  } catch (error) {
    screen.err(error instanceof Error ? error.message : String(error));
    return [];
  }
}

/**
 * Whether a scenario has a test that matches. Also true if the scenario has errors, because its run
 * reports them.
 */
function mayHave(path: string, match: NameMatch): boolean {
  const opened = readScenario(path);
  if ("problem" in opened || opened.program === null) return true;
  return opened.program.tests.some((test) => test.kind !== "bench" && isNamed(test, [match]));
}

/**
 * An error that a test runner prints unchanged. Its message is one line. Its stack consists of that
 * line and the rendered diagnostic, without the frames of the runner.
 */
export class ScenarioError extends Error {
  /**
   * Makes an error with a stack of these lines.
   * @param lines The lines of the stack after the message.
   */
  constructor(message: string, lines: readonly string[]) {
    super(message);
    // Deno adds its own frames to a stack without a second line.
    this.stack = [message, ...lines.length === 0 ? [" "] : lines].join("\n");
  }
}

/**
 * Reads and checks a scenario.
 * @returns The program, and its warnings as printed text; "" without warnings.
 * @throws {ScenarioError} With all errors of the scenario.
 * @internal
 */
export async function loadWhole(path: string): Promise<{ program: Program; warnings: string }> {
  const opened = await openScenario(path);
  if ("problem" in opened) throw new ScenarioError(opened.problem, []);
  const { program, diagnostics } = opened;
  const text = renderDiagnostics(diagnostics);
  if (program === null) {
    throw new ScenarioError(`${shortPath(path, currentFolder())} is wrong`, text.split("\n"));
  }
  return { program, warnings: text };
}

async function runScenarioSteps(
  step: TestStep,
  path: string,
  { lenient, limits, match, seed }: RegisterOptions,
): Promise<void> {
  const { program, warnings } = await loadWhole(path);
  if (warnings !== "") console.warn(warnings);
  const { name } = program.source;
  const file = resolve(path);
  const all = program.tests.filter(({ kind }) => kind !== "bench");
  if (all.length === 0) throw new ScenarioError(`${name} has no test`, []);
  const tests = all.filter((test) => match === undefined || isNamed(test, [match]));
  const options: RunOptions = {
    ...seed === undefined ? {} : { seed },
    lenient,
    limits: { ...DEFAULT_LIMITS, ...limits },
  };
  if (program.main !== null) {
    const place = { path: file, line: 1 };
    await step({ name: "(statements)", place, isSkipped: false }, () => {
      const { outcomes } = runProgram({ ...program, tests: [] }, options);
      for (const outcome of outcomes) judge(outcome);
    });
  }
  const outcomes: TestOutcome[] = [];
  for (const test of tests) {
    const { line } = test.span.source.position(test.span.start);
    const name = `${displayName(test)} (line ${line})`;
    await step({ name, place: { path: file, line }, isSkipped: test.skip }, () => {
      const outcome = runTest(program, test, options);
      outcomes.push(outcome);
      judge(outcome);
    });
  }
  const unreached = neverReached(outcomes);
  if (unreached.length > 0) {
    throw new ScenarioError("Expectations were never reached", unreached);
  }
}

/**
 * Prints the unexpected incidents of a test.
 *
 * @throws {ScenarioError} When the test failed.
 * @internal
 */
export function judge({ failure, incidents, lenient }: TestOutcome): void {
  if (failure === null && incidents.length > 0) {
    const who = lenient ? "registerScenarios() is lenient" : "the scenario says that it may";
    console.warn(`warning: this test passes with what was not expected, because ${who}:`);
  }
  for (const { isFailure, lines } of incidents) if (!isFailure) console.warn(lines.join("\n"));
  if (failure !== null) throw new ScenarioError(failure.message, failure.lines);
}

/**
 * Expectations of a test that were not reached on any of the test's machines. Failed tests are
 * ignored.
 * @internal
 */
export function neverReached(outcomes: readonly TestOutcome[]): string[] {
  const byTest = [...groupBy(outcomes, ({ place }) => place).values()];
  return byTest.flatMap(([first, ...others]) =>
    [first!, ...others].some(({ failure }) => failure !== null)
      ? []
      : first!.unreached.filter((place) => others.every((one) => one.unreached.includes(place)))
  );
}
