/** The test runner of Deno, with places in scenarios for those of tests. */
import { compileFunction } from "node:vm";
import { pathToFileURL } from "node:url";

/** The line of a scenario that a test is in. */
export interface TestPlace {
  /** Absolute. */
  readonly path: string;
  readonly line: number;
}

/** Runs a part of a test, or leaves it out. Never throws: the runner counts failures. */
export type TestStep = (
  part: { readonly name: string; readonly place: TestPlace; readonly isSkipped: boolean },
  run: () => void,
) => Promise<void>;

type TestBody = (step: TestStep) => void | Promise<void>;

/** Registers a test with the runner. @param place What the runner's reports name as its place. */
export function registerTest(name: string, place: TestPlace | null, run: TestBody): void {
  const register: (definition: Deno.TestDefinition) => void = Deno.test;
  calledAt(place, register, { name, fn: (context) => run(stepOf(context)) });
}

/** As much as is used here of what Deno gives a test: the package's types name nothing of Deno's. */
interface StepContext {
  step(step: { name: string; ignore: boolean; fn: () => void }): Promise<boolean>;
}

/** The steps of a test of Deno's. */
export function stepOf(context: StepContext): TestStep {
  const step = context.step.bind(context);
  return async ({ isSkipped: ignore, name, place }, fn) => {
    await calledAt(place, step, { name, ignore, fn });
  };
}

/**
 * Calls a function from a line of a file: a test runner takes the place of its caller for the test's,
 * and without this its reports, JUnit's too, would name a place in dmalab.
 */
function calledAt<A extends unknown[], R>(
  place: TestPlace | null,
  call: (...args: A) => R,
  ...args: A
): R {
  if (place === null) return call(...args);
  const code = `return (${"\n".repeat(place.line - 1)}call(...args));${NO_COVERAGE}`;
  const filename = pathToFileURL(place.path).href;
  return compileFunction(code, ["call", "args"], { filename })(call, args);
}

/** By this name Deno leaves the script out of its coverage, which knows no other name for it. */
const NO_COVERAGE = "\n//# sourceURL=data:,";
