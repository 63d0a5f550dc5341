/** What the builders of the syntax tree share. */
import type { CstElement, CstNode, IToken } from "chevrotain";
import type { DiagnosticCode } from "../../diagnostics/codes.ts";
import type { SourceFile, Span } from "../../source.ts";
import type { ErrorExpression, Expression, Name } from "./ast.ts";
import { isToken } from "./cst.ts";
import type { DiagnosticReporter } from "../report.ts";
import { Comma, RBrace, tokenEnd } from "../tokens.ts";

export type ParseMode = "file" | "repl";

/** A word that may be a mistake, unless the file gives it a meaning. */
interface Suspect {
  readonly word: string;
  readonly report: () => void;
}

export class BuildContext {
  readonly #declared = new Set<string>();
  readonly #suspects: Suspect[] = [];
  #hasUses = false;

  constructor(
    readonly source: SourceFile,
    readonly reporter: DiagnosticReporter,
    readonly mode: ParseMode,
    /** Parses the expression of a `{expr}` in a string, from one offset to another. */
    readonly parseInsertion: (start: number, end: number) => Expression,
  ) {}

  span(start: number, end: number): Span {
    return { source: this.source, start, end };
  }

  tokenSpan(token: IToken): Span {
    return this.span(token.startOffset, tokenEnd(token));
  }

  /** The text of a node; an empty place behind `fallback` when it has none. */
  nodeSpan(node: CstNode | undefined, fallback = 0): Span {
    const location = node?.location;
    if (location === undefined || !(location.startOffset >= 0)) {
      return this.span(fallback, fallback);
    }
    return this.span(location.startOffset, Math.max(location.startOffset, location.endOffset! + 1));
  }

  elementSpan(element: CstElement): Span {
    return isToken(element) ? this.tokenSpan(element) : this.nodeSpan(element);
  }

  name(token: IToken): Name {
    return { text: token.image, span: this.tokenSpan(token) };
  }

  /** A name that the file gives a meaning. */
  declare(token: IToken): Name {
    this.#declared.add(token.image);
    return this.name(token);
  }

  /** The file uses another one, whose names are not known here. */
  noteUse(): void {
    this.#hasUses = true;
  }

  errorAt(node: CstNode | undefined, fallback = 0): ErrorExpression {
    return { kind: "ErrorExpression", span: this.nodeSpan(node, fallback) };
  }

  /** Reports an error at one token. */
  errorOn(code: DiagnosticCode, token: IToken, message: string, hint?: string): void {
    this.reporter.error(code, token.startOffset, tokenEnd(token), message, { hint });
  }

  /** Reports at the end, unless the file declares the word somewhere. */
  suspect(word: string, report: () => void): void {
    this.#suspects.push({ word, report });
  }

  /** Reports the suspects. Names from another file or an earlier line of the REPL may be meant. */
  reportSuspects(): void {
    if (this.#hasUses || this.mode === "repl") return;
    for (const { word, report } of this.#suspects) {
      if (!this.#declared.has(word)) report();
    }
  }

  /**
   * The entries of a list with commas: reports a comma without an entry before it.
   *
   * @returns The entries, separators left out.
   */
  commaSeparated(items: readonly CstElement[], what: string): CstNode[] {
    const entries: CstNode[] = [];
    let previous: CstElement | null = null;
    for (const item of items) {
      if (!isToken(item)) {
        entries.push(item);
      } else if (previous === null || isToken(previous)) {
        this.reporter.error(
          "E0202",
          item.startOffset,
          tokenEnd(item),
          `Expected ${what} before \`,\``,
        );
      }
      previous = item;
    }
    return entries;
  }

  /**
   * The entries between braces: reports two of them with nothing between. After a `}` nothing is
   * needed.
   */
  separated(items: readonly CstElement[]): CstNode[] {
    const entries: CstNode[] = [];
    let previous: CstElement | null = null;
    for (const item of items) {
      if (isToken(item)) {
        if (item.tokenType === Comma && (previous === null || isToken(previous))) {
          this.reporter.error(
            "E0201",
            item.startOffset,
            tokenEnd(item),
            "Expected an entry before `,`",
          );
        }
      } else {
        if (previous !== null && !isToken(previous) && !this.#endsWithBrace(previous)) {
          const { start } = this.nodeSpan(item);
          const { end } = this.nodeSpan(previous);
          this.reporter.error(
            "E0205",
            end,
            Math.max(start, end),
            "Expected `,` or a new line between entries",
          );
        }
        entries.push(item);
      }
      previous = item;
    }
    return entries;
  }

  #endsWithBrace(node: CstNode): boolean {
    return this.source.text.charAt(this.nodeSpan(node).end - 1) === RBrace.LABEL!.charAt(1);
  }
}
