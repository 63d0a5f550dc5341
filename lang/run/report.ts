/** The result of a run as plain data. */

import type { BugIdentity } from "../diagnostics/diagnostic.ts";
import type { BenchTally } from "../bench/figures.ts";
import type { LeakingPlace } from "../vm/failure.ts";
import type { VariantSetting } from "../values/machine_variant.ts";

/** A place in a source file, as text: `file:line:column`. */
export type LocationText = string;

/** Why a test failed or was stopped. */
export interface FailureReport {
  /** `limit`: stopped by one of the script's limits; `bug`: a rule of dmalab itself is broken. */
  readonly kind: "failed" | "limit" | "bug";
  /** The diagnostic's code: `E0901` is a failed assertion. */
  readonly code: string;
  /** The message, one line. */
  readonly message: string;
  /** The identity of a bug of dmalab; null for other failures. */
  readonly bug: BugIdentity | null;
  /** The location of the failure. */
  readonly place: LocationText;
  /**
   * The diagnostic with its source line, values and notes. Each string is one line, without a line
   * end.
   */
  readonly lines: readonly string[];
  /** The values of an assertion's parts, each by its name in the source. */
  readonly values: readonly FailedValue[];
  /** Where two values differ, and other lines below the source. */
  readonly notes: readonly string[];
  /** For a fault, a report or a leak: its event, or the one that made what leaks; absent if it is unknown. */
  readonly eventSeq?: number;
  /** Other statements that explain the failure, such as `mapped here`; absent for none. */
  readonly related?: readonly { readonly text: string; readonly place: LocationText }[];
  /**
   * The choices that lead to the failed run, in the form of the option `--branch`, such as
   * `1:alloc_pages@4`. Null if the test's own run failed.
   */
  readonly branch: string | null;
  /**
   * If a block of `inject each` or the like leaks: the places at which it does, up to the place at which
   * the test fails otherwise. The notes list some of them.
   */
  readonly leaking?: readonly LeakingPlace[];
}

/** The value of a part of a failed assertion. */
export interface FailedValue {
  /** The name, the field or the call. */
  readonly part: string;
  /** The value of the part; a long value is cut. */
  readonly text: string;
}

/** An unexpected fault of the IOMMU, an unexpected report of the checker, or a leak. */
export interface Incident {
  /**
   * A fault of the IOMMU, a report of the checker, a leak, or a resource that was still allocated
   * when the test failed (`held`).
   */
  readonly kind: "fault" | "report" | "leak" | "held";
  /** The fault's reason, the report's class or the kind of the leak. */
  readonly name: string;
  /** The event on one line. */
  readonly text: string;
  /** The statement that caused the event, if it is known. */
  readonly place: LocationText | null;
  /**
   * For a leak or a resource that was still allocated: what it is and where, as a sentence without
   * a final period, how many more the same statement created, and the numbers of the events of this
   * run that created them. Without numbers the events are unknown, or they are those of another run,
   * such as an order of a race.
   */
  readonly resource?: {
    readonly text: string;
    readonly more: number;
    /** What leaks with it, each as a sentence without a final period. */
    readonly with: readonly string[];
    readonly eventSeqs: readonly number[];
  };
  /**
   * All facts about the incident, with the source lines. Each string is one line, without a line
   * end.
   */
  readonly lines: readonly string[];
  /** True if the incident is the failure of its test or bench. */
  readonly isFailure?: boolean;
}

/** Common parts of the reports of a test and of a bench. */
export interface EntryOutcome {
  /** The name of the test or bench; empty for the statements at the top of the file. */
  readonly name: string;
  /** The machine's part of the name: `iommu.mode = lazy`; empty without a matrix. */
  readonly combination: string;
  /** The place of the test's or bench's name. */
  readonly place: LocationText;
  /** Its result. */
  readonly outcome: "passed" | "failed" | "skipped";
  /** Why the test or bench failed; null when it did not fail. */
  readonly failure: FailureReport | null;
  /** The seed of the machine on which the test or bench ran. */
  readonly seed: number;
}

/** Unexpected incidents and leaks of a run. */
export interface Unexpected {
  /**
   * The first incidents among all unexpected faults, unexpected reports and leaks; the others are
   * only counted.
   */
  readonly incidents: readonly Incident[];
  /** Unexpected faults of the IOMMU. */
  readonly unexpectedFaults: number;
  /** Unexpected reports of the checker. */
  readonly unexpectedReports: number;
  /** Leaks at the end; not counted for a test that failed. */
  readonly leaks: number;
}

/**
 * The result of a test, of a property with its cases, or of the statements at the top of the file.
 */
export interface TestOutcome extends EntryOutcome, Unexpected {
  /** True if unexpected incidents and leaks fail no run. */
  readonly lenient: boolean;
  /** `main`: the statements at the top of the file. */
  readonly kind: "main" | "test" | "property";
  /** Assertions and expectations that were checked. */
  readonly assertions: number;
  /** Cases a property was tried with; 1 for a test. */
  readonly cases: number;
  /** Number of places that `inject each` has made fail, one at a time. */
  readonly placesTried: number;
  /** Number of orders in which the blocks of a `race` ran. */
  readonly ordersTried: number;
  /** The only branch that was run, in the form of `--branch`; null for the whole test. */
  readonly branch: string | null;
  /** Expectations in the test's body that were never reached; empty when only a branch was run. */
  readonly unreached: readonly LocationText[];
  /** Virtual time. */
  readonly durationNs: number;
  /** Number of events of the test's machines. */
  readonly events: number;
  /**
   * False if a machine had more events than are kept, and leaks are not allowed: only mappings and ranges were checked
   * then, and not memory, bounce slots, page tables and blocks of pools.
   */
  readonly seesAllLeaks: boolean;
}

/** The test to which a run belongs. */
export type RunNames = Pick<TestOutcome, "kind" | "name" | "combination" | "place">;

/** Numbers of tests and properties by outcome. */
export interface RunCounts {
  /** Tests and properties that passed. */
  readonly passed: number;
  /** Tests and properties that failed. */
  readonly failed: number;
  /** Tests and properties that are declared with `skip` and were not run. */
  readonly skipped: number;
  /** Tests and properties left out because their name did not match. */
  readonly filtered: number;
  /** Tests and properties that were not reached, because the whole run was stopped. */
  readonly notRun: number;
  /** Assertions and expectations that were checked. */
  readonly assertions: number;
  /** Unexpected reports. */
  readonly reports: number;
  /** Unexpected faults. */
  readonly faults: number;
  /** Leaks at the end of tests. */
  readonly leaks: number;
}

/** The result of a whole file. */
export interface RunReport {
  /** The file's name, as in its `SourceFile`. */
  readonly file: string;
  /** Names of all tests and properties of the file, whether or not they were run. */
  readonly names: readonly string[];
  /**
   * The outcome of the statements at the top of the file first, then of the tests in the order of
   * the text.
   */
  readonly outcomes: readonly TestOutcome[];
  /** Numbers of tests and properties by outcome. */
  readonly counts: RunCounts;
  /** Expectations that no test reached. */
  readonly unreached: readonly LocationText[];
  /** True when the run was stopped by a limit: exit code 3. */
  readonly limitReached: boolean;
}

/** An incident of a bench, and how often its statement caused it. */
export interface BenchIncident {
  /** The first incident of this statement and class. */
  readonly incident: Incident;
  /** The number of incidents of this statement and class, up to the last counted iteration. */
  readonly times: number;
}

/** How long a CPU or a device worked, in virtual time. */
export interface BusyTime {
  /** `cpu 0`, or the device's name. */
  readonly name: string;
  /** Working time in the counted iterations, without waiting for others. */
  readonly busyNs: number;
}

/** One cell of a bench: its counts on one machine, with one value of each axis. */
export interface BenchOutcome extends EntryOutcome, BenchTally {
  /** The first faults and reports that the bench did not expect, up to the last counted iteration. */
  readonly incidents: readonly BenchIncident[];
  /** The bench's name, without values. */
  readonly bench: string;
  /** The cell's value on each axis: of the `for`, then of the `matrix`. */
  readonly axes: readonly VariantSetting[];
  /** Turns of the loop that are counted. */
  readonly iterations: number;
  /** Turns of the loop before the counted ones. */
  readonly warmup: number;
  /**
   * Why the loop stopped: at the count of `loop 8` (`loop count`), at the maximum number of
   * iterations of a bench without a count (`iterations`), or because more iterations would cause
   * too many events (`events`). Null if the loop did not run to its end.
   */
  readonly stopped: "loop count" | "iterations" | "events" | null;
  /** True if the cell failed only because a budget was exceeded. */
  readonly isOverBudget: boolean;
  /**
   * The latencies of the machine that are not 0, by latency key or by event name. Virtual time
   * consists of these latencies.
   */
  readonly latenciesNs: Readonly<Record<string, number>>;
  /** How long each CPU and each device worked; empty if the machine has no latencies. */
  readonly busy: readonly BusyTime[];
}

/** The result of an `expect` of a bench, in one group of cells. */
export interface BenchExpectationOutcome {
  /** The expectation as it is written in the source. */
  readonly text: string;
  /** The location of the expectation. */
  readonly place: LocationText;
  /** The common values of the group's cells: `size = 4KiB`; empty for all cells. */
  readonly where: string;
  /** `not judged`: a cell to which the expectation refers did not run, or failed. */
  readonly outcome: "passed" | "failed" | "not judged";
  /** Why the expectation was not judged. */
  readonly reason: string | null;
  /** Why it failed. */
  readonly failure: FailureReport | null;
}

/** A bench with all cells that ran. */
export interface BenchReport {
  /** The bench's name, without values. */
  readonly name: string;
  /** The place of the bench's name. */
  readonly place: LocationText;
  /**
   * The axis and the value that the baseline's cells have in common. Other cells are compared with
   * the baseline. Null if there is no baseline.
   */
  readonly baseline: VariantSetting | null;
  /** The cells in the order of the axes; the last axis changes fastest. */
  readonly cells: readonly BenchOutcome[];
  /** Number of the bench's budgets. */
  readonly budgets: number;
  /**
   * The outcomes of the bench's expectations. Each expectation is judged in every group of cells.
   */
  readonly expectations: readonly BenchExpectationOutcome[];
}

/**
 * Whether two entries are the same test on the same machine, or the statements at the top of the
 * same file.
 */
export function isSameEntry(one: EntryName, other: EntryName): boolean {
  return one.kind === other.kind && one.place === other.place &&
    one.combination === other.combination;
}

interface EntryName {
  readonly kind: string;
  readonly place: string;
  readonly combination: string;
}

/** How many runs `inject each` and the like, and races, have made, as texts; none for 0. */
export function triedTexts(
  { ordersTried, placesTried }: Pick<TestOutcome, "ordersTried" | "placesTried">,
): readonly string[] {
  return [[placesTried, "place"] as const, [ordersTried, "order"] as const]
    .filter(([count]) => count > 0)
    .map(([count, noun]) => `${count} ${noun}${count === 1 ? "" : "s"} tried`);
}

/** The name of a run in a list. */
export function runTitle(run: Omit<EntryName, "place"> & { readonly name: string }): string {
  return run.kind === "main" ? "statements" : displayName(run);
}

/** The name of a test with its machine: the text in which `--match` searches. */
export function displayName(test: { readonly name: string; readonly combination: string }): string {
  return test.combination === "" ? test.name : `${test.name} [${test.combination}]`;
}
