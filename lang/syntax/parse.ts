/**
 * From source text to a syntax tree with diagnostics.
 *
 * Tokens, then brackets and words put right, then the parser, which makes the tree: each phase reports
 * what it finds, and at the end one mistake is left with one error. Nothing here throws, whatever
 * the text.
 */
import type { IToken } from "chevrotain";
import type { Diagnostic } from "../diagnostics/diagnostic.ts";
import type { SourceFile } from "../source.ts";
import type { Expression, FileNode } from "./tree/ast.ts";
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
 * The depth of the syntax tree is bounded before anybody recurses over it.
 *
 * A text can nest without brackets too (`not not not …`, `a.b.c…`, `x => y => …`), so the depth is
 * estimated from the tokens: never too low, and exact enough that no hand-written script meets the
 * limit. Parser, checker and compiler may then recurse without counting.
 */

/** How deep brackets may be nested. */
export const MAX_BRACKET_DEPTH = 200;
/** How deep the tree of one statement may be, by estimate. */
export const MAX_TREE_DEPTH = 500;
/** A lambda costs the parser as much stack as that many operators. */
const LAMBDA_WEIGHT = 10;

interface Level {
  /** Depth of the text between two commas or line ends. */
  depth: number;
  /** The deepest of those before. */
  deepest: number;
  /** Branches of an `if` before this one. */
  branches: number;
}

/** Reports the first place where a file is nested too deeply; true without one. */
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

export interface ParseResult {
  /** The tree. With errors it holds error nodes and must not be run. */
  readonly file: FileNode;
  readonly diagnostics: readonly Diagnostic[];
  /** The text ends in the middle of something: the REPL asks for more. */
  readonly incomplete: boolean;
}

export interface ParseOptions {
  /** In the REPL any expression is a statement. */
  readonly mode?: ParseMode;
}

/** Longest text that is read, in UTF-16 units. */
export const MAX_TEXT_LENGTH = 2 ** 22;

/** Parses a file, or a piece of text typed at the REPL. */
export function parse(source: SourceFile, { mode = "file" }: ParseOptions = {}): ParseResult {
  const lexical = new DiagnosticReporter(source);
  const brackets = new DiagnosticReporter(source);
  const syntax = new DiagnosticReporter(source);
  const meaning = new DiagnosticReporter(source);

  if (source.text.length > MAX_TEXT_LENGTH) {
    lexical.error("E0115", 0, 0, `File too large: ${source.text.length} characters`, {
      hint: `a script has at most ${MAX_TEXT_LENGTH} characters`,
    });
    return { file: unreadable(source), diagnostics: lexical.diagnostics, incomplete: false };
  }
  const { tokens, words } = readWords(tokenize(source.text), mode, lexical, brackets);
  const early = lexical.diagnostics.length + brackets.diagnostics.length;
  const file = early < MAX_PARSER_ERRORS && isShallow(words, lexical)
    ? parseTokens(words, source, mode, syntax, meaning)
    : unreadable(source);

  const end = endOfText(tokens);
  const isAtEnd = ({ span }: Diagnostic) => span.start >= end;
  const found = [...lexical.diagnostics, ...brackets.diagnostics, ...syntax.diagnostics];
  const incomplete = found.length > 0 && found.every(isAtEnd);
  // At the REPL an open bracket matters only as long as nothing before it is wrong.
  const open = mode === "repl" && !incomplete
    ? brackets.diagnostics.filter((diagnostic) => !isAtEnd(diagnostic))
    : brackets.diagnostics;
  const diagnostics = onePerStatement(
    [lexical.diagnostics, open, syntax.diagnostics, meaning.diagnostics],
    words,
  );
  return { file, diagnostics, incomplete };
}

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

/** The words and signs of a text, each with the type that it has for the parser. */
export function wordsOf(source: SourceFile): readonly IToken[] {
  const reporter = new DiagnosticReporter(source);
  const { words } = readWords(tokenize(source.text), "file", reporter, reporter);
  return words.filter(({ image }) => image !== "");
}

/** Made for the first text: that takes longer than reading most files. */
let made: DmaParser | null = null;

function parserFor(context: BuildContext, tokens: IToken[]): DmaParser {
  made ??= new DmaParser();
  made.begin(context, tokens);
  return made;
}

function parseTokens(
  tokens: IToken[],
  source: SourceFile,
  mode: ParseMode,
  syntax: DiagnosticReporter,
  meaning: DiagnosticReporter,
): FileNode {
  const context = new BuildContext(source, meaning, mode);
  const parser = parserFor(context, tokens);
  const items = parser.file();
  reportParserErrors(parser.errors, tokens, syntax);
  readLeftOver(parser, context);
  context.reportSuspects();
  return { kind: "File", items, span: { source, start: 0, end: source.text.length } };
}

/** The work that is left after parsing: the expressions in strings are separate texts. */
function readLeftOver(parser: DmaParser, context: BuildContext): void {
  for (const work of parser.leftOver()) work((start, end) => parseInsertion(context, start, end));
}

/** The expression of a `{expr}` in a string, with its place in the file. */
function parseInsertion(context: BuildContext, start: number, end: number): Expression {
  const { source, reporter } = context;
  const found = new DiagnosticReporter(source);
  if (reporter.diagnostics.length >= MAX_PARSER_ERRORS) {
    return { kind: "ErrorExpression", span: { source, start, end } };
  }
  const raw = tokenize(source.text.slice(start, end), start);
  const { words: tokens } = readWords(raw, "repl", found, found, "`}`");
  if (!isShallow(tokens, found) || found.diagnostics.length > 0) {
    reporter.diagnostics.push(...found.diagnostics.slice(0, 1));
    return { kind: "ErrorExpression", span: { source, start, end } };
  }
  const parser = parserFor(context, tokens);
  const expression = parser.insertion();
  reportParserErrors(parser.errors.slice(0, 1), tokens, reporter, "`}`");
  readLeftOver(parser, context);
  return expression;
}

function unreadable(source: SourceFile): FileNode {
  const span = { source, start: 0, end: source.text.length };
  return { kind: "File", items: [{ kind: "ErrorStatement", span }], span };
}

/** Where the text ends, blanks, line ends and comments left out. */
function endOfText(tokens: readonly IToken[]): number {
  const last = tokens.findLast((token) => !/^[\r\n]/.test(token.image));
  return last === undefined ? 0 : tokenEnd(last);
}
