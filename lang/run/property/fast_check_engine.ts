/**
 * Cases of properties, drawn and shrunk by fast-check.
 *
 * Only programs that have a property load this file, so a scenario without a property starts
 * faster.
 */
import {
  type Arbitrary,
  array,
  check,
  constant,
  integer,
  oneof,
  property,
  tuple,
} from "fast-check";
import { RecordValue, type Value } from "../../values/value.ts";
import { type CaseEngine, type Drawn, isSequence } from "./property_cases.ts";
import { caseSequence, numberOf, type StepTemplate } from "../../values/sequences.ts";

const INT32_VALUES = 2 ** 32;

/**
 * The generator of a template's steps. A failing case is shrunk towards the first item of a choice.
 */
function stepsOf(template: StepTemplate): Arbitrary<Value> {
  switch (template.kind) {
    case "constant":
      return constant(template.value);
    case "number": {
      const { range } = template;
      return integer({ min: range.first, max: range.end - 1 }).map((n) => numberOf(range, n));
    }
    case "choice":
      return oneof({ withCrossShrink: true }, ...template.items.map(stepsOf));
    case "record": {
      const entries = template.entries.map(([key, entry]) =>
        stepsOf(entry).map((value) => [key, value] as const)
      );
      return tuple(...entries).map((pairs) => new RecordValue(new Map(pairs)));
    }
  }
}

export const FAST_CHECK: CaseEngine = {
  search({ count, dimensions, examples, seed }, holds) {
    let broken: { readonly error: unknown } | null = null;
    const each = dimensions.map((dimension): Arbitrary<Drawn> => {
      if (!isSequence(dimension)) return integer({ min: dimension.first, max: dimension.last });
      const { longest, shortest, step } = dimension;
      const lengths = { minLength: shortest, maxLength: longest, size: "max" } as const;
      return array(stepsOf(step), lengths).map(caseSequence);
    });
    check(
      property(tuple(...each), (drawn) => {
        // After an exception, all cases count as passing: the exception is not a failure of the
        // case, so the case is not shrunk.
        if (broken !== null) return true;
        try {
          return holds(drawn);
        } catch (error) {
          broken = { error };
          return true;
        }
      }),
      {
        // A seed of fast-check has 32 bits.
        seed: (seed % INT32_VALUES ^ Math.floor(seed / INT32_VALUES)) | 0,
        numRuns: count,
        examples: examples.map((example): [Drawn[]] => [[...example]]),
      },
    );
    const thrown = broken as { readonly error: unknown } | null;
    if (thrown !== null) throw thrown.error;
  },
};
