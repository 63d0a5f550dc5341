/** Changes the layout of a program: blanks, line ends and comments wherever the language allows them. */
import type { IToken } from "chevrotain";
import {
  beginsStatement,
  continuesAfter,
  isA,
  LBrace,
  LBracket,
  Literal,
  LoadError,
  LParen,
  Newline,
  NumberToken,
  RBrace,
  RBracket,
  RParen,
  tokenEnd,
  tokenize,
} from "@dmalab/lang/syntax";
import { formatSource } from "@dmalab/lang/editor";
import { Choices } from "@dmalab/hunt";
import { loadProgram, SourceFile } from "@dmalab/lang";
import { readCorpus } from "./cases.ts";

const REMARKS = ["why", "each page", 'x { y } "z"', "TODO: none, ; [", "…", "0x1000 // not C"];

/** The same tokens in the same statements, with the text's comments and additional ones. */
export function laidOut(text: string, choices: Choices): string {
  const tokens = tokenize(text).filter(({ tokenType }) => tokenType !== Newline);
  const open: IToken[] = [];
  let result = "";
  let end = 0;
  for (const [index, token] of tokens.entries()) {
    const { startOffset, tokenType } = token;
    if (tokenType === RParen || tokenType === RBracket || tokenType === RBrace) open.pop();
    const isJoined = open.length > 0 && open.at(-1)!.tokenType !== LBrace;
    const gap = text.slice(end, startOffset);
    // No line may end before a token that can begin a statement: the next line would then begin a
    // statement, and thereby close the open brackets.
    const mayBreak = !beginsStatement(token, tokens[index + 1]) &&
      (isJoined || mayEndLine(tokens[index - 1], token));
    result += choices.oneIn(6) ? newGap(gap, mayBreak, choices) : gap;
    if (tokenType === LParen || tokenType === LBracket || tokenType === LBrace) open.push(token);
    end = tokenEnd(token);
    result += text.slice(startOffset, end);
  }
  return result + text.slice(end);
}

/** Whether a line may end between two tokens without ending a statement. A pattern's count is kept on one line. */
function mayEndLine(before: IToken | undefined, token: IToken): boolean {
  if (before?.tokenType === NumberToken || token.tokenType === NumberToken) return false;
  return before?.tokenType === LBrace || token.tokenType === RBrace ||
    (continuesAfter(before) && isA(token, Literal));
}

/** Other blanks in place of those between two tokens; line ends stay. */
function newGap(gap: string, mayBreak: boolean, choices: Choices): string {
  const blanks = choices.oneIn(20) ? "\t" : " ".repeat(choices.between(1, 4));
  const remark = `# ${choices.pick(REMARKS)}\n`;
  if (gap.includes("#")) return gap;
  if (!gap.includes("\n") && !mayBreak) return blanks;
  return choices.pick([
    `\n${blanks}`,
    `\n\n${blanks}`,
    `${blanks}${remark}`,
    `\n${blanks}${remark}${blanks}`,
  ]);
}

interface LayoutReport {
  /** Number of programs that the formatter changed. */
  readonly changed: number;
  /** Number of programs without errors. */
  readonly sound: number;
  /** Wrong messages or changes of the formatter, as text. */
  readonly wrong: readonly string[];
}

/**
 * Changes the layout of a program, formats it, and formats the result again, which must not change
 * it. This is done for each seed below `count`.
 *
 * formatSource() itself checks that the tree and the comments stay the same, and throws if they
 * differ.
 */
export function tryLayouts(count: number): LayoutReport {
  const { programs } = readCorpus();
  let changed = 0;
  let sound = 0;
  const wrong: string[] = [];
  for (let seed = 0; seed < count; seed++) {
    const program = programs[seed % programs.length]!;
    const source = new SourceFile(`seed ${seed}`, laidOut(program, new Choices(seed)));
    const load = (path: string) => new LoadError("not_found", path);
    if (loadProgram(source, { load }).program !== null) sound++;
    const once = formatSource(source);
    if (!once.ok) {
      wrong.push(`seed ${seed} does not parse`);
      continue;
    }
    if (once.text !== source.text) changed++;
    const twice = formatSource(new SourceFile(`seed ${seed}, formatted`, once.text));
    if (!twice.ok || twice.text !== once.text) {
      wrong.push(`seed ${seed} is formatted otherwise twice`);
    }
  }
  return { changed, sound, wrong };
}
