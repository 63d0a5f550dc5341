/** The test runner that a program was started by: Deno's, or Node's. */

/** Runs a part of a test under a name, or leaves it out. Never throws: the runner counts failures. */
export type Step = (name: string, isSkipped: boolean, run: () => void) => Promise<void>;

/** Names a test to the runner. */
export const registerTest: (name: string, run: (step: Step) => void | Promise<void>) => void =
  "Deno" in globalThis ? registerWithDeno : await nodeRegistration();

function registerWithDeno(name: string, run: (step: Step) => void | Promise<void>): void {
  Deno.test(name, (context) => run(stepOf(context)));
}

/** The steps of a test of Deno's. */
export function stepOf(context: Deno.TestContext): Step {
  return async (name, ignore, fn) => void await context.step({ name, ignore, fn });
}

async function nodeRegistration() {
  const { test } = await import("node:test");
  return (name: string, run: (step: Step) => void | Promise<void>): void => {
    test(name, (context) =>
      run(async (part, isSkipped, fn) => {
        await context.test(part, { skip: isSkipped }, fn);
      }));
  };
}
