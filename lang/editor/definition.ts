/** Where what is named at a place is declared, and where else it is named. */
import type { Span } from "../source.ts";
import type { CDriverDeclaration, UseDeclaration } from "../syntax/tree/ast.ts";
import type { Analysis } from "./analysis.ts";
import { type NameSymbol, occurrenceAt } from "./occurrences.ts";

/** A place in a file, or a whole file by the path that the text names. */
export type Definition = { readonly span: Span } | { readonly path: string };

/** Where the name at an offset is declared; null for what no file declares. */
export function definitionAt(analysis: Analysis, offset: number): Definition | null {
  const file = filesNamed(analysis).find(({ pathSpan: { end, start } }) =>
    start <= offset && offset <= end
  );
  if (file !== undefined) {
    const used = analysis.checked.entry.uses.find(({ declaration }) => declaration === file);
    if (used === undefined) return { path: file.path };
    return { span: { ...used.loaded.file.span, end: 0 } };
  }
  const declaration = occurrenceAt(analysis, offset)?.symbol.declaration ?? null;
  return declaration === null ? null : { span: declaration };
}

function filesNamed(
  { file }: Analysis,
): readonly (UseDeclaration | CDriverDeclaration)[] {
  return file.items.filter((item) => item.kind === "Use" || item.kind === "CDriver");
}

/** Every place that names the same as the name at an offset; none where nothing is named. */
export function referencesAt(
  analysis: Analysis,
  offset: number,
  withDeclaration = true,
): readonly Span[] {
  const found = occurrenceAt(analysis, offset);
  return found === null ? [] : placesOf(analysis, found.symbol, withDeclaration);
}

export function placesOf(
  analysis: Analysis,
  symbol: NameSymbol,
  withDeclaration = true,
): readonly Span[] {
  return analysis.occurrences
    .filter((each) => each.symbol === symbol && (withDeclaration || !each.isDeclaration))
    .map(({ span }) => span);
}
