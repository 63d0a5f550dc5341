/** The cases with which a property may be tried, as numbers that can be drawn and shrunk. */
import { ListValue, RangeValue, type Value } from "../../values/value.ts";
import type { ForallValues } from "../test_variants.ts";
import { numberOf, type SequenceChoices } from "../../values/sequences.ts";

const PROPERTY_CASES = 100;

/** The range of integers for one name of a `forall`, both ends included. */
export interface Dimension {
  readonly first: number;
  readonly last: number;
}

/** The drawn value for one name of a `forall`: a number, or a sequence of steps. */
export type Drawn = number | ListValue;

export function isSequence(
  dimension: Dimension | SequenceChoices,
): dimension is SequenceChoices {
  return "step" in dimension;
}

/** The cases of a property. */
export interface CaseSpace {
  /** One for each name of the `forall`. */
  readonly dimensions: readonly (Dimension | SequenceChoices)[];
  /** Cases that are tried before any is drawn. */
  readonly examples: readonly (readonly number[])[];
  /** Number of cases to try, including the examples. */
  readonly count: number;
  /** The seed of the draw: the same seed draws the same cases. */
  readonly seed: number;
}

/** Draws cases, and makes a failing case smaller. */
export interface CaseEngine {
  /**
   * Tries cases until one fails, then smaller cases. A case is smaller if its numbers are nearer to
   * zero, or to the end of their range that is nearest to zero.
   *
   * @param holds Tries a case; returns false when the case fails.
   */
  search(space: CaseSpace, holds: (drawn: readonly Drawn[]) => boolean): void;
}

/**
 * The cases of a property: all cases if there are few; otherwise the first, the last, and random
 * cases. The first and the last are tried because mistakes are often at the ends of ranges.
 */
export function caseSpace(
  forall: readonly ForallValues[],
  seed: number,
): CaseSpace {
  const all = forall.map(({ values }) => dimensionOf(values));
  const dimensions = all.filter((dimension): dimension is Dimension => !isSequence(dimension));
  const count = PROPERTY_CASES;
  // With sequences, the cases are too many to count, and there is no last case. Therefore all cases
  // are random.
  if (dimensions.length < all.length) return { dimensions: all, examples: [], count, seed };
  const total = dimensions.reduce((product, { first, last }) => product * (last - first + 1), 1);
  const examples = total <= count
    ? Array.from({ length: total }, (_, number) => caseNumber(number, dimensions))
    : [dimensions.map(({ first }) => first), dimensions.map(({ last }) => last)];
  return { dimensions, examples, count: Math.min(total, count), seed };
}

function dimensionOf(values: ForallValues["values"]): Dimension | SequenceChoices {
  if (values instanceof RangeValue) return { first: values.first, last: values.end - 1 };
  return values instanceof ListValue ? { first: 0, last: values.items.length - 1 } : values;
}

/** The values of a drawn case. */
export function caseValues(
  forall: readonly ForallValues[],
  drawn: readonly Drawn[],
): readonly Value[] {
  return forall.map(({ values }, index) => {
    const each = drawn[index]!;
    if (typeof each !== "number") return each;
    if (values instanceof ListValue) return values.items[each]!;
    return values instanceof RangeValue ? numberOf(values, each) : each;
  });
}

/** The case with this number in the sequence of all cases; the last name changes fastest. */
function caseNumber(number: number, dimensions: readonly Dimension[]): number[] {
  const numbers: number[] = [];
  let rest = number;
  for (let at = dimensions.length - 1; at >= 0; at--) {
    const { first, last } = dimensions[at]!;
    const length = last - first + 1;
    numbers.unshift(first + rest % length);
    rest = Math.floor(rest / length);
  }
  return numbers;
}
