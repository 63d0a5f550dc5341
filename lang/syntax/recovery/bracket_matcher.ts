/**
 * Finds the partner of every bracket, and where a bracket is missing or superfluous.
 *
 * Round and square brackets are judged by lines: an unclosed bracket is assumed to end with the
 * first line that could be complete. Braces are judged by their number first. Only when they are
 * unbalanced, the indentation decides where the mistake is; therefore no style of indentation is
 * enforced.
 */
import type { IToken, TokenType } from "chevrotain";
import type { SourceFile } from "../../source.ts";
import { type BracketFix, PARTNERS } from "./bracket_fixes.ts";
import { keywordsWhere } from "../language_words.ts";
import { isStatementWord, opensBlock } from "../word_row.ts";
import * as t from "../tokens.ts";

const { Hard } = t;

/** Numbers of unbalanced brackets. */
interface Surplus {
  /** Braces that are not closed. */
  readonly open: number;
  /** Braces that close nothing. */
  readonly close: number;
  /** Unclosed round and square brackets. */
  readonly rows: number;
}

interface BracketMatch {
  readonly fixes: readonly BracketFix[];
  readonly surplus: Surplus;
}

const STATEMENT_WORDS = t.typesWhere((row) => row.class === "hard" && isStatementWord(row));

/** Words that begin the head of a block: the token types of hard words, and the texts of soft words. */
const HEAD_WORDS = t.typesWhere((row) => row.class === "hard" && opensBlock(row));
const SOFT_HEAD_WORDS: ReadonlySet<string> = new Set(
  keywordsWhere((row) =>
    row.class === "soft" && opensBlock(row) && (isStatementWord(row) || row.place === "bench")
  ),
);
const BLOCK_VALUE_WORDS: ReadonlySet<string> = new Set(
  keywordsWhere(({ place }) => place === "block value"),
);

/** Whether a word can only begin a statement: `let`, for example, but not `let:`. */
export function beginsStatement(token: IToken, next: IToken | undefined): boolean {
  return STATEMENT_WORDS.has(token.tokenType) && next?.tokenType !== t.Colon;
}

/** Whether a value may end with this token. */
export function endsValue(token: IToken | undefined): boolean {
  return token !== undefined &&
    (token.tokenType === t.Identifier || t.isA(token, t.Literal) || token.tokenType === t.RParen ||
      token.tokenType === t.RBracket || token.tokenType === t.RBrace);
}

/** Whether a line that ends with this token continues in the next line. */
export function continuesAfter(token: IToken | undefined): boolean {
  return token !== undefined &&
    (t.isA(token, t.InfixOperator) || token.tokenType === t.Comma || token.tokenType === t.Colon ||
      token.tokenType === t.FatArrow);
}

interface Open {
  readonly index: number;
  readonly type: TokenType;
  readonly line: number;
  /** Column of the first token of the opener's line. */
  readonly indent: number;
  /**
   * True if the lines of the block are indented deeper than its head, or begin on the head's line.
   */
  readonly indented: boolean;
  readonly inline: boolean;
  sawAssign: boolean;
  /** Where a missing closing bracket would be inserted: the first place where a line could end. */
  breakAt: number | null;
  /**
   * Where a missing closing bracket would be inserted if the next line is a row of the same list as
   * this line: the end of the line with the opening bracket.
   */
  rowEnd: number | null;
}

/** Largest number of tokens above a bracket that are searched for its partner. */
const MAX_ROWS = 300;
/** With more unbalanced brackets than this, indentation is not compared. */
const MAX_FIXES = 100;

/** Finds the partners of a file's brackets. */
export class BracketMatcher {
  readonly #stack: Open[] = [];
  #fixes: BracketFix[] = [];
  #line = 0;
  /**
   * Index of the first token of the current line, the line's indentation, and the depth at the
   * start of the line.
   */
  #lineStart = 0;
  #indent = 0;
  #depthAtLineStart = 0;
  #unclosed = 0;
  #stray = 0;
  /**
   * Numbers of corrections that may still be made by indentation: for braces that are not closed,
   * for braces that close nothing, and for unclosed round and square brackets.
   */
  #mayClose: number;
  #mayDrop: number;
  #mayEndRow: number;

  /**
   * @param surplus The numbers of unbalanced brackets that a first pass has found; null in the
   *   first pass. In the second pass, indentation decides.
   */
  constructor(
    readonly source: SourceFile,
    readonly tokens: readonly IToken[],
    surplus: Surplus | null,
  ) {
    this.#mayClose = surplus?.open ?? 0;
    this.#mayDrop = surplus?.close ?? 0;
    this.#mayEndRow = surplus?.rows ?? 0;
  }

  run(): BracketMatch {
    const { tokens } = this;
    for (let index = 0; index < tokens.length; index++) {
      const token = tokens[index]!;
      if (index === 0 || tokens[index - 1]!.tokenType === t.Newline) this.#beginLine(index);
      switch (token.tokenType) {
        case t.Newline:
          this.#endLine(index);
          break;
        case t.LParen:
        case t.LBracket:
          this.#push(index);
          break;
        case t.LBrace:
          this.#openBrace(index);
          break;
        case t.RParen:
        case t.RBracket:
          this.#closeParen(index);
          break;
        case t.RBrace:
          this.#closeBrace(index);
          break;
        case t.Assign:
          if (this.#top !== undefined) this.#top.sawAssign = true;
          break;
      }
    }
    while (this.#stack.length > 0) {
      if (this.#top!.type === t.LBrace) this.#unclosed++;
      this.#popUnclosed(tokens.length);
    }
    const isRow = (fix: BracketFix) =>
      fix.kind === "close" && tokens[fix.opener]!.tokenType !== t.LBrace;
    const rows = this.#fixes.filter(isRow).length;
    return { fixes: this.#fixes, surplus: { open: this.#unclosed, close: this.#stray, rows } };
  }

  get #top(): Open | undefined {
    return this.#stack.at(-1);
  }

  #column(index: number): number {
    return this.source.position(this.tokens[index]!.startOffset).column;
  }

  #beginLine(index: number): void {
    const token = this.tokens[index]!;
    this.#line++;
    if (token.tokenType === t.Newline) return;
    if (beginsStatement(token, this.tokens[index + 1]) && !this.#isDueValue(index)) {
      this.#popParens(index);
    }
    if (this.#mayClose > 0 || this.#mayDrop > 0 || this.#mayEndRow > 0) {
      this.#indent = this.#column(index);
      if (this.#mayClose > 0) this.#closeByIndent(index);
    }
    this.#lineStart = index;
    this.#depthAtLineStart = this.#stack.length;
  }

  /** Closes the blocks that are indented deeper than the line of the token. */
  #closeByIndent(index: number): void {
    const closes = this.tokens[index]!.tokenType === t.RBrace;
    for (let top = this.#top; top?.type === t.LBrace && top.indented; top = this.#top) {
      const outside = closes ? this.#indent < top.indent : this.#indent <= top.indent;
      if (!outside || this.#mayClose === 0) return;
      this.#mayClose--;
      this.#popUnclosed(this.#lineEndBefore(index));
    }
  }

  /** The index of the newline token that ends the last line with text before `index`. */
  #lineEndBefore(index: number): number {
    let end = index;
    while (end > 0 && this.tokens[end - 1]!.tokenType === t.Newline) end--;
    return end;
  }

  #endLine(index: number): void {
    const last = this.tokens[index - 1];
    if (last === undefined || last.tokenType === t.Newline) return;
    const next = t.skipLineEnds(this.tokens, index + 1);
    if (this.#top !== undefined && this.#top.type !== t.LBrace) {
      this.#endRow(index, next);
      if (endsValue(last) && !this.#continuesWith(next)) this.#top.breakAt ??= index;
    } else if (this.#mayDrop > 0 && this.#lacksBrace(index, next)) {
      this.#mayDrop--;
      this.#fixes.push({ kind: "open", at: index, closer: null });
      this.#push(this.#lineStart, t.LBrace, true);
    }
  }

  /**
   * If a bracket was opened in this line and the next line is not indented deeper, both lines are
   * rows of a list. The bracket probably should have been closed at the end of this line.
   */
  #endRow(index: number, next: number): void {
    const top = this.#top!;
    if (this.#mayEndRow === 0 || top.line !== this.#line || next >= this.tokens.length) return;
    if (this.#column(next) > this.#indent || this.#continuesWith(next)) return;
    top.rowEnd = this.tokens[index - 1]!.tokenType === t.Comma ? index - 1 : index;
  }

  #continuesWith(index: number): boolean {
    const token = this.tokens[index];
    return token !== undefined &&
      (t.isA(token, t.LeadingOperator) || token.tokenType === t.Comma ||
        token.tokenType === t.Dot ||
        token.tokenType === t.RParen || token.tokenType === t.RBracket);
  }

  /** Whether the line that ends at `end` looks like the head of a block without a `{`. */
  #lacksBrace(end: number, next: number): boolean {
    if (this.#stack.length !== this.#depthAtLineStart || next >= this.tokens.length) return false;
    const last = this.tokens[end - 1]!;
    if (continuesAfter(last) || this.#continuesWith(next)) return false;
    if (this.#column(next) <= this.#indent) return false;
    const first = this.tokens[this.#lineStart]!;
    return HEAD_WORDS.has(first.tokenType) || SOFT_HEAD_WORDS.has(first.image) ||
      BLOCK_VALUE_WORDS.has(last.image) ||
      (first.tokenType === t.RBrace && end > this.#lineStart + 1) ||
      (end <= this.#lineStart + 2 &&
        this.tokens.slice(this.#lineStart, end).every((token) => token.tokenType === t.Identifier));
  }

  #push(index: number, type = this.tokens[index]!.tokenType, missing = false): void {
    const next = this.tokens[index + 1];
    const inline = !missing && next?.tokenType !== t.Newline;
    const asked = this.#mayClose > 0 || this.#mayDrop > 0;
    this.#stack.push({
      index,
      type,
      line: this.#line,
      indent: this.#indent,
      indented: asked && type === t.LBrace && (inline || missing || this.#isIndented(index)),
      inline,
      sawAssign: false,
      breakAt: null,
      rowEnd: null,
    });
  }

  #isIndented(index: number): boolean {
    const next = t.skipLineEnds(this.tokens, index + 1);
    return next < this.tokens.length && this.#column(next) > this.#indent;
  }

  #openBrace(index: number): void {
    const previous = this.tokens[index - 1];
    const top = this.#top;
    if (this.#mayClose > 0 && previous?.tokenType === t.LBrace) {
      this.#mayClose--;
      this.#fixes.push({ kind: "drop", at: index, opener: null });
      return;
    }
    const afterValue = endsValue(previous) && previous!.tokenType !== t.RBrace &&
      !BLOCK_VALUE_WORDS.has(previous!.image);
    if (top !== undefined && afterValue) {
      if (top.type !== t.LBrace) {
        if (this.tokens[index + 1]?.tokenType !== t.NumberToken) top.breakAt ??= index;
      } else if (this.#mayClose > 0 && top.line === this.#line && top.sawAssign) {
        // In `with { mode = lazy {`, the last `{` begins the test's block, and the first `{` (that
        // of the entries) is unclosed.
        this.#mayClose--;
        this.#popUnclosed(index);
      }
    }
    this.#push(index);
  }

  #closeParen(index: number): void {
    const type = this.tokens[index]!.tokenType;
    this.#closeRows(index, type);
    const partner = this.#findPartner(type);
    if (partner === null) {
      const top = this.#top;
      const isClear = index === this.#lineStart && this.#fixes.length < MAX_FIXES;
      const above = isClear ? this.#fixAbove(index) : null;
      if (above !== null) {
        this.#fixes.push(above);
      } else if (top === undefined || top.type === t.LBrace) {
        this.#fixes.push({ kind: "drop", at: index, opener: top?.index ?? null });
      } else {
        this.#stack.pop();
        this.#fixes.push({ kind: "replace", at: index, opener: top.index });
      }
      return;
    }
    while (this.#stack.length > partner + 1) this.#popUnclosed(index);
    this.#stack.pop();
  }

  /**
   * A `]` that is indented less than the rows ends the list. Therefore the unclosed brackets of the
   * rows before it are closed.
   */
  #closeRows(index: number, type: TokenType): void {
    if (index !== this.#lineStart) return;
    for (let top = this.#top; top !== undefined && top.rowEnd !== null; top = this.#top) {
      const outer = this.#stack.slice(0, -1).some((open) => PARTNERS.get(open.type) === type);
      if (this.#mayEndRow === 0 || !outer || this.#indent >= top.indent) return;
      this.#mayEndRow--;
      this.#popUnclosed(index);
    }
  }

  /**
   * The correction above a `)` or `]` that closes nothing and begins its line. One of two mistakes
   * is possible. Either the nearest line above with the same or less indentation lacks the opening
   * bracket, or a line in between has an extra closing bracket.
   */
  #fixAbove(closer: number): BracketFix | null {
    const first = Math.max(this.#top?.index ?? -1, closer - MAX_ROWS);
    const indent = this.#column(closer);
    let below = closer;
    for (let index = closer - 1; index > first; index--) {
      const begins = index === 0 || this.tokens[index - 1]!.tokenType === t.Newline;
      if (!begins || this.tokens[index]!.tokenType === t.Newline) continue;
      if (this.#column(index) > indent) below = index;
      else return below === closer ? null : this.#fixRows(below, closer);
    }
    return null;
  }

  /** @param begin The first token of the lines that are indented more than the line of `closer`. */
  #fixRows(begin: number, closer: number): BracketFix | null {
    let depth = 0;
    let surplus: number | null = null;
    for (let index = begin; index < closer; index++) {
      const { tokenType } = this.tokens[index]!;
      if (t.OPENERS.has(tokenType)) depth++;
      else if (t.CLOSERS.has(tokenType) && --depth < 0) surplus ??= index;
    }
    const head = this.#lineEndBefore(begin);
    if (this.#fixes.some(({ at }) => at >= head && at !== surplus)) return null;
    const last = this.tokens[head - 1]!.tokenType;
    const type = this.tokens[closer]!.tokenType;
    const mayOpen = type === t.RParen
      ? last === t.Identifier
      : last === t.Assign || last === t.Colon;
    if (mayOpen && depth === 0 && surplus === null) return { kind: "open", at: head, closer };
    if (PARTNERS.get(last) !== type || depth !== -1) return null;
    if (surplus === null || this.tokens[surplus]!.tokenType === t.RBrace) return null;
    // The extra bracket was taken for the partner of the opening bracket. But the partner is the
    // bracket at `closer`.
    this.#fixes = this.#fixes.filter(({ at }) => at !== surplus);
    return { kind: "drop", at: surplus, opener: null };
  }

  /**
   * Depth of the bracket that a `)` or `]` closes. The search does not go past a brace of another
   * line.
   */
  #findPartner(type: TokenType): number | null {
    for (let depth = this.#stack.length - 1; depth >= 0; depth--) {
      const open = this.#stack[depth]!;
      if (PARTNERS.get(open.type) === type) return depth;
      if (open.type === t.LBrace && open.line !== this.#line) return null;
    }
    return null;
  }

  #closeBrace(index: number): void {
    let depth = this.#stack.length - 1;
    while (depth >= 0 && this.#stack[depth]!.type !== t.LBrace) depth--;
    const open = this.#stack[depth];
    if (open === undefined) {
      this.#stray++;
      this.#fixes.push({ kind: "drop", at: index, opener: null });
      return;
    }
    if (this.#mayDrop > 0 && this.#isStray(index, open)) {
      this.#mayDrop--;
      this.#fixes.push({ kind: "drop", at: index, opener: open.index });
      return;
    }
    while (this.#stack.length > depth + 1) this.#popUnclosed(index);
    this.#stack.pop();
    // `} else {`: for this line, only brackets opened after the `}` count.
    if (index === this.#lineStart) this.#depthAtLineStart = this.#stack.length;
  }

  #isStray(index: number, open: Open): boolean {
    if (index !== this.#lineStart) {
      return open.line !== this.#line && open.indented && this.#goesOnBehind(index, open);
    }
    return open.indented && !open.inline && this.#indent > open.indent;
  }

  /** Whether the line after `index` still belongs to the block, or begins with its `}`. */
  #goesOnBehind(index: number, open: Open): boolean {
    let next = index + 1;
    while (next < this.tokens.length && this.tokens[next]!.tokenType !== t.Newline) next++;
    next = t.skipLineEnds(this.tokens, next);
    if (next >= this.tokens.length) return false;
    const column = this.#column(next);
    return column > open.indent ||
      (column === open.indent && this.tokens[next]!.tokenType === t.RBrace);
  }

  /**
   * Whether an `if` or `match` at the beginning of a line is the value that is missing at the end
   * of the previous line.
   */
  #isDueValue(index: number): boolean {
    const { tokenType } = this.tokens[index]!;
    if (tokenType !== Hard.if && tokenType !== Hard.match) return false;
    const above = this.tokens[this.#lineEndBefore(index) - 1];
    return above !== undefined &&
      (continuesAfter(above) || above.tokenType === t.LParen || above.tokenType === t.LBracket);
  }

  /** Closes round and square brackets that cannot continue because a new statement begins. */
  #popParens(index: number): void {
    while (this.#top !== undefined && this.#top.type !== t.LBrace) this.#popUnclosed(index);
  }

  #popUnclosed(index: number): void {
    const open = this.#stack.pop()!;
    if (this.#standsTwice(open, index)) {
      this.#fixes.push({ kind: "drop", at: open.index + 1, opener: null });
      return;
    }
    const forced = this.#lineEndBefore(index);
    const place = open.rowEnd ?? open.breakAt ?? forced;
    const at = Math.max(Math.min(place, forced), open.index + 1);
    this.#fixes.push({ kind: "close", at, opener: open.index });
    // The brackets around this bracket end at the same place, too, unless they are closed after
    // all.
    if (this.#top !== undefined) this.#top.breakAt ??= at;
  }

  /**
   * Whether a bracket was typed twice: `f((` at the end of an earlier line, with only one of the
   * two brackets closed.
   */
  #standsTwice({ index: at, line, type }: Open, index: number): boolean {
    return type !== t.LBrace && line < this.#line && index < this.tokens.length &&
      this.tokens[at + 1]!.tokenType === type && this.tokens[at + 2]!.tokenType === t.Newline;
  }
}
