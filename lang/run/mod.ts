/**
 * Running a program's tests, benches, properties and sessions, and their reports.
 *
 * State: a session keeps one machine and its history. Tests: `leaks_test.ts`, `replay_run_test.ts`,
 * `program_test.ts`.
 *
 * Other workspace members use these exports:
 */
export { judgeRun, type PlannedRun, prepareRun } from "./attempts.ts";
export { startReplay } from "./replay_run.ts";
export type { DriverDirection, DriverEntry, DriverFunction } from "./driver_entry.ts";
export { exactMatch, isAxisMatch, isNamed, type NameMatch } from "./name_match.ts";
export {
  brokenOff,
  type DebugBuild,
  loadProgram,
  type LoadResult,
  type Program,
} from "./program.ts";
export type { FailureStyle } from "./render_failure.ts";
export {
  type BenchExpectationOutcome,
  type BenchIncident,
  type BenchOutcome,
  type BenchReport,
  type BusyTime,
  displayName,
  type EntryOutcome,
  type FailedValue,
  type FailureReport,
  type Incident,
  isSameEntry,
  type LocationText,
  type RunCounts,
  type RunNames,
  type RunReport,
  runTitle,
  type TestOutcome,
  triedTexts,
  type Unexpected,
} from "./report.ts";
export { branchOf, LimitedOutput, type RunOptions, type RunStart } from "./run_options.ts";
export { runProgramWith, shownRun } from "./runner.ts";
export type {
  InputResult,
  SessionOptions,
  SessionParts,
  SessionSummary,
  SessionVariable,
  ShownValue,
  UnrunPart,
} from "./session_types.ts";
export { reportFailure } from "./tally.ts";
export { type RunnableTest, statementsEntry, type TestEntry } from "./test_entry.ts";
export { buildTestMachine, type MachineOptions, TestMachine } from "./test_machine.ts";
export * from "../vm/mod.ts";
