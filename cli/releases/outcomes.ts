/** The outcomes of a scenario's tests on one release. */
import type { Diagnostic } from "@dmalab/lang/diagnostics";
import { loadProgramOn, type SourceFile, spanPlace } from "@dmalab/lang";
import {
  displayName,
  type HostWatch,
  type LocationText,
  type NameMatch,
  type TestEntry,
  type TestOutcome,
} from "@dmalab/lang/run";
import { runProgram } from "@dmalab/lang/program";
import type { SourceLoader } from "@dmalab/lang/syntax";
import type { Limits } from "@dmalab/lang/values";
import type { KernelProfile, KernelRelease } from "@dmalab/runtime/kernels";

/** A scenario, the selected tests, and the limits of a run. */
export interface Scenario {
  readonly entry: SourceFile;
  readonly loader: SourceLoader;
  readonly limits: Limits;
  /** Only tests with one of these matches in their name; all tests if the list is empty. */
  readonly matches: readonly NameMatch[];
  /** A clock, and a source of interrupts. Without a watch there is no time limit. */
  readonly watch?: HostWatch;
}

/** Thrown when the run was interrupted: the outcomes so far are incomplete. */
export class OutcomesCancelled extends Error {}

export interface EndedTest {
  /** The test's name for messages, with its machine. */
  readonly name: string;
  readonly place: LocationText;
  /**
   * `ok`, `skipped`, `absent`, or the line at which the test fails, followed by the names of
   * unexpected incidents. Two outcomes are equal if these texts are equal.
   */
  readonly end: string;
  /** The first line of the failure; null if the test passed. */
  readonly message: string | null;
}

/**
 * Outcomes of the tests, by place and name. If the scenario does not load on the release, its
 * errors.
 */
export type Outcomes =
  | { readonly tests: ReadonlyMap<string, EndedTest> }
  | { readonly problems: readonly Diagnostic[] };

const STATEMENTS = "(the statements of the file)";

/**
 * Runs a scenario's statements and tests on a release, or on a changed release.
 * @param only The keys of the tests to run; all tests when left out.
 * @throws {OutcomesCancelled} When the run is interrupted.
 */
export function outcomesOn(
  scenario: Scenario,
  kernel: KernelProfile,
  as: KernelRelease,
  only: readonly string[] | null = null,
): Outcomes {
  const { entry, limits, loader, matches, watch } = scenario;
  const { diagnostics, program } = loadProgramOn({ kernel, as }, entry, loader);
  if (program === null) return { problems: diagnostics };
  const tests = program.tests.filter(({ kind }) => kind !== "bench");
  const isWanted = (test: TestEntry) =>
    only === null || only.includes(keyOf(spanPlace(test.span), displayName(test)));
  const statements = only === null || only.some((key) => key.endsWith(STATEMENTS));
  const { outcomes } = runProgram(program, {
    limits,
    only: statements ? "all" : "tests",
    select: (number) => isWanted(tests[number]!),
    match: matches,
    attributeDefects: false,
    watch,
  });
  if (watch?.interrupted() === true) throw new OutcomesCancelled();
  return {
    tests: new Map(outcomes.map((outcome) => {
      const name = outcome.kind === "main" ? STATEMENTS : displayName(outcome);
      return [keyOf(outcome.place, name), {
        name,
        place: outcome.place,
        end: endOf(outcome),
        message: outcome.failure?.message ?? null,
      }];
    })),
  };
}

/** The key of a test, with its place: two tests may have the same name. */
function keyOf(place: LocationText, name: string): string {
  return `${place} ${name}`;
}

function endOf({ failure, incidents, outcome }: TestOutcome): string {
  if (outcome === "skipped") return "skipped";
  const [, line] = failure?.place.match(/:(\d+):\d+$/) ?? [];
  const seen = [
    ...new Set(incidents.filter(({ kind }) => kind !== "held").map(({ name }) => name)),
  ].toSorted();
  const end = failure === null ? "ok" : failure.code === "E0927" ? "absent" : `line ${line}`;
  return [end, ...seen].join(", ");
}
