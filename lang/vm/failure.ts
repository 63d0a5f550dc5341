/** What ended a script before its end, ready to be shown. */
import type { Diagnostic, RelatedSpan } from "../diagnostics/diagnostic.ts";
import type { DiagnosticCode } from "../diagnostics/codes.ts";
import type { TestLeak } from "@dmalab/runtime";
import type { Span } from "../source.ts";
import type { BranchChoice } from "./branch_choice.ts";

/** One value under the source line of a failed assertion. */
export interface ExplainedPart {
  /** The value is printed below the start of this span. */
  readonly anchor: Span;
  readonly text: string;
}

export interface Failure {
  /** `limit`: the run was stopped; `bug`: a rule of dmalab itself is broken. */
  readonly kind: "failed" | "limit" | "bug";
  readonly diagnostic: Diagnostic;
  readonly parts: readonly ExplainedPart[];
  /** Further lines: the last events, a pattern and the actual events. */
  readonly notes: readonly string[];
  /** The fault, the report or the leak that it is; of no other failure. */
  readonly finding?: object;
  /** A driver in C did what a kernel does not survive. */
  readonly crashed?: boolean;
  /** Which known defects it is fixed without, as lines, where that was found out with it. */
  readonly remedies?: readonly string[] | undefined;
  /** The way to the run that failed, where that is one beside. */
  readonly branch?: readonly BranchChoice[] | undefined;
  /** The resources of the failed run, where it is one beside. */
  readonly held?: readonly TestLeak[];
}

/** The message for a run that does not hold, where nothing stopped it. */
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

/** An expectation that is not met, before the VM adds the place and the call chain. */
export class ExpectationError extends Error {
  override readonly name = "ExpectationError";

  constructor(
    readonly code: DiagnosticCode,
    message: string,
    readonly details: {
      /** Where, if not at the instruction that found it. */
      readonly span?: Span | undefined;
      readonly hint?: string | undefined;
      readonly parts?: readonly ExplainedPart[];
      readonly notes?: readonly string[];
      readonly related?: readonly RelatedSpan[] | undefined;
      readonly remedies?: readonly string[] | undefined;
      readonly branch?: readonly BranchChoice[] | undefined;
    } = {},
  ) {
    super(message);
  }
}
