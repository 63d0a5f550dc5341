/** What becomes of a scenario's tests on one release. */
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

/** A scenario, and how much of it is run. */
export interface Scenario {
  readonly entry: SourceFile;
  readonly loader: SourceLoader;
  readonly limits: Limits;
  /** Only tests with one of these in the name; without any, all. */
  readonly matches: readonly NameMatch[];
  /** A clock, and a source of interrupts. Without one the limit of time does not count. */
  readonly watch?: HostWatch;
}

/** The run was interrupted: its results so far mean nothing. */
export class OutcomesCancelled extends Error {}

export interface EndedTest {
  /** With its machine: the name for people. */
  readonly name: string;
  readonly place: LocationText;
  /** `ok`, or where it fails; with what was unexpected. Two that are equal ended alike. */
  readonly end: string;
  /** The first line of its failure; null when it held. */
  readonly message: string | null;
}

/** Ends by place and name of the tests, or why the scenario does not load on that release. */
export type Outcomes =
  | { readonly tests: ReadonlyMap<string, EndedTest> }
  | { readonly problems: readonly Diagnostic[] };

const STATEMENTS = "(the statements of the file)";

/**
 * Runs a scenario's statements and tests on a release, or on a release that is changed.
 * @param only The keys of the tests to run; all of them when left out.
 * @throws {Interrupted} When the run is interrupted.
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

/** The key of a test: two may have one name. */
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
