/**
 * Reading the concrete syntax tree. A recovered node may lack any child, so everything here is
 * optional; the builders decide what stands in for a missing part.
 */
import type { CstElement, CstNode, IToken } from "chevrotain";

export function isNode(element: CstElement | undefined): element is CstNode {
  return element !== undefined && "children" in element;
}

export function isToken(element: CstElement | undefined): element is IToken {
  return element !== undefined && "image" in element;
}

/** All children under a label, in the order of the text. */
export function children(node: CstNode, label: string): readonly CstElement[] {
  return node.children[label] ?? [];
}

/** The first child under a label that is a node. */
export function childNode(node: CstNode | undefined, label: string): CstNode | undefined {
  const child = node?.children[label]?.[0];
  return isNode(child) ? child : undefined;
}

/** The children under a label that are nodes. */
export function childNodes(node: CstNode, label: string): CstNode[] {
  return children(node, label).filter(isNode);
}

/** The first child under a label that is a token of the text. */
export function childToken(node: CstNode | undefined, label: string): IToken | undefined {
  const child = node?.children[label]?.[0];
  return isToken(child) && child.isInsertedInRecovery !== true ? child : undefined;
}

/** The children under a label that are tokens of the text. */
export function childTokens(node: CstNode, label: string): IToken[] {
  return children(node, label).filter(isToken).filter((token) =>
    token.isInsertedInRecovery !== true
  );
}
