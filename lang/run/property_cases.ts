/** The cases a property is tried with. */
import type { RandomSource } from "../builtins/registry.ts";
import { ListValue, Quantity, RangeValue, type Value } from "../vm/value.ts";
import type { ForallValues } from "./program.ts";

/** Cases of one property on one machine. */
export const PROPERTY_CASES = 100;

/**
 * The cases of a property, each with a value for each name.
 *
 * All of them when there are few; else the first, the last, and others chosen at random. Mistakes
 * like the ends of ranges.
 *
 * @param random Seeded: the same seed gives the same cases.
 */
export function* propertyCases(
  forall: readonly ForallValues[],
  random: RandomSource,
  count: number = PROPERTY_CASES,
): Generator<readonly Value[]> {
  const lengths = forall.map(({ values }) => lengthOf(values));
  const total = lengths.reduce((product, length) => product * length, 1);
  const pick = (indexes: readonly number[]) =>
    forall.map(({ values }, at) => valueAt(values, indexes[at]!));
  if (total <= count) {
    for (let number = 0; number < total; number++) yield pick(mixedRadix(number, lengths));
    return;
  }
  yield pick(lengths.map(() => 0));
  yield pick(lengths.map((length) => length - 1));
  for (let number = 2; number < count; number++) {
    yield pick(lengths.map((length) => random.below(length)));
  }
}

function lengthOf(values: RangeValue | ListValue): number {
  return values instanceof RangeValue ? values.end - values.first : values.items.length;
}

function valueAt(values: RangeValue | ListValue, index: number): Value {
  if (values instanceof ListValue) return values.items[index]!;
  const value = values.first + index;
  return values.kind === "int" ? value : new Quantity(values.kind, value);
}

/** The digits of a number where each place has a base of its own; the last counts fastest. */
function mixedRadix(number: number, bases: readonly number[]): number[] {
  const digits: number[] = [];
  let rest = number;
  for (let at = bases.length - 1; at >= 0; at--) {
    digits.unshift(rest % bases[at]!);
    rest = Math.floor(rest / bases[at]!);
  }
  return digits;
}
