/** Typing mistakes: a text with one token left out, doubled, or swapped with the next. */
import type { SourceFile } from "../source.ts";
import { tokenEnd, tokenize } from "./tokens.ts";

export interface TokenEdit {
  readonly kind: "delete" | "double" | "swap";
  readonly text: string;
  /** The first and the last changed line, counted from 1. */
  readonly firstLine: number;
  readonly lastLine: number;
}

/** All edits of a text, in the order of its tokens. Line ends do not count as tokens. */
export function* tokenEdits(source: SourceFile): Generator<TokenEdit> {
  const { text } = source;
  const tokens = tokenize(text).filter((token) => !/^[\r\n]/.test(token.image));
  for (const [index, token] of tokens.entries()) {
    const { startOffset: start, image } = token;
    const end = tokenEnd(token);
    const firstLine = source.position(start).line;
    const cut = (from: number, to: number, middle: string) =>
      text.slice(0, from) + middle + text.slice(to);
    yield { kind: "delete", text: cut(start, end, ""), firstLine, lastLine: firstLine };
    yield { kind: "double", text: cut(end, end, ` ${image}`), firstLine, lastLine: firstLine };
    const next = tokens[index + 1];
    if (next === undefined) continue;
    const between = text.slice(end, next.startOffset);
    yield {
      kind: "swap",
      text: cut(start, tokenEnd(next), next.image + between + image),
      firstLine,
      lastLine: source.position(next.startOffset).line,
    };
  }
}
