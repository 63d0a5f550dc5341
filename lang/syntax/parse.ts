/**
 * From source text to a syntax tree with diagnostics.
 *
 * Tokens, then words and brackets put right, then the parser, then the tree: each phase reports
 * what it finds, and at the end one mistake is left with one error. Nothing here throws, whatever
 * the text.
 */
import type { IToken } from "chevrotain";
import type { Diagnostic } from "../diagnostics/diagnostic.ts";
import type { SourceFile } from "../source.ts";
import type { Expression, FileNode, Statement } from "./tree/ast.ts";
import { AstBuilder } from "./tree/ast_builder.ts";
import { balanceBrackets } from "./recovery/brackets.ts";
import { BuildContext, type ParseMode } from "./tree/build_context.ts";
import { checkTokens } from "./lexical.ts";
import { joinLines } from "./line_joining.ts";
import { reportParserErrors } from "./recovery/messages.ts";
import { isShallow } from "./recovery/nesting.ts";
import { MAX_PARSER_ERRORS } from "./recovery/recovering_parser.ts";
import { onePerStatement } from "./recovery/one_per_statement.ts";
import { parseByRule } from "./parse_tokens.ts";
import { DiagnosticReporter } from "./report.ts";
import { CLOSERS, End, isA, OPENERS, tokenEnd, tokenize } from "./tokens.ts";
import { classifyWords } from "./words.ts";

export type { ParseMode } from "./tree/build_context.ts";

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
  const { tokens, words } = readWords(source, mode, lexical, brackets);
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

function readWords(
  source: SourceFile,
  mode: ParseMode,
  lexical: DiagnosticReporter,
  brackets: DiagnosticReporter,
) {
  const tokens = checkTokens(tokenize(source.text), lexical);
  const balanced = balanceBrackets(tokens, brackets, mode);
  return { tokens, words: classifyWords(joinLines(balanced, lexical), lexical) };
}

/** The words and signs of a text, each with the type that it has for the parser. */
export function wordsOf(source: SourceFile): readonly IToken[] {
  const { words } = readWords(
    source,
    "file",
    new DiagnosticReporter(source),
    new DiagnosticReporter(source),
  );
  return words.filter(({ image }) => image !== "");
}

function parseTokens(
  tokens: readonly IToken[],
  source: SourceFile,
  mode: ParseMode,
  syntax: DiagnosticReporter,
  meaning: DiagnosticReporter,
): FileNode {
  const context: BuildContext = new BuildContext(
    source,
    meaning,
    mode,
    (start, end) => parseInsertion(context, start, end),
  );
  const builder = new AstBuilder(context);
  const items: Statement[] = [];
  for (const part of parts(tokens)) {
    const { tree, errors } = parseByRule("file", part);
    reportParserErrors(errors, part, syntax);
    for (const item of builder.file(tree)) items.push(item);
    if (syntax.diagnostics.length >= MAX_PARSER_ERRORS) break;
  }
  context.reportSuspects();
  return { kind: "File", items, span: { source, start: 0, end: source.text.length } };
}

/**
 * Tokens parsed in one go, when statements end there. With longer parts the collector of garbage
 * finds the parser's trees alive so often that it takes them for lasting: half as quick again.
 */
const PART_LENGTH = 100;

/**
 * Cuts a file between statements of its top level. The parser's own tree of a part dies young,
 * which halves the time that a long file takes.
 */
function* parts(tokens: readonly IToken[]): Generator<IToken[]> {
  let start = 0;
  let depth = 0;
  for (const [index, token] of tokens.entries()) {
    if (OPENERS.has(token.tokenType)) depth++;
    else if (CLOSERS.has(token.tokenType)) depth--;
    else if (depth === 0 && index - start >= PART_LENGTH && isA(token, End)) {
      yield tokens.slice(start, index + 1);
      start = index + 1;
    }
  }
  yield tokens.slice(start);
}

/** The expression of a `{expr}` in a string, with its place in the file. */
function parseInsertion(context: BuildContext, start: number, end: number): Expression {
  const { source, reporter } = context;
  const found = new DiagnosticReporter(source);
  if (reporter.diagnostics.length >= MAX_PARSER_ERRORS) {
    return { kind: "ErrorExpression", span: { source, start, end } };
  }
  const raw = tokenize(source.text.slice(start, end), start);
  const balanced = balanceBrackets(checkTokens(raw, found), found, "repl", "`}`");
  const tokens = classifyWords(joinLines(balanced, found), found);
  if (!isShallow(tokens, found) || found.diagnostics.length > 0) {
    reporter.diagnostics.push(...found.diagnostics.slice(0, 1));
    return { kind: "ErrorExpression", span: { source, start, end } };
  }
  const { tree, errors } = parseByRule("insertion", tokens);
  reportParserErrors(errors.slice(0, 1), tokens, reporter, "`}`");
  const [expression] = tree.children["expression"] ?? [];
  return expression !== undefined && "children" in expression
    ? new AstBuilder(context).expressions.expression(expression)
    : { kind: "ErrorExpression", span: { source, start, end } };
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
