/** The interface through which the VM's parts act on their run. */
import type { IncidentEvent } from "../values/incident.ts";
import type { Span } from "../source.ts";
import type { Limits } from "../values/limits.ts";
import type { Raised } from "../values/raised_error.ts";
import type { Registry } from "../values/registry.ts";
import type { ExecutionContext } from "../values/execution_context.ts";
import { type LimitError, ScriptError } from "../values/script_error.ts";
import type { Value } from "../values/value.ts";
import type { LabMachine } from "../values/lab_machine.ts";
import type { Code, OutcomeInfo } from "./code.ts";
import type { CallerLocation } from "./failure_report.ts";
import type { Removals } from "./removals.ts";
import type { RunWatch } from "./run_watch.ts";

/** A catcher of kernel errors: `try`, or an expected outcome. */
export interface Handler {
  readonly pc: number;
  readonly sp: number;
  readonly fp: number;
  readonly depth: number;
  readonly cpu: number;
  /** The expected outcome; null for `try`. */
  readonly outcome: OutcomeInfo | null;
  /** Number of faults and reports when the handler was installed. */
  readonly incidents: number;
  /** Number of scopes that were open when the handler was installed. */
  readonly scopes: number;
}

/** Something that is active until its block ends: a point that fails, an invariant. */
export interface RunScope {
  leave(): void;
  /** Called instead of `leave` where a branch ends inside the scope. */
  branchEnded?(): void;
}

/**
 * Thrown at the end of a run that was started for one branch only. It is thrown once for each
 * attempt of a sweep, and only unwinds the stack. It is not an `Error`, because creating an `Error`
 * would collect a stack trace first.
 */
export class BranchEnded {}

/**
 * Thrown at the end of a statement that ran in the middle of another one. Like `BranchEnded`, it is
 * not an `Error`.
 */
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
   * Called when a statement starts.
   * @param statement The number of the statement in `Code.statements`.
   * @returns True to pause the run before the statement. Inside a builtin the run is not paused.
   */
  started(statement: number): boolean;
  /**
   * Called when calls have returned or were unwound. @param calls The number of calls that are
   * still active.
   */
  returned?(calls: number): void;
}

/** Thrown when an expression that may only read would change something. */
export class SideEffectRefused extends ScriptError {
  /** @param what The action that would change something. */
  constructor(what: string) {
    super(
      "E0924",
      `${what} would change the machine`,
      "this expression may only read, and call pure functions",
    );
  }
}

export interface Control extends ExecutionContext {
  /** True during a pure evaluation, in which nothing may change. */
  readonly looking: boolean;
  readonly code: Code;
  readonly registry: Registry;
  readonly machine: LabMachine;
  /** Catchers of kernel errors, innermost last. */
  readonly handlers: Handler[];
  /** The open scopes, the innermost last. */
  readonly scopes: RunScope[];
  /** Statements with an expectation that was checked, as indexes into `Code.expectations`. */
  readonly reached: Set<number>;
  assertions: number;
  /** Faults and reports that a statement expected. */
  readonly expectedIncidents: Set<IncidentEvent>;
  /** Steps left until the limit. Charged work may still have to be subtracted from them. */
  steps: number;
  /** Subtracts charged work from the steps that are left. */
  countWork(): void;
  /** Checks the host's limits now and then; null where there is no clock. */
  readonly watch: RunWatch | null;
  /** The error of an invariant that an event broke. It is thrown as soon as the machine is at rest. */
  broken: Error | null;
  /**
   * Called when the machine is between two jobs. A broken invariant can end the run at this point
   * without harm.
   */
  atRest(): void;
  /** Runs all activities that wait. */
  runPending(): void;
  /** Removals of drivers in C. */
  readonly removals: Removals;
  /** Called when a statement with an expectation is checked. */
  expecting(expectation: number): void;
  /** Continues with the instruction at this place. */
  jump(pc: number): void;
  /** Pushes an operand for the next instruction. */
  push(value: Value): void;
  /**
   * `depth` is the number of calls below the current frame, `sp` the end of the frame's operands,
   * and `fp` the start of the frame.
   */
  readonly depth: number;
  readonly sp: number;
  readonly fp: number;
  /**
   * Runs code of a frame while a call from the innermost frame is in progress, until
   * `StatementOver` is thrown. An error that the code does not catch ends the run.
   */
  runBetween(pc: number, fp: number): void;
  /** The call that an event's `site` refers to; the whole statement if it contains several calls. */
  siteCall(site: number): Span | null;
  readonly limits: Limits;
  tooManySteps(): LimitError;
}
