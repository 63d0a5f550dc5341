/**
 * Where the entries of braces begin, taken from the syntax tree.
 *
 * The layout is made from tokens, because the tree has neither comments nor parentheses. What the
 * tokens alone do not say, the tree does: whether a word begins a statement, a setting, an entry of
 * a record or an arm of a `match`.
 */
import type { BenchDeclaration, Block, FileNode } from "../syntax/tree/ast.ts";

/** What stands between two braces, by what begins in them. */
export type EntryKind = "statement" | "setting" | "path" | "record" | "arm";

/** The kind of entry that begins at an offset of the text. */
export type Landmarks = ReadonlyMap<number, EntryKind>;

/** Finds where the entries of a file without errors begin. */
export function findLandmarks(file: FileNode): Landmarks {
  const found = new Map<number, EntryKind>();
  for (const item of file.items) found.set(item.span.start, "statement");
  visit(file, file.span.source.text, found);
  return found;
}

/** Looks at every node, whatever it is: one that has entries in braces says where they begin. */
function visit(node: unknown, text: string, found: Map<number, EntryKind>): void {
  if (Array.isArray(node)) {
    for (const each of node) visit(each, text, found);
    return;
  }
  if (!isNode(node)) return;
  if (isBlock(node) && text[node.span.start] === "{") {
    // The body of a match arm is a block without braces when it is one statement.
    mark(node.statements, "statement", found);
  }
  if (hasEntries(node)) {
    const kind = node.kind === "Record" || node.kind === "CopyWith"
      ? "record"
      : node.kind === "Machine" || node.kind === "Block"
      ? "setting"
      : "path";
    mark(node.entries, kind, found);
  }
  if (hasArms(node)) mark(node.arms, "arm", found);
  // The other parts of a bench begin with words that are theirs alone.
  if (isBench(node)) mark(node.expectations, "statement", found);
  for (const [key, child] of Object.entries(node)) {
    if (!key.toLowerCase().endsWith("span")) visit(child, text, found);
  }
}

interface LocatedNode {
  readonly span: { readonly start: number };
}

function mark(
  entries: readonly LocatedNode[],
  kind: EntryKind,
  found: Map<number, EntryKind>,
): void {
  for (const { span } of entries) found.set(span.start, kind);
}

function isNode(value: unknown): value is LocatedNode & { readonly kind?: string } {
  return typeof value === "object" && value !== null && "span" in value;
}

function isBlock(node: LocatedNode): node is Block {
  return "statements" in node;
}

function hasEntries(
  node: LocatedNode,
): node is LocatedNode & { kind?: string; entries: readonly LocatedNode[] } {
  return "entries" in node;
}

function isBench(node: LocatedNode): node is BenchDeclaration {
  return "expectations" in node;
}

function hasArms(node: LocatedNode): node is LocatedNode & { arms: readonly LocatedNode[] } {
  return "arms" in node;
}
