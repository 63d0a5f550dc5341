/**
 * At which release a scenario's outcome turns, and by what.
 *
 * It is not known beforehand what a test is about. It is run on every release; where two neighbours differ,
 * each thing that they differ in is given to one of them alone, until the other's outcome comes out.
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

/** Why two neighbours differ. */
export interface OutcomeCause {
  /** One, where one is enough; else all that it takes together. */
  readonly differences: readonly ReleaseDifference[];
  /** The newer release without them is as the older one; else the older one with them as the newer. */
  readonly seenIn: "newer" | "older";
}

export interface OutcomeChange {
  /** The release that does it differently from the one before. */
  readonly at: KernelProfile;
  readonly from: KernelProfile;
  /** Every single thing that is enough, or one list of things that are needed together. */
  readonly causes: readonly OutcomeCause[];
}

/** A test, and how it ends on every release. */
export interface TestOutcomeChanges {
  readonly name: string;
  readonly place: string;
  readonly ends: Readonly<Record<KernelProfile, EndedTest>>;
  /** Where it ends differently from the release before; empty when it is the same everywhere. */
  readonly turns: readonly OutcomeChange[];
}

export type ReleasesResult =
  | { readonly tests: readonly TestOutcomeChanges[] }
  /** It does not load there. */
  | { readonly problems: readonly Diagnostic[] };

/**
 * Runs a scenario on every release, and finds out where and why its tests turn.
 * @throws {Interrupted} When the run is interrupted.
 */
export function turnsOf(scenario: Scenario): ReleasesResult {
  const all = new Map<KernelProfile, ReadonlyMap<string, EndedTest>>();
  for (const kernel of KERNEL_NAMES) {
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
    });
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

/** A release and how the tests end on it. */
interface Release {
  readonly name: KernelProfile;
  readonly tests: ReadonlyMap<string, EndedTest>;
}

/** Two neighbours. */
class Pair {
  readonly #differences: readonly ReleaseDifference[];
  /** The tests that end differently. */
  readonly #turned: readonly string[];
  /** The tried runs, by the release and its changes. */
  readonly #known = new Map<string, Outcomes>();

  constructor(
    private readonly scenario: Scenario,
    private readonly older: Release,
    private readonly newer: Release,
  ) {
    this.#differences = differencesOf(older.name, newer.name);
    this.#turned = [...newer.tests.keys()].filter((key) =>
      older.tests.get(key)?.end !== newer.tests.get(key)!.end
    );
  }

  /** The subject of every test with another outcome in the other release. */
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

  /** The fewest things that it takes together: all of them, less what makes no difference. */
  #together(key: string): OutcomeCause {
    let needed = this.#differences;
    for (const difference of this.#differences) {
      const fewer = needed.filter((other) => other !== difference);
      if (endsLike(this.#outcomes(this.newer, fewer), this.older, key)) needed = fewer;
    }
    return { differences: needed, seenIn: "newer" };
  }

  /** What becomes of the tests on one release that has some things as its neighbour has them. */
  #outcomes(on: Release, differences: readonly ReleaseDifference[]): Outcomes {
    const turned = differences.map(({ name }) => name);
    const changed = releaseWith(KERNELS[on.name], turned);
    const key = `${on.name} ${turned.join(" ")}`;
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const outcomes = outcomesOn(this.scenario, on.name, changed, this.#turned);
    this.#known.set(key, outcomes);
    return outcomes;
  }
}

function endsLike(outcomes: Outcomes, { tests }: Release, key: string): boolean {
  return "tests" in outcomes && outcomes.tests.get(key)?.end === tests.get(key)?.end;
}
