/**
 * Converts the tree of brackets to lines: decides which items share a line, which items are broken,
 * and where.
 */
import { addAll, maxOf } from "@dmalab/runtime/basics";
import * as t from "../syntax/tokens.ts";
import type { IToken } from "chevrotain";
import { endsValue } from "../syntax/recovery/bracket_matcher.ts";
import { builders, printer } from "prettier/doc";
import { displayWidth } from "../diagnostics/display_width.ts";
import {
  firstWord,
  type Group,
  type GroupKind,
  isGroup,
  type Item,
  lastWord,
  type Node,
} from "./groups.ts";
import type { Comment, FormattedToken } from "./words_and_comments.ts";

const NO_BLANK_BEFORE: ReadonlySet<unknown> = new Set([t.Comma, t.Colon, t.Dot, t.Range]);
const NO_BLANK_AFTER: ReadonlySet<unknown> = new Set([t.Dot, t.Range, t.Bang]);
const PATTERN_SUFFIXES: ReadonlySet<unknown> = new Set([t.Star, t.Plus, t.Question]);

/** Whether a token is a sign before one value, and not a `-` between two. */
function isPrefixMinus(previous: IToken | undefined, token: IToken | undefined): boolean {
  return token?.tokenType === t.Minus && !endsValue(previous);
}

/**
 * Whether a space is needed between two words.
 *
 * @param beforePrevious The word before the two words; it decides the meaning of `-`.
 * @param group The group that the second word opens, if it opens a group.
 */
function blankBetween(
  inside: GroupKind,
  beforePrevious: IToken | undefined,
  previous: IToken,
  next: IToken,
  group: GroupKind | null,
): boolean {
  if (inside === "pattern" || inside === "pattern group") {
    if (PATTERN_SUFFIXES.has(next.tokenType) || group === "count") return false;
  }
  if (group === "arguments" || group === "index") return false;
  if (NO_BLANK_BEFORE.has(next.tokenType)) return false;
  if (NO_BLANK_AFTER.has(previous.tokenType)) return false;
  if (isPrefixMinus(beforePrevious, previous)) {
    // `--` without a space would be an operator of another language.
    return next.tokenType === t.Minus;
  }
  return true;
}

type Doc = builders.Doc;
const { breakParent, fill, group, hardline, ifBreak, indent, join, line, lineSuffix, softline } =
  builders;

export function layOutFile(items: readonly Item[], end: readonly Comment[]): Doc {
  const doc: Doc[] = [...statementList(items, true)];
  addAll(doc, commentsBelow(items, end));
  if (doc.length > 0) doc.push(hardline);
  return doc;
}

/** Comments on separate lines, after the items. */
function commentsBelow(items: readonly Item[], comments: readonly Comment[]): Doc[] {
  return comments.flatMap(({ blankBefore, text }, index): Doc[] => {
    if (items.length === 0 && index === 0) return [text];
    return blankBefore ? [hardline, hardline, text] : [hardline, text];
  });
}

/** Keywords of declarations with a body, which have an empty line before and after them. */
const APART: ReadonlySet<unknown> = new Set([
  ...[t.Hard.machine, t.Hard.test, t.Hard.property, t.Hard.bench],
  t.Soft.skip,
]);

function standsApart(item: Item): boolean {
  return APART.has(firstWord(item.nodes[0]!).token.tokenType);
}

/** Items on separate lines; an empty line between them is kept, but not more than one. */
function* statementList(items: readonly Item[], atTop: boolean): Generator<Doc> {
  for (const [index, item] of items.entries()) {
    const previous = items[index - 1];
    if (previous !== undefined) {
      yield hardline;
      const apart = atTop && (standsApart(previous) || standsApart(item));
      if (apart || item.blankBefore) yield hardline;
    }
    yield* leadingComments(item);
    yield [layOutItem(item, "block"), ...trailingComments(item.trailing)];
  }
}

function* leadingComments({ leading, blankAfterComments }: Item): Generator<Doc> {
  for (const [index, comment] of leading.entries()) {
    if (index > 0 && comment.blankBefore) yield hardline;
    yield comment.text;
    yield hardline;
  }
  if (blankAfterComments) yield hardline;
}

function trailingComments(comments: readonly string[]): Doc[] {
  return comments.map((comment) => [lineSuffix(comment), breakParent]);
}

/** Whether a node takes several lines, wherever it is placed. */
function mustBreak(node: Node): boolean {
  if (!isGroup(node)) return node.before.length > 0 || node.after.length > 0;
  return breaksItself(node) || node.items.some((item) => itemMustBreak(item)) ||
    node.open.before.length > 0 || node.close.after.length > 0;
}

function itemMustBreak({ nodes, leading, trailing }: Item): boolean {
  return leading.length > 0 || trailing.length > 0 || nodes.some(mustBreak);
}

/**
 * Whether a group is broken over several lines in any case, for example because the author put a
 * line end after its bracket.
 */
function breaksItself({ kind, opened, items, dangling, open }: Group): boolean {
  if (dangling.length > 0 || open.after.length > 0) return true;
  if (items.length === 0 || kind === "parentheses" || kind === "index") return false;
  if (opened) return true;
  return isBraces(kind) && items.some((item, index) => index > 0 && item.newlineBefore);
}

function isBraces(kind: GroupKind): boolean {
  return kind === "block" || kind === "settings" || kind === "paths" || kind === "arms" ||
    kind === "record" || kind === "condition";
}

/**
 * Whether a node is a block that belongs to a statement. Either all such blocks of a statement are
 * on one line, or none.
 */
function isBody(node: Node): node is Group {
  return isGroup(node) &&
    (node.kind === "block" || node.kind === "arms" || node.kind === "condition");
}

/** One statement, entry or argument. */
function layOutItem(item: Item, inside: GroupKind): Doc {
  const docs: Doc[] = [];
  let run: Node[] = [];
  let hasBody = false;
  let beforeRun: IToken | undefined;
  const flush = () => {
    if (run.length > 0) docs.push(layOutRun(run, inside, beforeRun));
    run = [];
  };
  for (const [index, node] of item.nodes.entries()) {
    const previous = item.nodes[index - 1];
    if (!isBody(node)) {
      if (run.length === 0 && previous !== undefined) {
        beforeRun = lastWord(previous).token;
        const first = firstWord(node);
        const kind = isGroup(node) ? node.kind : null;
        const blank = blankBetween(inside, undefined, beforeRun, first.token, kind);
        if (blank && !comesDown(lastWord(previous), first)) docs.push(" ");
      }
      run.push(node);
      continue;
    }
    flush();
    hasBody = true;
    if (previous !== undefined && !comesDown(lastWord(previous), node.open)) docs.push(" ");
    docs.push(
      ...commentsInside(node.open, previous && lastWord(previous)),
      ...bracesDoc(node),
      ...commentsBehind(node.close),
    );
  }
  flush();
  return hasBody ? group(docs) : docs;
}

/** Comments between two words of an item go on separate lines. */
function commentsInside(word: FormattedToken, previous: FormattedToken | undefined): Doc[] {
  if (word.before.length === 0) return [];
  // After another comment the line has already ended.
  const start = previous === undefined || previous.after.length === 0 ? [hardline] : [];
  return [...start, ...word.before.flatMap((comment): Doc[] => [comment.text, hardline])];
}

/** A comment after a word inside an item: the rest continues in the next line. */
function commentsBehind(word: FormattedToken): Doc[] {
  return word.after.length === 0 ? [] : [...trailingComments(word.after), hardline];
}

/** Whether there is a comment at a word, or at the opening bracket of a group. */
function hasComment(node: Node): boolean {
  const { before, after } = firstWord(node);
  return before.length + after.length > 0;
}

/** Whether a comment between two words ends the line. */
function comesDown(previous: FormattedToken, next: FormattedToken): boolean {
  return previous.after.length > 0 || next.before.length > 0;
}

/**
 * The braces of a body. They are not a separate group, so they are broken together with their
 * statement.
 */
function bracesDoc(node: Group): Doc[] {
  const { kind, items, dangling, open } = node;
  if (items.length === 0 && dangling.length === 0 && open.after.length === 0) return ["{ }"];
  const content: Doc[] = [];
  for (const [index, item] of items.entries()) {
    const previous = items[index - 1];
    if (previous !== undefined) {
      content.push(ifBreak("", separatorBetween(kind, previous)), line);
      if (item.blankBefore) content.push(ifBreak(softline, ""));
    }
    content.push(...leadingComments(item), layOutItem(item, kind));
    if (kind === "record") content.push(ifBreak(",", ""));
    addAll(content, trailingComments(item.trailing));
  }
  addAll(content, commentsBelow(items, dangling));
  const forced = breaksItself(node) || dangling.length > 0 ? [breakParent] : [];
  return [
    "{",
    ...trailingComments(open.after),
    indent([line, ...content]),
    line,
    "}",
    ...forced,
  ];
}

/** The separator of two entries on one line. */
function separatorBetween(kind: GroupKind, previous: Item): string {
  if (kind === "block") return ";";
  const last = previous.nodes.at(-1)!;
  return kind !== "record" && isGroup(last) && isBraces(last.kind) && last.kind !== "record"
    ? ""
    : ",";
}

/** A sequence of words and brackets, broken after the operators that bind loosest. */
function layOutRun(
  nodes: readonly Node[],
  inside: GroupKind,
  before: IToken | undefined,
): Doc {
  if (inside === "count" && !nodes.some(hasComment)) {
    return nodes.map((node) => firstWord(node).token.image);
  }
  const places = breakPlaces(nodes, inside, before);
  if (nodes.some(mustBreak)) return rowDoc(nodes, inside, before);
  if (places.length === 0) return layOutChain(nodes, inside, before);
  const parts: Doc[] = [];
  let start = 0;
  for (const place of [...places, nodes.length - 1]) {
    const part = nodes.slice(start, place + 1);
    const previous = start === 0 ? before : lastWord(nodes[start - 1]!).token;
    // The operator stays with the value before it.
    const isLast = place === nodes.length - 1;
    const operator = isLast ? [] : part.splice(-1);
    const value = layOutRun(part, inside, previous);
    const sign = operator.map((node) => firstWord(node).token);
    parts.push(
      sign.length === 0
        ? value
        : [value, sign[0]!.tokenType === t.Comma || part.length === 0 ? "" : " ", sign[0]!.image],
    );
    start = place + 1;
  }
  const [first, ...rest] = parts;
  return group([first!, indent(rest.map((part): Doc => [line, part]))]);
}

/** `a.filter(x).map(y)`: may be broken before a dot that follows a call. */
function layOutChain(
  nodes: readonly Node[],
  inside: GroupKind,
  before: IToken | undefined,
): Doc {
  const dots = nodes.flatMap((node, index) => {
    const previous = nodes[index - 1];
    const isLink = !isGroup(node) && node.token.tokenType === t.Dot && previous !== undefined &&
      isGroup(previous) && previous.kind === "arguments";
    return isLink ? [index] : [];
  });
  if (dots.length === 0 || hasArrow(nodes)) return rowDoc(nodes, inside, before);
  const links = dots.map((start, index) =>
    rowDoc(nodes.slice(start, dots[index + 1]), inside, lastWord(nodes[start - 1]!).token)
  );
  return group([
    rowDoc(nodes.slice(0, dots[0]), inside, before),
    indent(links.map((link): Doc => [softline, link])),
  ]);
}

function hasArrow(nodes: readonly Node[]): boolean {
  return nodes.some((node) => !isGroup(node) && node.token.tokenType === t.FatArrow);
}

/** Operators after which a line may end, loosest first. */
const LEVELS: readonly ((token: IToken) => boolean)[] = [
  ({ tokenType }) => tokenType === t.Comma,
  ({ tokenType }) => tokenType === t.Hard.or,
  ({ tokenType }) => tokenType === t.Hard.and,
  ({ image, tokenType }) =>
    tokenType === t.EqualEqual || tokenType === t.NotEqual ||
    ["<", "<=", ">", ">="].includes(image),
  ({ tokenType }) => tokenType === t.Pipe,
  ({ tokenType }) => tokenType === t.Ampersand,
  ({ image }) => image === "<<" || image === ">>",
  ({ tokenType }) => tokenType === t.Plus || tokenType === t.Minus,
  ({ image, tokenType }) => tokenType === t.Star || image === "/" || image === "%",
];

/** The places at which a sequence may be broken: after each operator of its loosest level. */
function breakPlaces(
  nodes: readonly Node[],
  inside: GroupKind,
  before: IToken | undefined,
): number[] {
  if (inside === "pattern" || inside === "pattern group") return [];
  // The text after an arrow belongs to the lambda. A break before that text would separate it from
  // the lambda.
  if (hasArrow(nodes)) return [];
  for (const isOfLevel of LEVELS) {
    const places = nodes.flatMap((node, index) => {
      if (isGroup(node) || !isOfLevel(node.token) || index === nodes.length - 1) return [];
      const previous = index === 0 ? before : lastWord(nodes[index - 1]!).token;
      return isPrefixMinus(previous, node.token) ? [] : [index];
    });
    if (places.length > 0) return places;
  }
  return [];
}

/** A sequence of words and brackets that is not broken, with the necessary spaces. */
function rowDoc(nodes: readonly Node[], inside: GroupKind, before: IToken | undefined): Doc {
  const docs: Doc[] = [];
  let beforePrevious: IToken | undefined;
  let previous = before;
  for (const [index, node] of nodes.entries()) {
    const first = firstWord(node);
    if (index > 0 && !comesDown(lastWord(nodes[index - 1]!), first)) {
      const kind = isGroup(node) ? node.kind : null;
      if (blankBetween(inside, beforePrevious, previous!, first.token, kind)) docs.push(" ");
    }
    addAll(docs, commentsInside(first, index > 0 ? lastWord(nodes[index - 1]!) : undefined));
    if (isGroup(node)) docs.push(bracketDoc(node), ...commentsBehind(node.close));
    else docs.push(node.token.image, ...commentsBehind(node));
    beforePrevious = previous;
    previous = lastWord(node).token;
  }
  return nodes.some((node) => lastWord(node).after.length + firstWord(node).before.length > 0)
    ? indent(docs)
    : docs;
}

/** Brackets that get a comma after the last item when each item has its own line. */
const TRAILING_COMMA: ReadonlySet<GroupKind> = new Set(["arguments", "list", "record"]);

/** Groups with items that share lines if they do not fit on one line. */
const FILLED: ReadonlySet<GroupKind> = new Set(["list", "record", "pattern", "pattern group"]);

function bracketDoc(node: Group): Doc {
  const { kind, items, dangling, open, close } = node;
  if (kind === "settings" || kind === "paths" || isBody(node)) return group(bracesDoc(node));
  const [left, right] = [open.token.image, close.token.image];
  if (items.length === 0 && dangling.length === 0 && open.after.length === 0) {
    return left === "{" ? "{ }" : `${left}${right}`;
  }
  const contents = tableRows(node) ?? items.map((item) => layOutItem(item, kind));
  const isBare = open.after.length + dangling.length === 0 &&
    !items.some(({ nodes, leading, trailing }) =>
      leading.length + trailing.length > 0 || nodes.some(hasComment)
    );
  if (kind === "count" && isBare) return [left, join(",", contents), right];
  const pad = kind === "record" || kind === "pattern";
  if (!breaksItself(node) && isHugged(items)) {
    const edge = pad ? " " : "";
    return [left, edge, join(", ", contents), edge, right];
  }
  const edge = pad ? line : softline;
  const comma = TRAILING_COMMA.has(kind) && items.length > 0 ? ifBreak(",", "") : "";
  const body: Doc[] = [];
  for (const row of rowsOf(node)) {
    if (body.length > 0) body.push(",", hardline);
    body.push(rowOf(row.map((index) => [items[index]!, contents[index]!] as const), kind));
  }
  if (dangling.length > 0 && items.length > 0) body.push(comma, hardline);
  body.push(join(hardline, dangling.map(({ text }) => text)));
  const forced = breaksItself(node) ||
    items.some(({ leading, trailing }) => leading.length + trailing.length > 0);
  return group([
    left,
    ...trailingComments(open.after),
    items.length + dangling.length > 0 ? indent([edge, ...body]) : "",
    dangling.length > 0 ? "" : comma,
    edge,
    right,
  ], { shouldBreak: forced });
}

/**
 * A list of lists or of records, with a line for each item and its cells aligned in columns. Null
 * if the list is not such a table, or if a row would not fit.
 */
function tableRows(node: Group): Doc[] | null {
  if (node.kind !== "list" || !breaksItself(node) || node.items.length < 2) return null;
  const rows = node.items.map((item, index) => {
    const [row] = item.nodes;
    const isRow = item.nodes.length === 1 && isGroup(row!) &&
      (row.kind === "list" || row.kind === "record") && !breaksItself(row) &&
      !row.items.some(itemMustBreak) && (index === 0 || item.newlineBefore);
    return isRow ? row : null;
  });
  const [first] = rows;
  if (first === null || first === undefined) return null;
  const cells: string[][] = [];
  for (const row of rows) {
    if (row?.kind !== first.kind || row.items.length !== first.items.length) return null;
    cells.push(row.items.map((item) => flatText(layOutItem(item, row.kind))));
  }
  const widths = first.items.map((_, column) =>
    maxOf(cells.map((row) => displayWidth(row[column]!)))
  );
  const edge = first.kind === "record" ? " " : "";
  const total = widths.reduce((sum, width) => sum + width + 2, 2 * edge.length);
  if (total > TABLE_WIDTH || first.items.length < 2) return null;
  return cells.map((row) => {
    const columns = row.map((cell, column) =>
      column === row.length - 1
        ? cell
        : `${cell},${" ".repeat(widths[column]! - displayWidth(cell))} `
    );
    const last = row.at(-1)!;
    const behind = edge === "" ? "" : " ".repeat(widths.at(-1)! - displayWidth(last) + 1);
    return `${first.open.token.image}${edge}${columns.join("")}${behind}${first.close.token.image}`;
  });
}

/** Maximum width of a table's rows, so that they fit at any indentation. */
const TABLE_WIDTH = 90;

function flatText(doc: Doc): string {
  return printer.printDocToString(doc, { printWidth: Infinity, tabWidth: 2 }).formatted;
}

/**
 * Whether the outer bracket stays in one line with its contents' brackets. It does if it contains
 * only another bracket, or if only its last item has several lines.
 */
function isHugged(items: readonly Item[]): boolean {
  if (items.some(({ leading, trailing }) => leading.length + trailing.length > 0)) return false;
  const [only] = items;
  if (items.length === 1 && only!.nodes.length === 1 && isGroup(only!.nodes[0]!)) return true;
  const last = items.at(-1)!;
  return last.nodes.some(mustBreak) && items.slice(0, -1).every((item) => !itemMustBreak(item)) &&
    last.nodes.every((node) => isGroup(node) || !mustBreak(node));
}

/**
 * The rows of a group, as indexes of its items. If the brackets are broken over several lines, a
 * row has the items of one of the author's lines; otherwise all items are in one row.
 */
function rowsOf(node: Group): number[][] {
  const rows: number[][] = [];
  for (const [index, item] of node.items.entries()) {
    const previous = node.items[index - 1];
    const begins = (breaksItself(node) && item.newlineBefore) || item.leading.length > 0 ||
      (previous?.trailing.length ?? 0) > 0;
    if (index === 0 || begins) rows.push([index]);
    else rows.at(-1)!.push(index);
  }
  return rows;
}

function rowOf(row: readonly (readonly [Item, Doc])[], kind: GroupKind): Doc {
  const docs = row.map(([item, doc]): Doc => [
    ...leadingComments(item),
    doc,
    ...trailingComments(item.trailing),
  ]);
  if (!FILLED.has(kind)) return join([",", line], docs);
  const last = docs.length - 1;
  return fill(docs.flatMap((doc, index) => index < last ? [[doc, ","], line] : [doc]));
}
