/** Runs a property: case after case, and when one fails, smaller ones. */
import { formatCount } from "../../text/numbers.ts";
import type { Failure } from "../../vm/failure.ts";
import type { Value } from "../../values/value.ts";
import { caseText, pastedTest } from "./pasted_case.ts";
import type { TestEntry } from "../test_entry.ts";
import {
  type CaseEngine,
  type CaseSpace,
  caseSpace,
  caseValues,
  type Drawn,
  isSequence,
} from "./property_cases.ts";
import { shorterSequences } from "../../values/sequences.ts";
import type { TestRunResult } from "../defect_attribution.ts";
import type { SharedOptions } from "../run_options.ts";
import { smallerNumbers } from "./smaller_numbers.ts";
import { NO_OUTPUT } from "../replay_run.ts";
import type { TestTally } from "../tally.ts";

/** Smaller cases that are tried at most. */
const SMALLER_CASES = 1000;

interface FailedCase {
  readonly drawn: readonly Drawn[];
  readonly values: readonly Value[];
  readonly result: TestRunResult;
  readonly failure: Failure;
}

/** Runs a property's cases until one fails, makes that one smaller, and tells the tally. */
export function runProperty(
  engine: CaseEngine | null,
  entry: TestEntry,
  tally: TestTally,
  { output, seed }: SharedOptions["machine"],
): void {
  const { combination, declaration, forall } = entry;
  if (engine === null || declaration.kind !== "Property") {
    throw new Error("A property needs a case generator");
  }
  let smallest: FailedCase | null = null;
  let smaller = 0;
  /** The run is interrupted: no smaller case would complete. */
  let interrupted = false;
  const holds = (drawn: readonly Drawn[]): boolean => {
    const values = caseValues(forall, drawn);
    const run = { ...entry, args: values };
    if (smallest === null) {
      const result = tally.attempt(run, output);
      const { failure } = result;
      tally.count(result, run);
      if (failure !== null) smallest = { drawn, values, result, failure };
      return failure === null;
    }
    // What a limit stopped would take as long again, and a bug of dmalab is not the script's.
    const isEnough = interrupted || smaller === SMALLER_CASES;
    if (isEnough || smallest.failure.kind !== "failed") return true;
    smaller++;
    // Who reads the lines of all smaller cases would not see what fails.
    const result = tally.attempt(run, NO_OUTPUT);
    const { failure } = result;
    interrupted = failure?.diagnostic.code === "E0807";
    if (failure === null || !failsAlike(failure, smallest.failure)) return true;
    smallest = { drawn, values, result, failure };
    return false;
  };
  const space = caseSpace(forall, tally.seed);
  engine.search(space, holds);
  while (smallest !== null && makeSmaller(space, (smallest as FailedCase).drawn, holds));
  const found = smallest as FailedCase | null;
  if (found === null) return;
  const { result, failure, values } = found;
  tally.shown = { ...entry, args: values };
  const ended = interrupted ? ", until the run was interrupted: there may be smaller ones" : "";
  const pasted = { property: declaration, values, combination, seed: seed ?? null };
  tally.fail(failure, [
    `case ${tally.cases} of ${space.count} fails; ${
      formatCount(smaller, "smaller case")
    } tried${ended}`,
    `minimal failing case: ${caseText(pasted)}`,
    "as a test to paste:",
    ...pastedTest(pasted).map((line) => `  ${line}`),
  ], tally.attributionOf(result, { ...entry, args: values }));
}

/** Looks for what can be made smaller than fast-check has. False when there is nothing. */
function makeSmaller(
  { dimensions }: CaseSpace,
  drawn: readonly Drawn[],
  holds: (drawn: readonly Drawn[]) => boolean,
): boolean {
  return dimensions.some((dimension, index) =>
    smallerThan(drawn[index]!, dimension).some((smaller) => !holds(drawn.with(index, smaller)))
  );
}

function smallerThan(
  drawn: Drawn,
  dimension: CaseSpace["dimensions"][number],
): readonly Drawn[] {
  if (isSequence(dimension)) {
    return typeof drawn === "number" ? [] : shorterSequences(drawn, dimension);
  }
  return typeof drawn === "number" ? smallerNumbers(drawn, dimension) : [];
}

/** A smaller case must fail in the same way: another mistake would hide the first. */
function failsAlike(one: Failure, other: Failure): boolean {
  return one.diagnostic.code === other.diagnostic.code &&
    one.diagnostic.span.source === other.diagnostic.span.source &&
    one.diagnostic.span.start === other.diagnostic.span.start;
}
