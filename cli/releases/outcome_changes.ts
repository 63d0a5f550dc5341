/**
 * Finds the releases at which a scenario's outcome changes, and the cause of each change.
 *
 * Each test is run on every release, because it is not known beforehand what the test depends on. If two
 * neighbouring releases have different outcomes, the differences between the releases are applied to one
 * of the two, one at a time. A difference is a cause if it gives that release the outcome of its
 * neighbour.
 */
import {
  differencesOf,
  KERNEL_NAMES,
  type KernelProfile,
  KERNELS,
  type ReleaseDifference,
  releaseWith,
} from "@dmalab/runtime/kernels";
import { type EndedTest, type Outcomes, outcomesOn, type Scenario } from "./outcomes.ts";
import type { Diagnostic } from "@dmalab/lang/diagnostics";

/** The cause of different outcomes on two neighbouring releases. */
export interface OutcomeCause {
  /** The difference, if a single one is enough; else all differences that are needed together. */
  readonly differences: readonly ReleaseDifference[];
  /**
   * How the cause was found. `newer`: the newer release has the older outcome if these differences
   * are removed from it. `older`: the older release has the newer outcome if they are added to it.
   */
  readonly seenIn: "newer" | "older";
}

export interface OutcomeChange {
  /** `at`: the first release with the new outcome. `from`: the release before it. */
  readonly at: KernelProfile;
  readonly from: KernelProfile;
  /** Every single difference that is enough, or one list of differences that are needed together. */
  readonly causes: readonly OutcomeCause[];
}

/** A test, with its outcome on every release. */
export interface TestOutcomeChanges {
  readonly name: string;
  readonly place: string;
  readonly ends: Readonly<Record<KernelProfile, EndedTest>>;
  /**
   * The releases at which the outcome changes; empty when the outcome is the same on all releases.
   */
  readonly turns: readonly OutcomeChange[];
}

export type ReleasesResult =
  | { readonly tests: readonly TestOutcomeChanges[] }
  /** The errors of a scenario that does not load on some release. */
  | { readonly problems: readonly Diagnostic[] };

/**
 * Runs a scenario on every release, and finds out at which releases the outcomes of its tests
 * change, and why.
 * @param onProgress Called before each run with what is tried, such as `kernel 6.12.30`.
 * @throws {OutcomesCancelled} When the run is interrupted.
 */
export function turnsOf(
  scenario: Scenario,
  onProgress: (text: string) => void = () => {},
): ReleasesResult {
  const all = new Map<KernelProfile, ReadonlyMap<string, EndedTest>>();
  for (const [index, kernel] of KERNEL_NAMES.entries()) {
    onProgress(`kernel ${kernel}, ${index + 1} of ${KERNEL_NAMES.length}`);
    const outcomes = outcomesOn(scenario, kernel, KERNELS[kernel]);
    if ("problems" in outcomes) return outcomes;
    all.set(kernel, outcomes.tests);
  }
  const turns = new Map<string, OutcomeChange[]>();
  for (const [index, at] of KERNEL_NAMES.entries()) {
    const from = KERNEL_NAMES[index - 1];
    if (from === undefined) continue;
    const pair = new Pair(scenario, { name: from, tests: all.get(from)! }, {
      name: at,
      tests: all.get(at)!,
    }, onProgress);
    for (const [key, causes] of pair.causes()) {
      turns.set(key, [...turns.get(key) ?? [], { at, from, causes }]);
    }
  }
  const [first] = KERNEL_NAMES;
  return {
    tests: [...all.get(first!)!].map(([key, { name, place }]) => ({
      name,
      place,
      ends: Object.fromEntries(
        KERNEL_NAMES.map((kernel) => [kernel, all.get(kernel)!.get(key)!]),
      ) as Record<KernelProfile, EndedTest>,
      turns: turns.get(key) ?? [],
    })),
  };
}

/** A release, with the outcomes of the tests on it. */
interface Release {
  readonly name: KernelProfile;
  readonly tests: ReadonlyMap<string, EndedTest>;
}

/** Two neighbours. */
class Pair {
  readonly #differences: readonly ReleaseDifference[];
  /** Keys of the tests with different outcomes on the two releases. */
  readonly #turned: readonly string[];
  /** Results of runs, by the release and the differences applied to it. */
  readonly #known = new Map<string, Outcomes>();

  constructor(
    private readonly scenario: Scenario,
    private readonly older: Release,
    private readonly newer: Release,
    private readonly onProgress: (text: string) => void,
  ) {
    this.#differences = differencesOf(older.name, newer.name);
    this.#turned = [...newer.tests.keys()].filter((key) =>
      older.tests.get(key)?.end !== newer.tests.get(key)!.end
    );
  }

  /** The causes of each test with different outcomes on the two releases. */
  causes(): Map<string, readonly OutcomeCause[]> {
    const found = new Map<string, OutcomeCause[]>(this.#turned.map((key) => [key, []]));
    if (this.#turned.length === 0) return found;
    for (const difference of this.#differences) {
      const differences = [difference];
      const without = this.#outcomes(this.newer, differences);
      const withIt = this.#outcomes(this.older, differences);
      for (const key of this.#turned) {
        if (endsLike(without, this.older, key)) {
          found.get(key)!.push({ differences, seenIn: "newer" });
        } else if (endsLike(withIt, this.newer, key)) {
          found.get(key)!.push({ differences, seenIn: "older" });
        }
      }
    }
    for (const key of this.#turned) {
      if (found.get(key)!.length === 0) found.get(key)!.push(this.#together(key));
    }
    return found;
  }

  /**
   * A minimal set of differences that are needed together. Starts with all differences, and removes
   * each difference that is not needed.
   */
  #together(key: string): OutcomeCause {
    let needed = this.#differences;
    for (const difference of this.#differences) {
      const fewer = needed.filter((other) => other !== difference);
      if (endsLike(this.#outcomes(this.newer, fewer), this.older, key)) needed = fewer;
    }
    return { differences: needed, seenIn: "newer" };
  }

  /**
   * The outcomes of the tests on a release in which some differences are set as in the neighbouring
   * release.
   */
  #outcomes(on: Release, differences: readonly ReleaseDifference[]): Outcomes {
    const turned = differences.map(({ name }) => name);
    const changed = releaseWith(KERNELS[on.name], turned);
    const key = `${on.name} ${turned.join(" ")}`;
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    this.onProgress(`kernel ${on.name} as its neighbour: ${turned.join(", ")}`);
    const outcomes = outcomesOn(this.scenario, on.name, changed, this.#turned);
    this.#known.set(key, outcomes);
    return outcomes;
  }
}

function endsLike(outcomes: Outcomes, { tests }: Release, key: string): boolean {
  return "tests" in outcomes && outcomes.tests.get(key)?.end === tests.get(key)?.end;
}
