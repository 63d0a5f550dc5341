/**
 * From source text to a syntax tree with diagnostics.
 *
 * The tokens are corrected, then the brackets and words, then the parser makes the tree. Each phase
 * reports its mistakes; at the end one error is kept for each mistake. Nothing in this file throws,
 * whatever the text.
 */
import type { IToken } from "chevrotain";
import type { Diagnostic } from "../diagnostics/diagnostic.ts";
import type { SourceFile, Span } from "../source.ts";
import type { Expression, FileNode, Statement } from "./tree/ast.ts";
import type { ParseResult } from "./parse_result.ts";
import { balanceBrackets } from "./recovery/brackets.ts";
import { BuildContext, type ParseMode } from "./tree/build_context.ts";
import { checkTokens } from "./lexical.ts";
import { joinLines } from "./line_joining.ts";
import { reportParserErrors } from "./recovery/messages.ts";
import { MAX_PARSER_ERRORS } from "./recovery/recovering_parser.ts";
import { onePerStatement } from "./recovery/one_per_statement.ts";
import { DiagnosticReporter } from "./report.ts";
import { DmaParser } from "./rules/dma_parser.ts";
import * as t from "./tokens.ts";
import { tokenEnd, tokenize } from "./tokens.ts";
import { classifyWords } from "./words.ts";

const { Hard, Soft } = t;

/*
 * The depth of the syntax tree is limited before any code recurses over the tree.
 *
 * A text can nest without brackets, too (`not not not …`, `a.b.c…`, `x => y => …`), so the depth is
 * estimated from the tokens. The estimate is never too low, and exact enough that no hand-written
 * script reaches the limit. Therefore parser, checker and compiler may recurse without counting.
 */

/** Deepest nesting of brackets. */
export const MAX_BRACKET_DEPTH = 200;
/** Greatest estimated depth of the tree of one statement. */
export const MAX_TREE_DEPTH = 500;
/** A lambda uses as much of the parser's stack as this number of operators. */
const LAMBDA_WEIGHT = 10;

interface Level {
  /** Depth of the text since the last comma or line end. */
  depth: number;
  /** The greatest depth between earlier commas or line ends. */
  deepest: number;
  /** Number of `else` branches since the last comma or line end. */
  branches: number;
}

/** Whether a file is not nested too deeply; reports the first place that is too deep. */
function isShallow(tokens: readonly IToken[], reporter: DiagnosticReporter): boolean {
  const levels: Level[] = [];
  let level: Level = { depth: 0, deepest: 0, branches: 0 };
  for (const token of tokens) {
    const type = token.tokenType;
    if (t.OPENERS.has(type)) {
      levels.push(level);
      level = { depth: 0, deepest: 0, branches: 0 };
    } else if (t.CLOSERS.has(type)) {
      const inside = Math.max(level.depth, level.deepest) + 1;
      level = levels.pop() ?? level;
      level.depth += inside;
    } else if (t.isA(token, t.Separator)) {
      level.deepest = Math.max(level.depth, level.deepest);
      level.depth = 0;
      level.branches = 0;
    } else if (type === Hard.else) {
      level.deepest = Math.max(level.depth, level.deepest);
      level.depth = ++level.branches;
    } else if (type === t.FatArrow) {
      level.depth += LAMBDA_WEIGHT;
    } else if (
      type === t.Dot || type === Soft.as || t.isA(token, t.InfixOperator) ||
      t.isA(token, t.PrefixOperator)
    ) {
      level.depth++;
    }
    if (levels.length > MAX_BRACKET_DEPTH || level.depth > MAX_TREE_DEPTH) {
      const what = levels.length > MAX_BRACKET_DEPTH
        ? `more than ${MAX_BRACKET_DEPTH} open brackets`
        : `more than ${MAX_TREE_DEPTH} nested parts`;
      const message = `Nested too deeply: ${what}`;
      reporter.errorOn("E0214", token, message, "bind parts to names with `let`");
      return false;
    }
  }
  return true;
}

export interface ParseOptions {
  /** In the mode for the REPL, any expression is a statement. */
  readonly mode?: ParseMode;
}

/** Longest text that is read, in UTF-16 units. */
export const MAX_TEXT_LENGTH = 2 ** 22;

/** The result of reading a text, or a part of one. */
export interface ReadText {
  readonly items: readonly Statement[];
  /** All diagnostics of each phase: tokens, brackets, syntax, meaning. */
  readonly phases: readonly (readonly Diagnostic[])[];
  /** The tokens as written. */
  readonly tokens: readonly IToken[];
  /** The tokens that the parser got. */
  readonly words: readonly IToken[];
  /** The spans of all nodes in the tree. */
  readonly spans: readonly Span[];
  /**
   * Whether a word of the text may be a mistake; the declarations of the whole file decide whether
   * it is.
   */
  readonly hasSuspects: boolean;
}

/**
 * Parses a text, or the part of it from one offset to another. Such a part has to consist of whole
 * statements of the top level.
 *
 * @param spans Collects the spans in the tree; null if no editor needs them.
 */
export function readText(
  source: SourceFile,
  { end = source.text.length, mode = "file", spans = null, start = 0 }: {
    readonly start?: number;
    readonly end?: number;
    readonly mode?: ParseMode;
    readonly spans?: Span[] | null;
  } = {},
): ReadText {
  const lexical = new DiagnosticReporter(source);
  const brackets = new DiagnosticReporter(source);
  const syntax = new DiagnosticReporter(source);
  const meaning = new DiagnosticReporter(source);
  const written = tokenize(source.text.slice(start, end), start);
  const { tokens, words } = readWords(written, mode, lexical, brackets);
  const early = lexical.diagnostics.length + brackets.diagnostics.length;
  const context = new BuildContext(source, meaning, mode, spans);
  const items = early < MAX_PARSER_ERRORS && isShallow(words, lexical)
    ? parseTokens(words, context, syntax)
    : [unreadable(source)];
  const phases = [lexical, brackets, syntax, meaning].map(({ diagnostics }) => diagnostics);
  return { items, phases, tokens, words, spans: spans ?? [], hasSuspects: context.hasSuspects };
}

/** The result for a text that is too long; null for any other text. */
function refuseLongText(source: SourceFile): ParseResult | null {
  if (source.text.length <= MAX_TEXT_LENGTH) return null;
  const reporter = new DiagnosticReporter(source);
  reporter.error("E0115", 0, 0, `File too large: ${source.text.length} characters`, {
    hint: `a script has at most ${MAX_TEXT_LENGTH} characters`,
  });
  const { diagnostics } = reporter;
  return { file: fileOf(source, [unreadable(source)]), diagnostics, incomplete: false };
}

/** Parses a file, or a piece of text typed at the REPL. */
export function parse(source: SourceFile, { mode = "file" }: ParseOptions = {}): ParseResult {
  return refuseLongText(source) ?? resultOf(source, readText(source, { mode }), mode);
}

/** The result for a text that was parsed as a whole. It has one error for each mistake. */
export function resultOf(
  source: SourceFile,
  { items, phases, tokens, words }: ReadText,
  mode: ParseMode = "file",
): ParseResult {
  const end = endOfText(tokens);
  const isAtEnd = ({ span }: Diagnostic) => span.start >= end;
  const [lexical, brackets, syntax, meaning] = phases as Phases;
  const found = [...lexical, ...brackets, ...syntax];
  const incomplete = found.length > 0 && found.every(isAtEnd);
  // In the REPL, an unclosed bracket counts only if no other error precedes it.
  const open = mode === "repl" && !incomplete
    ? brackets.filter((diagnostic) => !isAtEnd(diagnostic))
    : brackets;
  const diagnostics = onePerStatement([lexical, open, syntax, meaning], words);
  return { file: fileOf(source, items), diagnostics, incomplete };
}

type Reports = readonly Diagnostic[];
type Phases = readonly [Reports, Reports, Reports, Reports];

/** @param written The tokens of a file, or of a part of it that ends at `endName`. */
function readWords(
  written: readonly IToken[],
  mode: ParseMode,
  lexical: DiagnosticReporter,
  brackets: DiagnosticReporter,
  endName?: string,
) {
  const tokens = checkTokens(written, lexical);
  const balanced = balanceBrackets(tokens, brackets, mode, endName);
  return { tokens, words: classifyWords(joinLines(balanced, lexical), lexical) };
}

/** The words and signs of a text, each with its token type for the parser. */
export function wordsOf(source: SourceFile): readonly IToken[] {
  const reporter = new DiagnosticReporter(source);
  const { words } = readWords(tokenize(source.text), "file", reporter, reporter);
  return words.filter(({ image }) => image !== "");
}

/** Built for the first text, because building it takes longer than reading most files. */
let made: DmaParser | null = null;

function parserFor(context: BuildContext, tokens: IToken[]): DmaParser {
  made ??= new DmaParser();
  made.begin(context, tokens);
  return made;
}

function parseTokens(
  tokens: IToken[],
  context: BuildContext,
  syntax: DiagnosticReporter,
): readonly Statement[] {
  const parser = parserFor(context, tokens);
  const items = parser.file();
  reportParserErrors(parser.errors, tokens, syntax);
  readLeftOver(parser, context);
  context.reportSuspects();
  return items;
}

/** Parses the expressions in strings, which are separate texts. */
function readLeftOver(parser: DmaParser, context: BuildContext): void {
  for (const work of parser.leftOver()) work((start, end) => parseInsertion(context, start, end));
}

/** The expression of a `{expr}` in a string, with its span in the file. */
function parseInsertion(context: BuildContext, start: number, end: number): Expression {
  const { source, reporter } = context;
  const found = new DiagnosticReporter(source);
  if (reporter.diagnostics.length >= MAX_PARSER_ERRORS) {
    return { kind: "ErrorExpression", span: context.span(start, end) };
  }
  const raw = tokenize(source.text.slice(start, end), start);
  const { words: tokens } = readWords(raw, "repl", found, found, "`}`");
  if (!isShallow(tokens, found) || found.diagnostics.length > 0) {
    reporter.diagnostics.push(...found.diagnostics.slice(0, 1));
    return { kind: "ErrorExpression", span: context.span(start, end) };
  }
  const parser = parserFor(context, tokens);
  const expression = parser.insertion();
  reportParserErrors(parser.errors.slice(0, 1), tokens, reporter, "`}`");
  readLeftOver(parser, context);
  return expression;
}

function unreadable(source: SourceFile): Statement {
  return { kind: "ErrorStatement", span: { source, start: 0, end: source.text.length } };
}

export function fileOf(source: SourceFile, items: readonly Statement[]): FileNode {
  return { kind: "File", items, span: { source, start: 0, end: source.text.length } };
}

/** The end of the text, without trailing spaces, line ends and comments. */
function endOfText(tokens: readonly IToken[]): number {
  const last = tokens.findLast((token) => !/^[\r\n]/.test(token.image));
  return last === undefined ? 0 : tokenEnd(last);
}
