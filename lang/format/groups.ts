/**
 * Tokens as a tree of brackets, the input of the layout.
 *
 * Inside brackets are items: statements, entries, arguments. Separators are dropped, because the
 * layout writes its own separators.
 */
import { addAll } from "@dmalab/runtime/basics";
import * as t from "../syntax/tokens.ts";
import type { EntryKind, Landmarks } from "./landmarks.ts";
import type { Comment, FormattedToken, Words } from "./words_and_comments.ts";

/** A bracket with its items. */
export interface Group {
  readonly kind: GroupKind;
  readonly open: FormattedToken;
  readonly close: FormattedToken;
  readonly items: readonly Item[];
  /** Comments on separate lines before the closing bracket. */
  readonly dangling: readonly Comment[];
  /** True if the text continues in a new line after the opening bracket. */
  readonly opened: boolean;
}

export type GroupKind =
  | "block"
  | "settings"
  | "paths"
  | "record"
  | "arms"
  /** `invariant "x" { condition }`. */
  | "condition"
  | "arguments"
  | "parentheses"
  | "list"
  | "index"
  | "pattern"
  /** `(a, b)` in an event pattern. */
  | "pattern group"
  /** `{2,3}` in an event pattern. */
  | "count";

export type Node = FormattedToken | Group;

export interface Item {
  readonly nodes: readonly Node[];
  /** Comments on separate lines before the item. */
  readonly leading: readonly Comment[];
  /** Comments that end the item's last line. */
  readonly trailing: readonly string[];
  /** True if the item begins a line. */
  readonly newlineBefore: boolean;
  readonly blankBefore: boolean;
  readonly blankAfterComments: boolean;
}

export function isGroup(node: Node): node is Group {
  return "items" in node;
}

export function firstWord(node: Node): FormattedToken {
  return isGroup(node) ? node.open : node;
}

export function lastWord(node: Node): FormattedToken {
  return isGroup(node) ? node.close : node;
}

/** A file as its statements, and the comments at its end. */
export function groupWords(
  { words, end }: Words,
  landmarks: Landmarks,
): { readonly items: readonly Item[]; readonly end: readonly Comment[] } {
  const reader = new GroupReader(words, landmarks);
  const { items, dangling } = reader.items("block");
  return { items, end: [...dangling, ...end] };
}

const BRACE_KINDS: Readonly<Record<EntryKind, GroupKind>> = {
  statement: "block",
  setting: "settings",
  path: "paths",
  record: "record",
  arm: "arms",
};

const SPLIT_BY_LANDMARK: ReadonlySet<GroupKind> = new Set(
  ["block", "settings", "paths", "record", "arms"],
);

/** Keywords of the parts of a bench. The tree contains these parts, but not their keywords. */
const BENCH_WORDS = t.typesWhere(({ place }) => place === "bench");

class GroupReader {
  #at = 0;

  constructor(readonly words: readonly FormattedToken[], readonly landmarks: Landmarks) {}

  /** Reads the items up to a closing bracket, or to the end of the file. */
  items(kind: GroupKind): { items: Item[]; dangling: readonly Comment[] } {
    const items: Item[] = [];
    let nodes: Node[] = [];
    let carried: Comment[] = [];
    const finish = () => {
      if (nodes.length > 0) items.push(makeItem(nodes));
      nodes = [];
    };
    for (; this.#at < this.words.length; this.#at++) {
      const word = this.words[this.#at]!;
      if (t.CLOSERS.has(word.token.tokenType)) break;
      if (this.#separates(kind)) {
        finish();
        const last = items.at(-1);
        // A comment before a comma belongs to the next item. A comment after a comma belongs to the
        // previous item, with two exceptions: the previous item already has a comment, or another
        // comment is before the comma. In these cases the comment after the comma belongs to the
        // next item, because a line ends with at most one comment.
        carried = [...carried, ...word.before];
        if (last !== undefined && last.trailing.length === 0 && carried.length === 0) {
          items[items.length - 1] = { ...last, trailing: word.after };
        } else addAll(carried, word.after.map((text) => ({ text, blankBefore: false })));
        continue;
      }
      if (carried.length > 0) {
        word.before = [...carried, ...word.before];
        carried = [];
      }
      if (SPLIT_BY_LANDMARK.has(kind) && this.#beginsEntry(word)) finish();
      nodes.push(this.#node(kind, nodes.at(-1)));
    }
    finish();
    const close = this.words[this.#at];
    return { items, dangling: [...carried, ...close?.before ?? []] };
  }

  /** The kind of entry that begins with a word; null for none. */
  #entryAt({ token }: FormattedToken): EntryKind | null {
    const landmark = this.landmarks.get(token.startOffset);
    return landmark === undefined || landmark === "index" || landmark === "arguments"
      ? null
      : landmark;
  }

  #beginsEntry(word: FormattedToken): boolean {
    return this.#entryAt(word) !== null || BENCH_WORDS.has(word.token.tokenType);
  }

  /** Whether the current token separates two items: the comma of `assert a, "b"` does not. */
  #separates(kind: GroupKind): boolean {
    const { tokenType } = this.words[this.#at]!.token;
    if (tokenType === t.Semicolon) return true;
    if (tokenType !== t.Comma) return false;
    if (!SPLIT_BY_LANDMARK.has(kind)) return kind !== "condition";
    for (let next = this.#at + 1;; next++) {
      const word = this.words[next];
      if (word === undefined) return true;
      const type = word.token.tokenType;
      if (type === t.Comma || type === t.Semicolon) continue;
      return t.CLOSERS.has(type) || this.#beginsEntry(word);
    }
  }

  /**
   * The first word after an opening brace, without separators. Separators may come first: a block
   * may begin with `;`.
   */
  #firstInside(): FormattedToken {
    for (let next = this.#at + 1;; next++) {
      const word = this.words[next]!;
      if (word.token.tokenType !== t.Semicolon && word.token.tokenType !== t.Comma) return word;
    }
  }

  #node(inside: GroupKind, previous: Node | undefined): Node {
    const open = this.words[this.#at]!;
    if (!t.OPENERS.has(open.token.tokenType)) return open;
    const kind = this.#kindOf(open, inside, previous);
    this.#at++;
    const opened = this.words[this.#at]!.newlineBefore;
    const { items, dangling } = this.items(kind);
    return { kind, open, close: this.words[this.#at]!, items, dangling, opened };
  }

  #kindOf(open: FormattedToken, inside: GroupKind, previous: Node | undefined): GroupKind {
    const before = previous === undefined ? undefined : lastWord(previous).token;
    const isPattern = inside === "pattern" || inside === "pattern group";
    const behindValue = before !== undefined &&
      (before.tokenType === t.Identifier || before.tokenType === t.RParen ||
        before.tokenType === t.RBracket || before.tokenType === t.RBrace ||
        before.tokenType === t.Text || before.tokenType === t.Bytes);
    const bracket = this.landmarks.get(open.token.startOffset);
    switch (open.token.tokenType) {
      case t.LParen:
        if (isPattern) {
          const behindName = before !== undefined && previous !== undefined && !isGroup(previous) &&
            (/^\w/.test(before.image) || before.tokenType === t.Star);
          return behindName ? "arguments" : "pattern group";
        }
        return bracket === "arguments" ||
            behindValue && before.tokenType !== t.RBrace && !t.isA(before, t.Literal)
          ? "arguments"
          : "parentheses";
      case t.LBracket:
        if (before?.tokenType === t.Soft.events) return "pattern";
        return behindValue || bracket === "index" ? "index" : "list";
      default: {
        if (isPattern) return "count";
        const first = this.#firstInside();
        if (first.token.tokenType === t.RBrace) return "block";
        const entry = this.#entryAt(first);
        if (entry !== null) return BRACE_KINDS[entry];
        return this.#beginsEntry(first) ? "block" : "condition";
      }
    }
  }
}

function makeItem(nodes: readonly Node[]): Item {
  const first = firstWord(nodes[0]!);
  const last = lastWord(nodes.at(-1)!);
  const item: Item = {
    nodes,
    leading: first.before,
    trailing: last.after,
    newlineBefore: first.newlineBefore,
    blankBefore: first.blankBefore,
    blankAfterComments: first.blankAfterComments,
  };
  // The comments were moved to the item.
  first.before = [];
  last.after = [];
  return item;
}
