/** Diagnostics are values: collected, sorted, rendered; never thrown. */
import type { Span } from "../source.ts";
import type { DiagnosticCode } from "./codes.ts";
import { type Hint, NearNames, nearNames } from "./suggest.ts";

/** An error keeps a program from running; a warning does not. */
export type Severity = "error" | "warning";

/** A second place that helps to understand the first: "declared here", "mapped here". */
export interface RelatedSpan {
  /** Where. */
  readonly span: Span;
  /** Its relation to the diagnostic. */
  readonly message: string;
}

/** A text that would put right what is wrong, in place of another one. */
export interface Fix {
  /** The text that it replaces. */
  readonly span: Span;
  /** What belongs there. */
  readonly text: string;
}

/** Two bugs with the same are taken for one. */
export interface BugIdentity {
  /** The mistake. Numbers in it differ from one script that meets it to the next. */
  readonly what: string;
  /** The place in dmalab where it was found; null where it is unknown. */
  readonly place: string | null;
}

/** A mistake in a text, with its place. */
export interface Diagnostic {
  /** `dmalab explain CODE` says more about it. */
  readonly code: DiagnosticCode;
  /** Whether it keeps the program from running. */
  readonly severity: Severity;
  /** Where. */
  readonly span: Span;
  /** The mistake, with the value: sentence case, no final period. */
  readonly message: string;
  /** A few words shown at the caret; nothing when left out. */
  readonly label?: string | undefined;
  /** The expectation, or how to fix it; shown after `hint:`. */
  readonly hint?: string | undefined;
  /** What would put it right, the likeliest first: an editor offers them. */
  readonly fixes?: readonly Fix[] | undefined;
  /** Other places that help to understand it. */
  readonly related?: readonly RelatedSpan[] | undefined;
  /** The difference between a bug of dmalab and another one. */
  readonly bug?: BugIdentity | undefined;
  /** How many mistakes it represents, including the ones that are not shown. */
  readonly standsFor?: number;
}

/** A diagnostic with a hint that may name the intended one. */
export type Hinted = Omit<Diagnostic, "hint"> & { readonly hint?: Hint | undefined };

/** The text of a hint, and the fixes that follow from it. */
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

/** Most names that one check compares to suggest near ones: enough for the errors that are shown. */
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

  /** The names that may be meant by a word; nothing once too many have been compared. */
  didYouMean(word: string, names: readonly string[]): NearNames | undefined {
    return this.mayCompare(names.length) ? nearNames(word, names) : undefined;
  }

  /** Whether a word may be compared with so many names; counts them. After a no it stays at that. */
  mayCompare(names: number): boolean {
    if (this.#compared <= MAX_COMPARED) this.#compared += names;
    return this.#compared <= MAX_COMPARED;
  }

  get hasErrors(): boolean {
    return this.#all.some((diagnostic) => diagnostic.severity === "error");
  }

  /** All of them, by file, then by place in the text. */
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
