/** Finds the occurrences of a symbol in all programs of a folder, and renames them. */
import type * as Lsp from "vscode-languageserver-protocol/node";
import {
  isOwnName,
  type NameSymbol,
  occurrenceAt,
  placesOf,
  renameable,
  renameSymbol,
} from "@dmalab/lang/editor";
import type { Span } from "@dmalab/lang";
import { textEdit } from "./answers.ts";
import { type Documents, offsetOf, rangeOf, type Understood, uriOfSpan } from "./documents.ts";

/** A program, and its symbol for the requested name. */
interface Naming {
  readonly program: Understood;
  readonly symbol: NameSymbol;
}

/** Every program that contains the symbol at a position, the requested program first. */
async function namings(
  of: Understood,
  position: Lsp.Position,
  documents: Documents,
): Promise<readonly Naming[]> {
  const found = occurrenceAt(of.analysis, offsetOf(of, position));
  if (found === null) return [];
  const own = { program: of, symbol: found.symbol };
  const { binding, declaration, name } = found.symbol;
  const isShared = binding.kind === "const" || binding.kind === "function";
  if (!isShared || declaration === null || !isOwnName(found.symbol)) return [own];
  const place = formatLocation(of, declaration);
  const others = await documents.programsWith(name, of.loader.root);
  return [
    own,
    ...others.filter(({ uri }) => uri !== of.uri).flatMap((program) => {
      const same = program.analysis.occurrences.find(({ symbol }) =>
        symbol.declaration !== null && formatLocation(program, symbol.declaration) === place
      );
      return same === undefined ? [] : [{ program, symbol: same.symbol }];
    }),
  ];
}

function formatLocation(of: Understood, span: Span): string {
  return `${span.start} ${uriOfSpan(of, span)}`;
}

export async function references(
  of: Understood,
  position: Lsp.Position,
  withDeclaration: boolean,
  documents: Documents,
): Promise<Lsp.Location[]> {
  const found = new Map<string, Lsp.Location>();
  for (const { program, symbol } of await namings(of, position, documents)) {
    for (const span of placesOf(program.analysis, symbol, withDeclaration)) {
      const location = { uri: uriOfSpan(program, span), range: rangeOf(span) };
      found.set(formatLocation(program, span), location);
    }
  }
  return [...found.values()];
}

/** The range of the name that would be renamed, or why it cannot be renamed. */
export function prepareRename(of: Understood, position: Lsp.Position): Lsp.Range | string {
  const span = renameable(of.analysis, offsetOf(of, position));
  return typeof span === "string" ? span : rangeOf(span);
}

export async function rename(
  of: Understood,
  position: Lsp.Position,
  name: string,
  documents: Documents,
): Promise<Lsp.WorkspaceEdit | string> {
  const span = renameable(of.analysis, offsetOf(of, position));
  if (typeof span === "string") return span;
  const changes: Record<string, Lsp.TextEdit[]> = {};
  const seen = new Set<string>();
  for (const { program, symbol } of await namings(of, position, documents)) {
    const renamed = renameSymbol(program.analysis, symbol, name, program.loader);
    if (!renamed.ok) return renamed.why;
    for (const edit of renamed.edits) {
      const place = formatLocation(program, edit.span);
      if (seen.has(place)) continue;
      seen.add(place);
      (changes[uriOfSpan(program, edit.span)] ??= []).push(textEdit(edit));
    }
  }
  return { changes };
}
