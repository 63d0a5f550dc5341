/** Finds the roles of a text's words, if a grammar of regular expressions cannot find them. */
import type { NameBinding } from "../check/names/bindings.ts";
import { wordsOf } from "../syntax/parse.ts";
import { Identifier, isA, Label, Name as NameToken } from "../syntax/tokens.ts";
import type {
  Argument,
  CallExpression,
  FieldExpression,
  MachineBlock,
  MachineSetting,
  Name,
  PatternEvent,
  RecordExpression,
} from "../syntax/tree/ast.ts";
import type { Span } from "../source.ts";
import type { Analysis } from "./analysis.ts";
import type { NameSymbol } from "./occurrences.ts";
import { everyNode, type TreeNode } from "./tree_path.ts";

/** The names of the roles in editors. */
export const TOKEN_TYPES = [
  "keyword",
  "variable",
  "parameter",
  "function",
  "method",
  "property",
  "enumMember",
  "namespace",
  "struct",
  "event",
] as const;

export const TOKEN_MODIFIERS = ["declaration", "readonly", "defaultLibrary"] as const;

type TokenType = (typeof TOKEN_TYPES)[number];
type TokenModifier = (typeof TOKEN_MODIFIERS)[number];

export interface SemanticToken {
  readonly start: number;
  readonly end: number;
  readonly type: TokenType;
  readonly modifiers: readonly TokenModifier[];
}

/** The names and keywords of a text, in textual order. */
export function semanticTokens(analysis: Analysis): readonly SemanticToken[] {
  const found = new Map<number, SemanticToken>();
  const add = ({ end, source, start }: Span, type: TokenType, ...modifiers: TokenModifier[]) => {
    if (source !== analysis.source || end <= start || found.has(start)) return;
    found.set(start, { start, end, type, modifiers });
  };
  for (const { isDeclaration, span, symbol } of analysis.occurrences) {
    const declaration = isDeclaration ? ["declaration" as const] : [];
    add(span, typeOf(symbol), ...declaration, ...modifiersOf(symbol.binding));
  }
  for (const node of everyNode(analysis.file)) inNode(node, add);
  const { source } = analysis;
  for (const token of wordsOf(source)) {
    const start = token.startOffset;
    if (!/^[A-Za-z_]/.test(token.image) || token.tokenType === Identifier) continue;
    // A word before `:` is a label, even if it is a keyword elsewhere.
    if (token.tokenType === Label || isA(token, NameToken) && found.has(start)) continue;
    if (token.image.startsWith('bytes"')) continue;
    add({ source, start, end: start + token.image.length }, "keyword");
  }
  return [...found.values()].sort((a, b) => a.start - b.start);
}

function typeOf({ binding }: NameSymbol): TokenType {
  switch (binding.kind) {
    case "variable":
      return binding.role === "parameter" ? "parameter" : "variable";
    case "const":
      return "variable";
    case "function":
    case "builtin":
      return "function";
    case "machine":
      return "namespace";
    case "word":
      return "enumMember";
  }
}

function modifiersOf({ kind }: NameBinding): readonly TokenModifier[] {
  if (kind === "const") return ["readonly"];
  return kind === "builtin" ? ["defaultLibrary"] : [];
}

type Add = (span: Span, type: TokenType, ...modifiers: TokenModifier[]) => void;

function inNode(node: TreeNode, add: Add): void {
  switch (node.kind) {
    case "Call": {
      const { arguments: given, callee } = node as CallExpression;
      if (callee.kind === "Field") add(callee.field.span, "method");
      for (const { name } of given satisfies readonly Argument[]) {
        if (name !== null) add(name.span, "parameter");
      }
      return;
    }
    case "Field":
      return add((node as FieldExpression).field.span, "property");
    case "Record":
    case "CopyWith":
      for (const { key } of (node as RecordExpression).entries) add(key.span, "property");
      return;
    case "Setting":
      return add((node as MachineSetting).key.span, "property");
    case "Block":
      return add((node as MachineBlock).keyword.span, "struct");
    case "Event":
      return add((node as PatternEvent).nameSpan, "event");
  }
  if ("path" in node && Array.isArray(node.path)) {
    for (const name of node.path as readonly Name[]) add(name.span, "property");
  }
}
