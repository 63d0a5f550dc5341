/** The grammars that editors colour by, made from the words of the lexer. */
import { textmateGrammar } from "./textmate.ts";
import { vimSyntax } from "./vim.ts";

export const GRAMMARS: readonly { readonly file: string; readonly text: () => string }[] = [
  { file: "extensions/editor/vscode/syntaxes/dma.tmLanguage.json", text: textmateGrammar },
  { file: "extensions/editor/vim/syntax/dma.vim", text: vimSyntax },
];
