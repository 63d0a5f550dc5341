/**
 * The places where entries in braces begin, taken from the syntax tree.
 *
 * The layout is made from tokens, because the tree has neither comments nor parentheses. The tree
 * is needed to decide whether a word begins a statement, a setting, an entry of a record or an arm
 * of a `match`.
 */
import type { FileNode } from "../syntax/tree/ast.ts";

/** The kind of items between two braces. */
export type EntryKind = "statement" | "setting" | "path" | "record" | "arm";

/** Brackets of an expression. */
export type BracketKind = "index" | "arguments";

/** The kind of entry, or brackets, at an offset of the text. */
export type Landmarks = ReadonlyMap<number, EntryKind | BracketKind>;

/** Finds the beginnings of the entries of a file without errors. */
export function findLandmarks(file: FileNode): Landmarks {
  const found = new Map<number, EntryKind | BracketKind>();
  for (const item of file.items) found.set(item.span.start, "statement");
  visit(file, file.span.source.text, found);
  return found;
}

/** Visits every node; for a node with entries in braces, notes where they begin. */
function visit(node: unknown, text: string, found: Map<number, EntryKind | BracketKind>): void {
  if (Array.isArray(node)) {
    for (const each of node) visit(each, text, found);
    return;
  }
  if (!isNode(node)) return;
  const { arms, callee, entries, expectations, kind, object, span, statements } = node;
  // The body of a match arm with a single statement is a block without braces.
  if (text[span.start] === "{") mark(statements, "statement", found);
  const isRecord = kind === "Record" || kind === "CopyWith";
  const isMachine = kind === "Machine" || kind === "Block";
  mark(entries, isRecord ? "record" : isMachine ? "setting" : "path", found);
  mark(arms, "arm", found);
  // A variable may have the name of a word such as `faults`, so that tokens alone do not tell.
  if (kind === "Index") markBracket("[", object, "index", text, found);
  if (kind === "Call") markBracket("(", callee, "arguments", text, found);
  // The other parts of a bench begin with keywords that only they have.
  mark(expectations, "statement", found);
  for (const [key, child] of Object.entries(node)) {
    if (!key.toLowerCase().endsWith("span")) visit(child, text, found);
  }
}

/** A node of the tree, with its parts that contain entries. */
interface LocatedNode {
  readonly kind?: string;
  readonly span: { readonly start: number; readonly end: number };
  readonly object?: LocatedNode;
  readonly callee?: LocatedNode;
  readonly statements?: readonly LocatedNode[];
  readonly entries?: readonly LocatedNode[];
  readonly arms?: readonly LocatedNode[];
  readonly expectations?: readonly LocatedNode[];
}

/** Notes the bracket behind a part of an expression. */
function markBracket(
  bracket: string,
  before: LocatedNode | undefined,
  kind: BracketKind,
  text: string,
  found: Map<number, EntryKind | BracketKind>,
): void {
  if (before !== undefined) found.set(text.indexOf(bracket, before.span.end), kind);
}

function mark(
  entries: readonly LocatedNode[] | undefined,
  kind: EntryKind,
  found: Map<number, EntryKind | BracketKind>,
): void {
  for (const { span } of entries ?? []) found.set(span.start, kind);
}

function isNode(value: unknown): value is LocatedNode {
  return typeof value === "object" && value !== null && "span" in value;
}
