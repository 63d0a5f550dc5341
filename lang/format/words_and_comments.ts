/** The words of a file, with the comments and line ends between them. */
import type { IToken } from "chevrotain";
import type { SourceFile } from "../source.ts";
import { wordsOf } from "../syntax/parse.ts";
import { Comma, isA, Newline, retype, tokenEnd } from "../syntax/tokens.ts";

export interface Comment {
  readonly text: string;
  /** True if an empty line is before the comment. */
  readonly blankBefore: boolean;
}

/** A token, with the comments and line ends before and after it. */
export interface FormattedToken {
  readonly token: IToken;
  /** Comments on separate lines before the token. */
  before: readonly Comment[];
  /** The comment that ends the token's line. */
  after: readonly string[];
  /** True if a line ended before the token, or before the comments above it. */
  readonly newlineBefore: boolean;
  /** True if an empty line is right before the token, or before the first comment above it. */
  readonly blankBefore: boolean;
  /** True if an empty line is between the token and the comments above it. */
  readonly blankAfterComments: boolean;
}

export interface Words {
  readonly words: readonly FormattedToken[];
  /** Comments behind the last word, on separate lines. */
  readonly end: readonly Comment[];
}

/**
 * The words of a file that has no errors. Line ends are dropped, and each comment is assigned to an
 * adjacent word.
 */
export function readWords(source: SourceFile): Words {
  const tokens = wordsOf(source).filter(({ tokenType }) => tokenType !== Newline);
  const words: FormattedToken[] = [];
  let from = 0;
  for (const token of tokens) {
    const gap = readGap(source.text.slice(from, token.startOffset), words.length === 0);
    const previous = words.at(-1);
    const end = tokenEnd(token);
    if (isA(token, Comma)) retype(token, Comma);
    if (previous !== undefined) previous.after = gap.trailing;
    words.push({
      token,
      before: gap.own,
      after: [],
      newlineBefore: gap.newline,
      blankBefore: gap.own[0]?.blankBefore ?? gap.blankAtEnd,
      blankAfterComments: gap.own.length > 0 && gap.blankAtEnd,
    });
    from = end;
  }
  const gap = readGap(source.text.slice(from), words.length === 0);
  const last = words.at(-1);
  if (last !== undefined) last.after = gap.trailing;
  return { words, end: gap.own };
}

interface Gap {
  readonly trailing: readonly string[];
  readonly own: readonly Comment[];
  readonly newline: boolean;
  readonly blankAtEnd: boolean;
}

/** The text between two words: spaces, line ends and comments. */
function readGap(text: string, atStart: boolean): Gap {
  const lines = text.split(/\r\n?|\n/);
  const comments = lines.map((line) => {
    const start = line.indexOf("#");
    return start < 0 ? null : line.slice(start).trimEnd();
  });
  const trailing = !atStart && comments[0] !== null ? [comments[0]!] : [];
  const own: Comment[] = [];
  let blank = false;
  // The last line is the indentation of the next word, so it does not count as an empty line.
  for (let index = atStart ? 0 : 1; index < lines.length; index++) {
    const comment = comments[index];
    if (comment !== null && comment !== undefined) {
      own.push({ text: comment, blankBefore: blank });
      blank = false;
    } else if (index < lines.length - 1) blank = true;
  }
  return { trailing, own, newline: lines.length > 1, blankAtEnd: blank };
}
