/** The syntax-highlighting grammars of editors, made from the words of the lexer. */
import { textmateGrammar } from "./textmate.ts";
import { type PatternParts, wordPatterns, type WordRole } from "./word_patterns.ts";

export const GRAMMARS: readonly { readonly file: string; readonly text: () => string }[] = [
  { file: "extensions/editor/vscode/syntaxes/dma.tmLanguage.json", text: textmateGrammar },
  { file: "extensions/editor/vim/syntax/dma.vim", text: vimSyntax },
];

/** The syntax of `.dma` files for Vim and Neovim, in very magic patterns. */
const PARTS: PatternParts = {
  start: "%(^|[;{}]|\\=\\>|<skip)\\s*\\zs",
  signs: {
    assign: "\\=[=>]@!",
    addTo: "\\+\\=",
    dot: "\\.\\.@!",
    open: "\\(",
    colon: ":",
    brace: "\\{",
  },
  // A name after a dot is a member, and a name before a colon is a label. Therefore neither is a
  // word of the language, even if it is spelled like one.
  words: (all) => `%(%(^|[^.]|\\.\\.)\\s*)@<=<%(${all.join("|")})>%(\\s*:)@!`,
  before: (pattern) => `%(\\s*${pattern})@=`,
  notBefore: (...patterns) => `%(\\s*%(${patterns.join("|")}))@!`,
};

const GROUPS: Readonly<Record<WordRole, readonly [name: string, like: string]>> = {
  control: ["dmaKeyword", "Keyword"],
  operator: ["dmaOperator", "Operator"],
  constant: ["dmaConstant", "Boolean"],
};

function vimSyntax(): string {
  return [
    '" Written by `deno task reference` from the words of the lexer.',
    "if exists('b:current_syntax') | finish | endif",
    'let b:current_syntax = "dma"',
    "",
    "syn match dmaLabel /\\v<\\h\\w*>%(\\s*:)@=/",
    "syn match dmaFunction /\\v<\\h\\w*>%(\\s*\\()@=/",
    ...wordPatterns(PARTS).toReversed().map(({ pattern, role }) =>
      `syn match ${GROUPS[role][0]} /\\v${pattern}/`
    ),
    "syn match dmaNumber /\\v<\\d[0-9A-Za-z_µμ]*%(\\.\\d\\w*)?/",
    'syn region dmaString start=/"/ skip=/\\\\./ end=/"\\|$/ oneline',
    "syn match dmaComment /#.*$/ contains=@Spell",
    "",
    "hi def link dmaLabel Identifier",
    "hi def link dmaFunction Function",
    ...Object.values(GROUPS).map(([name, like]) => `hi def link ${name} ${like}`),
    "hi def link dmaNumber Number",
    "hi def link dmaString String",
    "hi def link dmaComment Comment",
    "",
  ].join("\n");
}
