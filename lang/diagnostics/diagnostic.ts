/** Diagnostics are values: collected, sorted, rendered; never thrown. */
import type { Span } from "../source.ts";
import type { DiagnosticCode } from "./codes.ts";
import { type Hint, NearNames, nearNames } from "./suggest.ts";

/** An error keeps a program from running; a warning does not. */
export type Severity = "error" | "warning";

/** A second location that explains the first: "declared here", "mapped here". */
export interface RelatedSpan {
  /** The location. */
  readonly span: Span;
  /** The relation of this location to the diagnostic. */
  readonly message: string;
}

/** A replacement that corrects a mistake. */
export interface Fix {
  /** The text that the fix replaces. */
  readonly span: Span;
  /** The correct text. */
  readonly text: string;
}

/** Identifies a bug: two reports with the same identity are counted as one bug. */
export interface BugIdentity {
  /** The message of the bug. Numbers in it differ between scripts. */
  readonly what: string;
  /** The location in dmalab where the bug was found; null if unknown. */
  readonly place: string | null;
}

/** A mistake in a text, with its location. */
export interface Diagnostic {
  /** `dmalab explain CODE` says more about the mistake. */
  readonly code: DiagnosticCode;
  /** Whether the mistake prevents the program from running. */
  readonly severity: Severity;
  /** The location of the mistake. */
  readonly span: Span;
  /** The mistake, with the wrong value: sentence case, no final period. */
  readonly message: string;
  /** A few words shown at the caret; no words when left out. */
  readonly label?: string | undefined;
  /** What was expected, or how to fix the mistake; shown after `hint:`. */
  readonly hint?: string | undefined;
  /** Corrections, the most likely first, which an editor offers. */
  readonly fixes?: readonly Fix[] | undefined;
  /** Other locations that explain the mistake. */
  readonly related?: readonly RelatedSpan[] | undefined;
  /** The identity of a bug of dmalab; absent for other diagnostics. */
  readonly bug?: BugIdentity | undefined;
  /** Number of mistakes that the diagnostic represents, including mistakes that are not shown. */
  readonly standsFor?: number;
}

/** A diagnostic with a hint that may be a list of suggested names. */
export type Hinted = Omit<Diagnostic, "hint"> & { readonly hint?: Hint | undefined };

/** A diagnostic with the hint as text, and the fixes that result from the hint. */
export function withFixes({ hint, ...diagnostic }: Hinted): Diagnostic {
  if (!(hint instanceof NearNames)) {
    return hint === undefined ? diagnostic : { ...diagnostic, hint };
  }
  const { span: { end, source, start } } = diagnostic;
  const offset = source.text.slice(start, end).indexOf(hint.word);
  const at = start + offset;
  const span = { source, start: at, end: at + hint.word.length };
  const fixes = offset < 0 ? [] : hint.names.map((text) => ({ span, text }));
  return { ...diagnostic, hint: hint.text, fixes };
}

/**
 * Limit of the names that one check compares for suggestions: enough for the errors that are shown.
 */
const MAX_COMPARED = 100_000;

/** Collects diagnostics in the order they are found. */
export class DiagnosticBag {
  readonly #all: Diagnostic[] = [];
  #compared = 0;

  add(diagnostic: Hinted): void {
    this.#all.push(withFixes(diagnostic));
  }

  error(
    code: DiagnosticCode,
    span: Span,
    message: string,
    hint?: Hint,
    related: readonly RelatedSpan[] = [],
  ): void {
    this.add({
      code,
      severity: "error",
      span,
      message,
      ...(hint === undefined ? {} : { hint }),
      ...(related.length === 0 ? {} : { related }),
    });
  }

  warning(code: DiagnosticCode, span: Span, message: string, hint?: string): void {
    this.add({ code, severity: "warning", span, message, ...(hint === undefined ? {} : { hint }) });
  }

  /** Known names that are similar to a word; undefined once the limit of comparisons is reached. */
  didYouMean(word: string, names: readonly string[]): NearNames | undefined {
    return this.mayCompare(names.length) ? nearNames(word, names) : undefined;
  }

  /**
   * Whether a word may be compared with this many names. The names are added to a count; once the
   * count exceeds the limit, the result stays false.
   */
  mayCompare(names: number): boolean {
    if (this.#compared <= MAX_COMPARED) this.#compared += names;
    return this.#compared <= MAX_COMPARED;
  }

  get hasErrors(): boolean {
    return this.#all.some((diagnostic) => diagnostic.severity === "error");
  }

  /** All diagnostics, by file, then by location. */
  sorted(): readonly Diagnostic[] {
    return [...this.#all].sort((a, b) =>
      a.span.source.name < b.span.source.name
        ? -1
        : a.span.source.name > b.span.source.name
        ? 1
        : a.span.start - b.span.start || a.span.end - b.span.end
    );
  }
}
