/** Converts the answers of `lang/editor/` to the forms of the protocol. */
import * as Lsp from "vscode-languageserver-protocol/node";
import type { Diagnostic } from "@dmalab/lang/diagnostics";
import {
  completeAt,
  definitionAt,
  fixesIn,
  foldsOf,
  formatEdits,
  hoverAt,
  type Lines,
  type OutlineEntry,
  outlineOf,
  referencesAt,
  semanticTokens,
  signatureAt,
  type Suggestion,
  type SuggestionKind,
  surroundings,
  type TextEdit,
  TOKEN_MODIFIERS,
  TOKEN_TYPES,
} from "@dmalab/lang/editor";
import { ruleHover } from "./rules.ts";
import { offsetOf, positionOf, rangeOf, type Understood, uriOfSpan } from "./documents.ts";

type Position = Lsp.Position;

const ITEM_KINDS: Readonly<Record<SuggestionKind, Lsp.CompletionItemKind>> = {
  argument: Lsp.CompletionItemKind.Field,
  constant: Lsp.CompletionItemKind.EnumMember,
  event: Lsp.CompletionItemKind.Event,
  field: Lsp.CompletionItemKind.Field,
  function: Lsp.CompletionItemKind.Function,
  key: Lsp.CompletionItemKind.Property,
  keyword: Lsp.CompletionItemKind.Keyword,
  method: Lsp.CompletionItemKind.Method,
  type: Lsp.CompletionItemKind.Class,
  variable: Lsp.CompletionItemKind.Variable,
};

/** Kinds of suggestions, in the order in which the list of suggestions shows them. */
const ORDER: readonly (SuggestionKind | undefined)[] = [
  "argument",
  "field",
  "method",
  "key",
  "event",
  "variable",
  "function",
  "keyword",
];

/** The possible words at a position; a word's documentation is requested when the user selects it. */
export function completion(of: Understood, position: Position): Lsp.CompletionItem[] {
  const offset = offsetOf(of, position);
  const { all, part } = completeAt(of.analysis, offset);
  const range = rangeOf({ source: of.analysis.source, start: offset - part.length, end: offset });
  return all.map((suggestion) => completionItem(suggestion, range));
}

function completionItem({ kind, text }: Suggestion, range: Lsp.Range): Lsp.CompletionItem {
  const place = ORDER.indexOf(kind);
  return {
    label: text,
    sortText: `${place < 0 ? ORDER.length : place}${text}`,
    textEdit: { range, newText: text },
    ...kind === undefined ? {} : { kind: ITEM_KINDS[kind] },
  };
}

/** The meaning of a suggested name, in a sentence. */
export function completionDoc(of: Understood, position: Position, label: string): string {
  const { all } = completeAt(of.analysis, offsetOf(of, position));
  return all.find(({ text }) => text === label)?.doc ?? "";
}

export function hover(of: Understood, position: Position): Lsp.Hover | null {
  const found = hoverAt(of.analysis, offsetOf(of, position));
  if (found === null) return ruleHover(of, position);
  const [head, ...rest] = found.lines;
  const text = rest.length === 0 ? "" : `\n\`\`\`text\n${rest.join("\n")}\n\`\`\``;
  return {
    range: rangeOf(found.span),
    contents: { kind: "markdown", value: `\`\`\`dma\n${head}\n\`\`\`${text}` },
  };
}

export function signature(of: Understood, position: Position): Lsp.SignatureHelp | null {
  const found = signatureAt(of.analysis, offsetOf(of, position));
  if (found === null) return null;
  const parameters = found.parameters.map(({ doc, label }) => ({ label, documentation: doc }));
  return {
    signatures: [{ label: found.label, documentation: found.doc, parameters }],
    activeSignature: 0,
    activeParameter: found.active,
  };
}

export function definition(of: Understood, position: Position): Lsp.Location | null {
  const found = definitionAt(of.analysis, offsetOf(of, position));
  if (found === null) return null;
  if ("span" in found) return { uri: uriOfSpan(of, found.span), range: rangeOf(found.span) };
  // If the text has no file (such as `untitled:1`), there is no folder to which a path could be
  // relative.
  const uri = URL.parse(found.path, of.uri)?.href;
  if (uri === undefined) return null;
  const start = { line: 0, character: 0 };
  return { uri, range: { start, end: start } };
}

/** The occurrences of the same symbol in the file. */
export function highlights(of: Understood, position: Position): Lsp.DocumentHighlight[] {
  return referencesAt(of.analysis, offsetOf(of, position))
    .filter(({ source }) => source === of.analysis.source)
    .map((span) => ({ range: rangeOf(span) }));
}

const SYMBOL_KINDS: Readonly<Record<OutlineEntry["kind"], Lsp.SymbolKind>> = {
  bench: Lsp.SymbolKind.Method,
  block: Lsp.SymbolKind.Object,
  const: Lsp.SymbolKind.Constant,
  driver: Lsp.SymbolKind.Interface,
  function: Lsp.SymbolKind.Function,
  machine: Lsp.SymbolKind.Module,
  property: Lsp.SymbolKind.Method,
  test: Lsp.SymbolKind.Method,
  variable: Lsp.SymbolKind.Variable,
};

export function symbols({ analysis }: Understood): Lsp.DocumentSymbol[] {
  const symbolOf = (entry: OutlineEntry): Lsp.DocumentSymbol => ({
    // The protocol does not allow an empty name, which a test may have.
    name: entry.name === "" ? "(no name)" : entry.name,
    kind: SYMBOL_KINDS[entry.kind],
    detail: entry.kind,
    range: rangeOf(entry.span),
    selectionRange: rangeOf(entry.nameSpan),
    children: entry.children.map(symbolOf),
  });
  return outlineOf(analysis).map(symbolOf);
}

export function folding({ analysis }: Understood): Lsp.FoldingRange[] {
  return foldsOf(analysis).map(({ first, isComment, last }) => ({
    startLine: first - 1,
    endLine: last - 1,
    ...isComment ? { kind: Lsp.FoldingRangeKind.Comment } : {},
  }));
}

export function selection(of: Understood, positions: readonly Position[]): Lsp.SelectionRange[] {
  return positions.map((position) => {
    let around: Lsp.SelectionRange = { range: { start: position, end: position } };
    for (const [index, span] of surroundings(of.analysis, offsetOf(of, position)).entries()) {
      const range = rangeOf(span);
      around = index === 0 ? { range } : { range, parent: around };
    }
    return around;
  });
}

/** Five numbers for each token, with positions relative to the token before. */
export function tokens({ analysis }: Understood): Lsp.SemanticTokens {
  const data: number[] = [];
  let before = { line: 0, character: 0 };
  for (const { end, modifiers, start, type } of semanticTokens(analysis)) {
    const at = positionOf(analysis.source, start);
    const isSameLine = at.line === before.line;
    data.push(
      at.line - before.line,
      isSameLine ? at.character - before.character : at.character,
      end - start,
      TOKEN_TYPES.indexOf(type),
      modifiers.reduce((bits, modifier) => bits | 1 << TOKEN_MODIFIERS.indexOf(modifier), 0),
    );
    before = at;
  }
  return { data };
}

/** The edits that format a text; none for a file with errors. */
export function formatting({ analysis }: Understood, within?: Lsp.Range): Lsp.TextEdit[] {
  const lines: Lines | undefined = within && {
    first: within.start.line + 1,
    last: within.end.character === 0 ? within.end.line : within.end.line + 1,
  };
  return (formatEdits(analysis.source, lines) ?? []).map(textEdit);
}

export function textEdit({ span, text }: TextEdit): Lsp.TextEdit {
  return { range: rangeOf(span), newText: text };
}

/** Quick fixes for the problems in a range. */
export function codeActions(
  of: Understood,
  { context: { diagnostics }, range: { end, start } }: Lsp.CodeActionParams,
): Lsp.CodeAction[] {
  const found = fixesIn(of.analysis, offsetOf(of, start), offsetOf(of, end));
  return found.map(({ diagnostic, fix, isOnly, title }) => {
    const range = rangeOf(diagnostic.span);
    const fixed = diagnostics.filter((each) =>
      each.code === diagnostic.code && each.range.start.line === range.start.line &&
      each.range.start.character === range.start.character
    );
    return {
      title,
      kind: Lsp.CodeActionKind.QuickFix,
      isPreferred: isOnly,
      diagnostics: fixed,
      edit: { changes: { [of.uri]: [textEdit(fix)] } },
    };
  });
}

/** The diagnostics of the file itself. */
export function diagnostics(of: Understood): Lsp.Diagnostic[] {
  return of.analysis.diagnostics
    .filter(({ span }) => span.source === of.analysis.source)
    .map((diagnostic) => diagnosticOf(diagnostic, of));
}

function diagnosticOf(diagnostic: Diagnostic, of: Understood): Lsp.Diagnostic {
  const { code, hint, message, related = [], severity, span } = diagnostic;
  return {
    range: rangeOf(span),
    severity: severity === "error" ? Lsp.DiagnosticSeverity.Error : Lsp.DiagnosticSeverity.Warning,
    code,
    source: "dmalab",
    message: hint === undefined ? message : `${message}\nhint: ${hint}`,
    relatedInformation: related.map(({ message, span }) => ({
      location: { uri: uriOfSpan(of, span), range: rangeOf(span) },
      message,
    })),
  };
}
