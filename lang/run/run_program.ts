/** Runs any program; fast-check draws the cases of its properties. */
import { FAST_CHECK } from "./property/fast_check_engine.ts";
import type { Program } from "./program.ts";
import type { RunnableTest, TestEntry } from "./test_entry.ts";
import type { RunReport, TestOutcome } from "./report.ts";
import type { InspectedRunOptions, RunOptions } from "./run_options.ts";
import { runProgramWith, runTestWith } from "./runner.ts";

/** Runs a program's statements and tests. Benches are run by `runBench`. */
export function runProgram(program: Program, options: RunOptions = {}): RunReport {
  return runProgramWith(FAST_CHECK, program, options);
}

/** Runs one test or property. */
export function runTest(program: Program, test: TestEntry, options: RunOptions = {}): TestOutcome {
  return runTestWith(FAST_CHECK, program, test, options);
}

/** Runs one test or property, and gives its caller the machine. */
export function inspectTest(
  program: Program,
  test: RunnableTest,
  options: InspectedRunOptions,
): TestOutcome {
  return runTestWith(FAST_CHECK, program, test, options);
}
