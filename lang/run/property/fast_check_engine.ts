/**
 * Cases of properties, drawn and made smaller by fast-check.
 *
 * Only programs that have a property load this: a scenario without one starts without it.
 */
import { check, integer, property, tuple } from "fast-check";
import type { CaseEngine } from "./property_cases.ts";

const INT32_VALUES = 2 ** 32;

export const FAST_CHECK: CaseEngine = {
  search({ count, dimensions, examples, seed }, holds) {
    let broken: { readonly error: unknown } | null = null;
    const numbers = dimensions.map(({ first, last }) => integer({ min: first, max: last }));
    check(
      property(tuple(...numbers), (drawn) => {
        // What is thrown says nothing about the case: it must not be taken for a failure of it.
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
        examples: examples.map((example) => [[...example]]),
      },
    );
    const thrown = broken as { readonly error: unknown } | null;
    if (thrown !== null) throw thrown.error;
  },
};
