/**
 * Reduces the errors to one for each mistake.
 *
 * A statement with one mistake causes further errors: in the parser, which has to recover, and in
 * the builder, which gets an incomplete tree. Errors of an earlier phase are nearer to the mistake.
 * Therefore the text is divided at the ends of statements and at braces. In each part, errors of an
 * earlier phase suppress those of later phases, and only the first error of the parser is kept.
 * Errors of the builder about a text with such an error are suppressed, too, because unparsed text
 * cannot be checked. For one declaration only a few errors are kept; the others appear when the
 * first ones are fixed.
 */
import type { IToken } from "chevrotain";
import type { Diagnostic } from "../../diagnostics/diagnostic.ts";
import type { Span } from "../../source.ts";
import * as t from "../tokens.ts";

/**
 * Limits of the errors in one stretch of text, for each phase: tokens, brackets, syntax, meaning.
 */
const LIMITS = [Infinity, Infinity, 1, Infinity] as const;

/** The phase that checks the parsed text. */
const MEANING = 3;

/**
 * Maximum number of errors of brackets, syntax and meaning for one declaration, or for one
 * statement of the top level. A token in the first column begins a new declaration or statement.
 * There is a limit because a block that is parsed as a record (or a record that is parsed as a
 * block) causes an error for each of its lines. More than three of these errors do not help.
 */
const MAX_IN_DECLARATION = 3;

/**
 * @param phases The diagnostics of the phases, earliest first.
 * @param tokens The tokens that the parser got.
 * @returns The remaining diagnostics, in the order of the text.
 */
export function onePerStatement(
  phases: readonly (readonly Diagnostic[])[],
  tokens: readonly IToken[],
): Diagnostic[] {
  if (phases.every((phase) => phase.length === 0)) return [];
  const borders = tokens
    .filter((token) =>
      t.isA(token, t.End) || token.tokenType === t.LBrace || token.tokenType === t.RBrace
    )
    .map((token) => token.startOffset);
  const kept: Diagnostic[] = [];
  const taken = new Set<number>();
  for (const [phase, diagnostics] of phases.entries()) {
    const counts = new Map<number, number>();
    const seen = new Set<string>();
    const starts = kept.map(({ span }) => span.start).sort((a, b) => a - b);
    for (const diagnostic of [...diagnostics].sort((a, b) => a.span.start - b.span.start)) {
      const stretch = countBefore(borders, diagnostic.span.start);
      const count = counts.get(stretch) ?? 0;
      // Suppresses a repeated error between two borders, and a second error with the same code at
      // the same place. Typographic quotes come in pairs. Therefore their errors count as repeated
      // whatever their message.
      const { code, message, span } = diagnostic;
      if (phase === MEANING && holdsOne(starts, span, borders)) continue;
      const keys = [
        `${stretch} ${code} ${code === "E0101" ? "" : message}`,
        `${span.start} ${code}`,
      ];
      if (taken.has(stretch) || count >= LIMITS[phase]!) continue;
      if (keys.some((key) => seen.has(key))) continue;
      counts.set(stretch, count + 1);
      for (const key of keys) seen.add(key);
      kept.push(diagnostic);
    }
    for (const stretch of counts.keys()) taken.add(stretch);
  }
  return fewPerDeclaration(
    kept.sort((a, b) => a.span.start - b.span.start || a.span.end - b.span.end),
    new Set(phases[0]),
    tokens,
  );
}

/** Whether an error begins inside a text, or after the text and before the next border. */
function holdsOne(starts: readonly number[], whole: Span, borders: readonly number[]): boolean {
  const end = borders[countBefore(borders, whole.end)] ?? Infinity;
  return countBefore(starts, whole.start + 1) < countBefore(starts, end);
}

/** Keeps a few errors of each declaration; errors in `always` are kept in any case. */
function fewPerDeclaration(
  diagnostics: readonly Diagnostic[],
  always: ReadonlySet<Diagnostic>,
  tokens: readonly IToken[],
): Diagnostic[] {
  if (diagnostics.length <= MAX_IN_DECLARATION) return [...diagnostics];
  const { source } = diagnostics[0]!.span;
  const starts = tokens
    .filter((token) =>
      !t.CLOSERS.has(token.tokenType) && !t.isA(token, t.End) &&
      source.position(token.startOffset).column === 1
    )
    .map(({ startOffset }) => startOffset);
  const counts = new Map<number, number>();
  return diagnostics.filter((diagnostic) => {
    const declaration = countBefore(starts, diagnostic.span.start + 1);
    const count = (counts.get(declaration) ?? 0) + 1;
    counts.set(declaration, count);
    return count <= MAX_IN_DECLARATION || always.has(diagnostic);
  });
}

/** How many of the sorted numbers are smaller than `value`. */
function countBefore(sorted: readonly number[], value: number): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sorted[middle]! < value) low = middle + 1;
    else high = middle;
  }
  return low;
}
