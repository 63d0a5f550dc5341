/** What is wrong with files, as plain data: what `check --format` writes. */
import type { Diagnostic, Severity } from "@dmalab/lang/diagnostics";
import type { Span } from "@dmalab/lang";

/** A stretch of a file. Lines and columns are counted from 1; columns in UTF-16 units. */
export interface Region {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly endLine: number;
  /** Column behind the last character. */
  readonly endColumn: number;
}

export interface CheckProblem {
  readonly code: string;
  readonly severity: Severity;
  readonly message: string;
  readonly hint: string | null;
  readonly region: Region;
  readonly related: readonly { readonly message: string; readonly region: Region }[];
}

/** A diagnostic as plain data. */
export function problemOf(diagnostic: Diagnostic): CheckProblem {
  const { code, severity, message, hint, span, related = [] } = diagnostic;
  return {
    code,
    severity,
    message,
    hint: hint ?? null,
    region: regionOf(span),
    related: related.map((other) => ({ message: other.message, region: regionOf(other.span) })),
  };
}

function regionOf({ source, start, end }: Span): Region {
  const first = source.position(start);
  const last = source.position(end);
  return {
    file: source.name,
    line: first.line,
    column: first.column,
    endLine: last.line,
    endColumn: last.column,
  };
}
