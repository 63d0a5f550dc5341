/** Finds the nodes of the syntax tree at an offset. */
import { addAll } from "@dmalab/runtime/basics";
import type { Span } from "../source.ts";

/** Any node: statements, expressions, names, blocks and entries of blocks. */
export interface TreeNode {
  readonly span: Span;
  readonly kind?: string;
}

function isNode(value: object): value is TreeNode {
  return "span" in value;
}

/** The direct parts of a node, in the order of its fields. */
function* childrenOf(node: object): Generator<TreeNode> {
  for (const value of Object.values(node)) {
    if (typeof value !== "object" || value === null || "source" in value) continue;
    if (isNode(value)) yield value;
    else if (!(value instanceof Uint8Array)) yield* childrenOf(value);
  }
}

/** The nodes around an offset, outermost first; a node that ends there counts, too. */
export function pathAt(root: TreeNode, offset: number): readonly TreeNode[] {
  const path = [root];
  for (let node: TreeNode | undefined = root; node !== undefined;) {
    node = innerAt(node, offset);
    if (node !== undefined) path.push(node);
  }
  return path;
}

/**
 * The innermost child at an offset; if two children meet there, the one that begins at the offset.
 */
function innerAt(node: TreeNode, offset: number): TreeNode | undefined {
  let found: TreeNode | undefined;
  for (const child of childrenOf(node)) {
    if (child.span.start > offset || child.span.end < offset) continue;
    if (found === undefined || child.span.start > found.span.start) found = child;
  }
  return found;
}

export function* everyNode(root: TreeNode): Generator<TreeNode> {
  const open = [root];
  for (let node = open.pop(); node !== undefined; node = open.pop()) {
    yield node;
    addAll(open, childrenOf(node));
  }
}
