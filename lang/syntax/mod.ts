/**
 * Words, tokens, tree. A newline ends a statement, so a mistake affects only one line.
 *
 * State: none. Hot path: a start reads its file once (`deno task bench lang`). Tests:
 * `parse_test.ts`, `robustness_long_test.ts`, `tests/bad/`.
 *
 * Other workspace members use these exports:
 */
export {
  HARD_WORDS,
  keywordsWhere,
  LANGUAGE_WORDS,
  type LanguageWord,
  SOFT_WORDS,
} from "./language_words.ts";
export { opensMore } from "./line_joining.ts";
export { LoadError, memoryFiles, misnamed, type SourceLoader, tooLong } from "./load_files.ts";
export { MAX_TEXT_LENGTH, parse, wordsOf } from "./parse.ts";
export { beginsStatement, continuesAfter } from "./recovery/bracket_matcher.ts";
export { DiagnosticReporter } from "./report.ts";
export {
  AndThen,
  Bytes,
  CopyWith,
  Hard,
  isA,
  LBrace,
  LBracket,
  Literal,
  LParen,
  Name as NameToken,
  Newline,
  NumberToken,
  RBrace,
  RBracket,
  RParen,
  Soft,
  Text,
  tokenEnd,
  tokenize,
  WordTypes,
} from "./tokens.ts";
export type { KeywordSpec } from "./word_row.ts";
export { classifyWords } from "./words.ts";
export * from "./tree/mod.ts";
