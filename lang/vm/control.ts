/** The actions of the VM's parts on their run. */
import type { IncidentEvent } from "../values/incident.ts";
import type { Span } from "../source.ts";
import type { Limits } from "../values/limits.ts";
import type { Raised } from "../values/raised_error.ts";
import type { Registry } from "../values/registry.ts";
import type { ExecutionContext } from "../values/execution_context.ts";
import { type LimitError, ScriptError } from "../values/script_error.ts";
import type { Value } from "../values/value.ts";
import type { SimulatedMachine } from "../values/simulated_machine.ts";
import type { Code, OutcomeInfo } from "./code.ts";
import type { CallerLocation } from "./failure_report.ts";
import type { Removals } from "./removals.ts";
import type { RunWatch } from "./run_watch.ts";

/** Something that takes kernel errors: `try`, or an expected outcome. */
export interface Handler {
  readonly pc: number;
  readonly sp: number;
  readonly fp: number;
  readonly depth: number;
  readonly cpu: number;
  /** Null for `try`. */
  readonly outcome: OutcomeInfo | null;
  /** How many faults and reports there were before. */
  readonly incidents: number;
  /** How many scopes were open. */
  readonly scopes: number;
}

/** Something that holds for a block and ends with it: a point that fails, an invariant. */
export interface RunScope {
  leave(): void;
}

/**
 * A run that was to do one branch only has come to the end of it. It only unwinds, once for each try
 * of a sweep: an `Error` would collect a stack first.
 */
export class BranchEnded {}

/** A statement that was run in the midst of another one is over; no `Error` either. */
export class StatementOver {}

/** A kernel error on its way to the statement that catches it. */
export class Raising extends Error {
  constructor(readonly raised: Raised, readonly span: Span, readonly callers: CallerLocation[]) {
    super(raised.what);
  }
}

/** A debugger that follows a run statement by statement, in code that is compiled with marks. */
export interface StatementListener {
  /**
   * A statement starts.
   * @param statement Its number in `Code.statements`.
   * @returns True to have the run paused before it does anything; inside a builtin it goes on.
   */
  started(statement: number): boolean;
  /** Calls have returned, or are given up. @param calls How many run still. */
  returned?(calls: number): void;
}

/** Something that only looks would change what it looks at. */
export class SideEffectRefused extends ScriptError {
  /** @param what What would change. */
  constructor(what: string) {
    super(
      "E0924",
      `${what} would change the machine`,
      "this expression may only read, and call pure functions",
    );
  }
}

export interface Control extends ExecutionContext {
  /** A pure evaluation: nothing may change. */
  readonly looking: boolean;
  readonly code: Code;
  readonly registry: Registry;
  readonly machine: SimulatedMachine;
  /** What takes kernel errors, the innermost last. */
  readonly handlers: Handler[];
  /** The open blocks, the innermost last. */
  readonly scopes: RunScope[];
  /** Statements that expected something, and how often one was checked. */
  readonly reached: Set<number>;
  assertions: number;
  /** Faults and reports that a statement expected. */
  readonly expectedIncidents: Set<IncidentEvent>;
  /** Steps left until the limit, apart from work that is not settled. */
  steps: number;
  /** Takes the work that was charged off the steps. */
  countWork(): void;
  /** Looked at now and then; null where there is no clock. */
  readonly watch: RunWatch | null;
  /** An invariant that an event broke; thrown as soon as the machine is at rest. */
  broken: Error | null;
  /** The machine is between two jobs: a broken invariant can end the run without harm. */
  atRest(): void;
  /** Runs all activities that wait. */
  runPending(): void;
  /** Removals of drivers in C. */
  readonly removals: Removals;
  /** A statement that expects something is checked. */
  expecting(expectation: number): void;
  /** The next instruction is the one at this place. */
  jump(pc: number): void;
  /** Leaves an operand for the next instruction. */
  push(value: Value): void;
  /** The frame that runs: how many are below it, and where it and its operands end. */
  readonly depth: number;
  readonly sp: number;
  readonly fp: number;
  /**
   * Runs code of a frame in the midst of a call of the innermost one's, until it says that its
   * statement is over. An error that it does not take ends the run.
   */
  runBetween(pc: number, fp: number): void;
  /** The call that an event's `site` is about, or its statement where that has several. */
  siteCall(site: number): Span | null;
  readonly limits: Limits;
  tooManySteps(): LimitError;
}
