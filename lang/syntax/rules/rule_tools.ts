/** Shared tools of the rules: spans, names, lists, and the context of a text. */
import type { IToken, ParserMethod } from "chevrotain";
import type { DiagnosticCode } from "../../diagnostics/codes.ts";
import { SourceFile, type Span } from "../../source.ts";
import type { ExpectationKey } from "../recovery/expectations.ts";
import { RecoveringParser } from "../recovery/recovering_parser.ts";
import { type DiagnosticOptions, DiagnosticReporter } from "../report.ts";
import * as t from "../tokens.ts";
import type { ErrorExpression, Expression, Name, Statement } from "../tree/ast.ts";
import { BuildContext } from "../tree/build_context.ts";

/** The expectation at a place: a row of `expectations.ts`. */
export const due = (key: ExpectationKey) => ({ ERR_MSG: key });

// Options are constants, because this code runs for every token.
const PATH_VALUE = due("pathValue");
export const BLOCK_START = due("block");
/**
 * For a word that begins a rule and can also be a name: the rule takes precedence over the name.
 */
export const FIRST_WINS = { IGNORE_AMBIGUITIES: true };

const NO_TEXT = new SourceFile("", "");
/**
 * The context while Chevrotain records the rules: all actions run once, and their results are
 * dropped.
 */
const RECORDING = new BuildContext(NO_TEXT, new DiagnosticReporter(NO_TEXT), "file");

/** @param read Parses the `{expr}` of a string, from one offset to another. */
type LaterWork = (read: (start: number, end: number) => Expression) => void;

export abstract class RuleTools extends RecoveringParser {
  protected context: BuildContext = RECORDING;
  /** Number of open blocks. */
  protected depth = 0;
  #later: LaterWork[] = [];

  /** Sets the context and the tokens of a text. */
  begin(context: BuildContext, tokens: IToken[]): void {
    this.context = context;
    this.depth = 0;
    this.#later = [];
    this.take(tokens);
  }

  /**
   * The work to do after the whole text is parsed, in the order of the text. It is done later
   * because the parser is not reentrant.
   */
  leftOver(): readonly LaterWork[] {
    return this.#later;
  }

  protected later(work: LaterWork): void {
    if (!this.RECORDING_PHASE) this.#later.push(work);
  }

  // -- Places -----------------------------------------------------------------------------------

  protected override span(start: number): Span {
    return this.context.span(start, Math.max(start, t.tokenEnd(this.LA(0))));
  }

  /** Extends a node's span to the keyword that the calling rule has parsed. */
  protected readonly from = <T extends { span: Span }>(node: T, _: unknown, start: number): T => {
    node.span = this.context.span(start, node.span.end);
    return node;
  };

  protected errorExpression(): ErrorExpression {
    return { kind: "ErrorExpression", span: this.behind() };
  }

  /** The partial result of a statement after an error. */
  protected readonly statementOr = (torn: unknown): Statement =>
    torn as Statement ?? { kind: "ErrorStatement", span: this.behind() };

  protected error(
    code: DiagnosticCode,
    { start, end }: Span,
    message: string,
    options?: DiagnosticOptions,
  ): void {
    this.context.reporter.error(code, start, end, message, options);
  }

  protected errorOn(code: DiagnosticCode, token: IToken, message: string, hint?: string): void {
    this.context.reporter.errorOn(code, token, message, hint);
  }

  // -- Names ------------------------------------------------------------------------------------

  protected name(token: IToken): Name {
    return this.context.name(token);
  }

  /** A name that the file declares. */
  protected declare(token: IToken): Name {
    return this.context.declare(this.name(token));
  }

  /** Joins words with dots: a key that is the name of an event contains dots, as in `iotlb.sync`. */
  protected dotted(words: readonly Name[]): Name {
    const [first] = words;
    const span = this.context.span(first!.span.start, words.at(-1)!.span.end);
    return { text: words.map(({ text }) => text).join("."), span };
  }

  /** Reports a repeated key. */
  protected noteKey(key: Name, seen: Map<string, Name>): void {
    const first = seen.get(key.text);
    if (first !== undefined) {
      this.error("E0216", key.span, `Key given twice: \`${key.text}\``, {
        related: [{ span: first.span, message: "first given here" }],
      });
    } else seen.set(key.text, key);
  }

  /** The words of a key or a name, separated by dots. Usable once in each rule. */
  protected words(words: Name[]): void {
    words.push(this.name(this.CONSUME(t.Name)));
    this.MANY(() => {
      this.CONSUME(t.Dot);
      words.push(this.name(this.CONSUME2(t.Name)));
    });
  }

  /** The `=` between a key and its value. Usable once in each rule. */
  protected assign(): void {
    this.OR2({
      DEF: [
        { ALT: () => this.CONSUME(t.Assign) },
        { ALT: () => this.#refuseColon(this.CONSUME(t.Colon)) },
      ],
      ...PATH_VALUE,
    });
  }

  #refuseColon(colon: IToken): void {
    const message = "Expected `=` between a key and its value, found `:`";
    const hint = "keys of the machine take `=`; `:` belongs in records and arguments";
    this.errorOn("E0201", colon, message, hint);
  }

  protected reportSecondElse(span: Span): void {
    this.error("E0201", span, "`else` after `else`", {
      hint: "only the last branch has no condition; write the others as `else if`",
    });
  }

  // -- Lists ------------------------------------------------------------------------------------

  /**
   * Entries separated by commas. Reports a comma without an entry before it. A rule can use this
   * only once.
   */
  protected commas<T>(entries: T[], entry: ParserMethod<[], T>, what: string): void {
    let isBare = true;
    const read = (made: T) => {
      entries.push(made);
      isBare = false;
    };
    this.OPTION(() => read(this.SUBRULE(entry)));
    this.MANY(() => {
      const comma = this.CONSUME(t.Comma);
      if (isBare) this.errorOn("E0202", comma, `Expected ${what} before \`,\``);
      isBare = true;
      this.OPTION2(() => read(this.SUBRULE2(entry)));
    });
  }

  /**
   * Entries between braces, separated by commas or line ends. Reports a missing separator; after a
   * `}` no separator is needed. A rule can use this only once.
   */
  protected separated(read: () => { readonly span: Span }): void {
    let previous: Span | null = null;
    const separator = () => {
      const token = this.CONSUME(t.Separator);
      if (token.tokenType === t.Comma && previous === null) {
        this.errorOn("E0201", token, "Expected an entry before `,`");
      }
      previous = null;
    };
    const entry = () => {
      const { start } = this;
      const made = read();
      if (this.RECORDING_PHASE) return;
      const { span } = made;
      if (previous !== null) this.#checkBetween(previous, start);
      previous = span;
    };
    const ways = [{ ALT: separator }, { ALT: entry }];
    this.MANY(() => this.OR(ways));
  }

  #checkBetween({ end }: Span, start: number): void {
    const { reporter, source } = this.context;
    if (source.text.charAt(end - 1) === "}") return;
    const missing = "Expected `,` or a new line between entries";
    reporter.error("E0205", end, Math.max(start, end), missing);
  }
}
