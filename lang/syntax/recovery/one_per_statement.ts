/**
 * Leaves one error for one mistake.
 *
 * A statement that is broken in one place draws more complaints: from the parser, which has to find
 * its way back, and from the builder, which sees a torn tree. Errors of an earlier phase are nearer
 * to the mistake, so in one stretch of text between two ends of statements or braces they silence
 * those of later phases, and of the parser's only the first is kept. The builder's complaint about
 * a text that holds such an error is left out as well: an unreadable text cannot be judged. For one
 * declaration a few are kept; the rest appears when these are fixed.
 */
import type { IToken } from "chevrotain";
import type { Diagnostic } from "../../diagnostics/diagnostic.ts";
import type { Span } from "../../source.ts";
import * as t from "../tokens.ts";

/** How many errors of each phase one stretch may show: tokens, brackets, syntax, meaning. */
const LIMITS = [Infinity, Infinity, 1, Infinity] as const;

/** The phase that judges what the others have read. */
const MEANING = 3;

/**
 * Errors of brackets, syntax and meaning that one declaration, or one statement of the top level,
 * may show. What begins in the first column begins one. A block that is read as a
 * record, or the other way round, draws one for each of its lines: more than three teach nothing.
 */
const MAX_IN_DECLARATION = 3;

/**
 * @param phases The diagnostics of the phases, earliest first.
 * @param tokens The tokens that the parser saw.
 * @returns What is left, in the order of the text.
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
      // Twice the same in one stretch says nothing new, nor do two errors of one kind at one place;
      // and typographic quotes come in pairs.
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

/** True when an error begins in a text, or behind it where its last stretch goes on. */
function holdsOne(starts: readonly number[], whole: Span, borders: readonly number[]): boolean {
  const end = borders[countBefore(borders, whole.end)] ?? Infinity;
  return countBefore(starts, whole.start + 1) < countBefore(starts, end);
}

/** Leaves a few errors of each declaration; errors of `always` stay. */
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

/** How many of the sorted numbers are smaller than one. */
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
