/** Quick fixes: what the checker knows to put in place of what is wrong. */
import type { Diagnostic, Fix } from "../diagnostics/diagnostic.ts";
import { type Span, spanText } from "../source.ts";
import type { Analysis } from "./analysis.ts";

export interface QuickFix {
  readonly title: string;
  readonly fix: Fix;
  /** What it puts right. */
  readonly diagnostic: Diagnostic;
  /** There is no other fix for it. */
  readonly isOnly: boolean;
}

/** The fixes of what is wrong between two offsets. */
export function fixesIn({ diagnostics, source }: Analysis, start: number, end: number): QuickFix[] {
  return diagnostics.flatMap((diagnostic) => {
    const { fixes = [], span } = diagnostic;
    const isThere = (each: Span) =>
      each.source === source && each.start <= end && each.end >= start;
    if (![span, ...fixes.map((fix) => fix.span)].some(isThere)) return [];
    return fixes.map((fix) => ({
      title: `Replace \`${spanText(fix.span)}\` with \`${fix.text}\``,
      fix,
      diagnostic,
      isOnly: fixes.length === 1,
    }));
  });
}
