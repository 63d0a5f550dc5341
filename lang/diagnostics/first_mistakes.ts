/**
 * Limits the output when there are very many mistakes: prints the first mistakes of each file, and
 * the number of the others.
 */
import { clippedMessage } from "./clip.ts";
import type { SourceFile } from "../source.ts";
import type { Diagnostic, Severity } from "./diagnostic.ts";

/** Limit of the errors, and of the warnings, that are shown for one file. */
const MAX_ERRORS_PER_FILE = 50;

const REST = {
  error: { code: "E0223", noun: "error" },
  warning: { code: "W0306", noun: "warning" },
} as const;

/**
 * The first errors and warnings of each file. If some are left out, a line with their number is in
 * the place of the first that is left out.
 *
 * @param sorted By file, then by location.
 */
export function firstMistakes(sorted: readonly Diagnostic[]): readonly Diagnostic[] {
  const counts: Record<Severity, Map<SourceFile, number>> = {
    error: new Map(),
    warning: new Map(),
  };
  const shown: Diagnostic[] = [];
  const left: { readonly index: number; readonly first: Diagnostic }[] = [];
  for (const diagnostic of sorted) {
    const { severity, span: { source } } = diagnostic;
    const count = (counts[severity].get(source) ?? 0) + 1;
    counts[severity].set(source, count);
    if (count === MAX_ERRORS_PER_FILE + 1) left.push({ index: shown.length, first: diagnostic });
    if (count <= MAX_ERRORS_PER_FILE + 1) shown.push(shortened(diagnostic));
  }
  for (const { first, index } of left) {
    const { severity, span } = first;
    const more = counts[severity].get(span.source)! - MAX_ERRORS_PER_FILE;
    // A single further error or warning is itself shown: the line with the number would be no
    // shorter.
    if (more > 1) shown[index] = restOf(severity, span, more);
  }
  return shown;
}

/** A diagnostic with its quoted text cut to a readable length. */
function shortened(diagnostic: Diagnostic): Diagnostic {
  const { hint, label, message, related } = diagnostic;
  return {
    ...diagnostic,
    message: clippedMessage(message),
    ...hint === undefined ? {} : { hint: clippedMessage(hint) },
    ...label === undefined ? {} : { label: clippedMessage(label) },
    ...related === undefined ? {} : {
      related: related.map((other) => ({ ...other, message: clippedMessage(other.message) })),
    },
  };
}

function restOf(severity: Severity, span: Diagnostic["span"], more: number): Diagnostic {
  const { code, noun } = REST[severity];
  return {
    code,
    severity,
    span,
    message: `There are ${more} more ${noun}s in this file`,
    hint: "they are shown when those above are fixed",
    standsFor: more,
  };
}

export function countMistakes(diagnostics: readonly Diagnostic[], severity: Severity): number {
  return diagnostics.reduce(
    (sum, each) => each.severity === severity ? sum + (each.standsFor ?? 1) : sum,
    0,
  );
}
