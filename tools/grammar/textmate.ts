/**
 * The TextMate grammar of `.dma` files, used for highlighting by editors and the pages of the
 * manual.
 */
import { type PatternParts, wordPatterns, type WordRole } from "./word_patterns.ts";

const SIGNS = {
  assign: "=(?![=>])",
  addTo: "\\+=",
  dot: "\\.(?!\\.)",
  open: "\\(",
  colon: ":(?!=)",
  brace: "\\{",
};

const PARTS: PatternParts = {
  start: "(?:^|(?<=[;{}])|(?<==>)|(?<=\\bskip))\\s*",
  signs: SIGNS,
  words: (all) => `\\b(?:${all.join("|")})\\b`,
  before: (pattern) => `(?=\\s*${pattern})`,
  notBefore: (...patterns) => `(?!\\s*(?:${patterns.join("|")}))`,
};

const SCOPES: Readonly<Record<WordRole, string>> = {
  control: "keyword.control.dma",
  operator: "keyword.operator.word.dma",
  constant: "constant.language.dma",
};

const NAME = "[A-Za-z_]\\w*";

const include = (...names: readonly string[]) => names.map((name) => ({ include: name }));

const COMMENT = { name: "comment.line.number-sign.dma", match: "#.*$" };

/**
 * Patterns for names. They match texts that are not words of the language, or contexts in which a
 * word is a name.
 */
const NAMES = [
  {
    name: "constant.numeric.dma",
    match: "\\b[0-9][0-9A-Za-z_\\x{b5}\\x{3bc}]*(?:\\.[0-9][0-9A-Za-z_]*)?",
  },
  { name: "keyword.operator.dma", match: "\\.\\.\\.|\\.\\.=?|=>|[=!<>]=|[-+*/%|&<>=!?]" },
  { match: `\\.\\s*(${NAME})`, captures: { 1: { name: "variable.other.property.dma" } } },
  {
    // The name after the dot may be on a later line, after comments.
    begin: "\\.(?=\\s*(?:#.*)?$)",
    end: `(${NAME})|(?=[^\\s#])`,
    endCaptures: { 1: { name: "variable.other.property.dma" } },
    patterns: [COMMENT],
  },
  { name: "variable.parameter.label.dma", match: `\\b${NAME}(?=\\s*${SIGNS.colon})` },
];

const VALUES = [
  COMMENT,
  { name: "string.quoted.double.bytes.dma", match: '\\bbytes"[^"]*(?:"|$)' },
  {
    name: "string.quoted.double.dma",
    begin: '"',
    end: '"|$',
    patterns: [
      { name: "constant.character.escape.dma", match: "\\\\." },
      {
        name: "meta.embedded.expression.dma",
        begin: "\\{",
        end: '\\}|(?="|$)',
        patterns: include("#names", "#words"),
      },
    ],
  },
  // Inside parentheses and brackets, a new line does not begin a statement.
  { begin: "[(\\[]", end: "[)\\]]", patterns: include("#values", "#names", "#words") },
  { begin: "\\{", end: "\\}", patterns: include("$self") },
];

/** The grammar as a file. */
export function textmateGrammar(): string {
  const all = wordPatterns(PARTS);
  const rules = (atStart: boolean) =>
    all.filter((word) => word.atStart === atStart).map(({ pattern, role }) => ({
      name: SCOPES[role],
      match: pattern,
    }));
  const grammar = {
    $comment: "Written by `deno task reference` from the words of the lexer.",
    name: "DMA scenario",
    scopeName: "source.dma",
    fileTypes: ["dma"],
    patterns: include("#values", "#names", "#statements", "#words"),
    repository: {
      values: { patterns: VALUES },
      names: { patterns: NAMES },
      // The `on` of a register may follow a comma.
      statements: {
        patterns: [
          ...rules(true),
          { name: SCOPES.control, match: "(?<=,)\\s*\\bon\\s+(?:read|write)\\b" },
        ],
      },
      words: {
        patterns: [
          ...rules(false),
          { name: "entity.name.function.dma", match: `\\b${NAME}(?=\\s*\\()` },
        ],
      },
    },
  };
  return `${JSON.stringify(grammar, null, 2)}\n`;
}
