/** Renames something that a program declares. */
import { SourceFile, type Span } from "../source.ts";
import type { SourceLoader } from "../syntax/load_files.ts";
import { HARD_WORDS } from "../syntax/language_words.ts";
import { analyse, type Analysis } from "./analysis.ts";
import { isOwnName, type NameSymbol, occurrenceAt } from "./occurrences.ts";

export interface TextEdit {
  readonly span: Span;
  readonly text: string;
}

export type Renamed =
  | { readonly ok: true; readonly edits: readonly TextEdit[] }
  /** Why the name cannot be renamed, as a sentence without its full stop. */
  | { readonly ok: false; readonly why: string };

/** The name at an offset that can be renamed, or the reason why it cannot. */
export function renameable(analysis: Analysis, offset: number): Span | string {
  const found = occurrenceAt(analysis, offset);
  if (found === null) return "There is no name here";
  const { binding, name } = found.symbol;
  // A device's name occurs in its events, and in the expectations of tests.
  if (binding.kind === "machine") {
    return `\`${name}\` is a part of the machine, and cannot be renamed: its events have that name`;
  }
  if (!isOwnName(found.symbol)) return `\`${name}\` belongs to the language`;
  return found.span;
}

/**
 * The edits that rename the name at an offset, in all files of the program.
 *
 * The edited program is parsed again. If any name has another meaning in the edited program, the
 * list is empty.
 */
export function renameAt(
  analysis: Analysis,
  offset: number,
  name: string,
  loader: SourceLoader,
): Renamed {
  const span = renameable(analysis, offset);
  return typeof span === "string"
    ? { ok: false, why: span }
    : renameSymbol(analysis, occurrenceAt(analysis, offset)!.symbol, name, loader);
}

/** The edits that rename a symbol; only for symbols that the program itself named. */
export function renameSymbol(
  analysis: Analysis,
  symbol: NameSymbol,
  name: string,
  loader: SourceLoader,
): Renamed {
  if (!/^[A-Za-z_]\w*$/.test(name) || (HARD_WORDS as readonly string[]).includes(name)) {
    return { ok: false, why: `\`${name}\` cannot be a name` };
  }
  const edits = placesOf(analysis, symbol).map((each) => ({ span: each, text: name }));
  const renamed = analyse(edited(analysis.source, edits), editedFiles(loader, edits));
  return meaningOf(renamed) === meaningOf(analysis)
    ? { ok: true, edits }
    : { ok: false, why: `another \`${name}\` is known where this name is used` };
}

/**
 * The symbols of all names, and the diagnostics. The text of the names and all positions are left
 * out.
 */
function meaningOf(analysis: Analysis): string {
  const numbers = new Map<unknown, number>();
  const names = analysis.occurrences.map(({ isDeclaration, symbol, span }) => {
    if (!numbers.has(symbol)) numbers.set(symbol, numbers.size);
    return `${span.source.name} ${numbers.get(symbol)} ${symbol.binding.kind} ${isDeclaration}`;
  });
  const wrong = analysis.diagnostics.map(({ code, span }) => `${code} ${span.source.name}`);
  return [...names, ...wrong].join("\n");
}

function editedFiles(loader: SourceLoader, edits: readonly TextEdit[]): SourceLoader {
  return {
    load(...asked) {
      const loaded = loader.load(...asked);
      return loaded instanceof SourceFile ? edited(loaded, edits) : loaded;
    },
  };
}

export function edited(source: SourceFile, edits: readonly TextEdit[]): SourceFile {
  const own = edits.filter(({ span }) => span.source.name === source.name)
    .toSorted((a, b) => b.span.start - a.span.start);
  if (own.length === 0) return source;
  let { text } = source;
  for (const { span, text: inserted } of own) {
    text = text.slice(0, span.start) + inserted + text.slice(span.end);
  }
  return new SourceFile(source.name, text);
}

/** A location in a file, or a whole file, named by its path in the program's text. */
type Definition = { readonly span: Span } | { readonly path: string };

/** The declaration of the name at an offset; null if no file declares it. */
export function definitionAt(analysis: Analysis, offset: number): Definition | null {
  const file = analysis.file.items
    .filter((item) => item.kind === "Use" || item.kind === "CDriver")
    .find(({ pathSpan: { end, start } }) => start <= offset && offset <= end);
  if (file !== undefined) {
    const used = analysis.checked.entry.uses.find(({ declaration }) => declaration === file);
    if (used === undefined) return { path: file.path };
    return { span: { ...used.loaded.file.span, end: 0 } };
  }
  const declaration = occurrenceAt(analysis, offset)?.symbol.declaration ?? null;
  return declaration === null ? null : { span: declaration };
}

/** Every location with the same symbol as the name at an offset; empty without a name. */
export function referencesAt(analysis: Analysis, offset: number): readonly Span[] {
  const found = occurrenceAt(analysis, offset);
  return found === null ? [] : placesOf(analysis, found.symbol);
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
