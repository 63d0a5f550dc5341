/** The reason why a script ended early, in a form for display. */
import type { Diagnostic, RelatedSpan } from "../diagnostics/diagnostic.ts";
import type { DiagnosticCode } from "../diagnostics/codes.ts";
import type { TestLeak } from "@dmalab/runtime";
import type { Span } from "../source.ts";
import type { RunFinding } from "../values/incident.ts";
import type { BranchChoice } from "./branch_choice.ts";

/** The value of one part of a failed assertion, shown below the source line. */
export interface ExplainedPart {
  /** The value is printed below the start of this span. */
  readonly anchor: Span;
  readonly text: string;
}

/** A place at which an injected failure makes a block of `inject each` or the like leak. */
export interface LeakingPlace {
  /** What fails there, such as `` `kmalloc` at ring.c:12 fails the 1st time ``. */
  readonly when: string;
  /** What leaks there; a block that leaks has at least one entry. */
  readonly leaks: readonly LeakedResource[];
}

/** One resource that leaks, or several that one statement took, such as mappings made in a loop. */
export interface LeakedResource {
  /** The resource and the place of the call that took it. */
  readonly text: string;
  /** The place of that call as text; null if it was not a single call. */
  readonly place: string | null;
  /** Number of mappings; 1 for any other resource. */
  readonly count: number;
}

export interface Failure {
  /** `limit`: the run was stopped; `bug`: a rule of dmalab itself is broken. */
  readonly kind: "failed" | "limit" | "bug";
  readonly diagnostic: Diagnostic;
  readonly parts: readonly ExplainedPart[];
  /** Further lines: the last events, a pattern and the actual events. */
  readonly notes: readonly string[];
  /** The fault, report or leak that is the failure; absent for other failures. */
  readonly finding?: RunFinding;
  /** True if a driver in C did something that crashes a kernel. */
  readonly crashed?: boolean;
  /** Lines with the known defects that cause the failure, if the search was part of the run. */
  readonly remedies?: readonly string[] | undefined;
  /** The choices that lead to the failed run, if it is a child run. */
  readonly branch?: readonly BranchChoice[] | undefined;
  /** The resources of the failed run, if it is a child run. */
  readonly held?: readonly TestLeak[];
  /** The places at which the block leaks, also if it fails at a later one; the notes list some. */
  readonly leaking?: readonly LeakingPlace[] | undefined;
}

/** Makes the failure of a run that was not stopped by a limit or a bug. */
export function failed(
  diagnostic: Omit<Diagnostic, "severity">,
  more: Partial<Failure> = {},
): Failure {
  const error = { ...diagnostic, severity: "error" } as const;
  return { kind: "failed", diagnostic: error, parts: [], notes: [], ...more };
}

/** Carries a failure up to the runner of the script. */
export class ScriptFailure extends Error {
  override readonly name = "ScriptFailure";

  constructor(readonly failure: Failure) {
    super(failure.diagnostic.message);
  }
}

/** An unmet expectation, before the VM adds the source location and the call chain. */
export class ExpectationError extends Error {
  override readonly name = "ExpectationError";

  constructor(
    readonly code: DiagnosticCode,
    message: string,
    readonly details: {
      /** The location, if it is not the instruction that found the failure. */
      readonly span?: Span | undefined;
      readonly hint?: string | undefined;
      readonly parts?: readonly ExplainedPart[];
      readonly notes?: readonly string[];
      readonly related?: readonly RelatedSpan[] | undefined;
      readonly remedies?: readonly string[] | undefined;
      readonly branch?: readonly BranchChoice[] | undefined;
      readonly leaking?: readonly LeakingPlace[] | undefined;
    } = {},
  ) {
    super(message);
  }
}
