/** Collects the diagnostics of the parser's phases for one source file. */
import type { IToken } from "chevrotain";
import { type Diagnostic, type RelatedSpan, withFixes } from "../diagnostics/diagnostic.ts";
import type { Hint } from "../diagnostics/suggest.ts";
import type { DiagnosticCode } from "../diagnostics/codes.ts";
import type { SourceFile } from "../source.ts";
import { tokenEnd } from "./tokens.ts";

export interface DiagnosticOptions {
  readonly hint?: Hint | undefined;
  /** The text that corrects the mistake if it replaces the text at the location. */
  readonly instead?: string | undefined;
  /** A few words at the caret. */
  readonly label?: string | undefined;
  readonly related?: readonly RelatedSpan[] | undefined;
}

/** Limit of the errors of one phase: a text with more is not a script. */
const MAX_ERRORS = 1000;

/** Collects the errors of one phase. */
export class DiagnosticReporter {
  readonly diagnostics: Diagnostic[] = [];

  constructor(readonly source: SourceFile) {}

  /** Records an error for the text from `start` up to, not including, `end`. */
  error(
    code: DiagnosticCode,
    start: number,
    end: number,
    message: string,
    { hint, instead, label, related }: DiagnosticOptions = {},
  ): void {
    if (this.diagnostics.length >= MAX_ERRORS) return;
    const span = { source: this.source, start, end };
    this.diagnostics.push(withFixes({
      code,
      severity: "error",
      span,
      message,
      hint,
      ...(instead === undefined ? {} : { fixes: [{ span, text: instead }] }),
      ...(label === undefined ? {} : { label }),
      ...(related === undefined ? {} : { related }),
    }));
  }

  /** Records an error for one token. */
  errorOn(
    code: DiagnosticCode,
    token: IToken,
    message: string,
    hint?: Hint,
    more?: Omit<DiagnosticOptions, "hint">,
  ): void {
    this.error(code, token.startOffset, tokenEnd(token), message, { hint, ...more });
  }
}
