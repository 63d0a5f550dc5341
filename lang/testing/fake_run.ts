/** A context without a run, for tests of code that charges work and memory. */
import type { ExecutionContext } from "../values/execution_context.ts";

/** The charges for work and memory so far. */
export interface Spent {
  steps: number;
  bytes: number;
}

/** A run that has no machine and never reaches its limits. */
export function runOf(): { readonly context: ExecutionContext; readonly spent: Spent } {
  const spent = { steps: 0, bytes: 0 };
  const refuse = (): never => {
    throw new Error("There is no machine");
  };
  const context: ExecutionContext = {
    debugHooks: null,
    preemption: null,
    get lab() {
      return refuse();
    },
    get recorder() {
      return refuse();
    },
    call: refuse,
    columns: 80,
    print: refuse,
    ask: refuse,
    work: (steps) => void (spent.steps += steps),
    chargeMemory: (bytes) => void (spent.bytes += bytes),
    holdMemory: (bytes) => void (spent.bytes += bytes),
    keepWhile: (_items, make) => make(),
    requireChange: () => {},
    siteSpan: () => null,
    siteOf: () => 0,
  };
  return { context, spent };
}
