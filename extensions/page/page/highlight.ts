/** Colours of a source, from the tokens of the language's own lexer. */
import {
  Bytes,
  classifyWords,
  DiagnosticReporter,
  Hard,
  isA,
  LParen,
  NameToken,
  NumberToken,
  Soft,
  Text,
  tokenEnd,
  tokenize,
} from "@dmalab/lang/syntax";
import { SourceFile } from "@dmalab/lang";

/** A piece of a text, with the CSS class of its colour. */
export interface Colour {
  readonly from: number;
  readonly to: number;
  readonly name: "keyword" | "number" | "string" | "comment" | "call";
}

const WORDS = new Set([...Object.values(Hard), ...Object.values(Soft)]);
/** A text longer than this is not coloured. */
const MAX_LENGTH = 500_000;

export function coloursOf(text: string): readonly Colour[] {
  if (text.length > MAX_LENGTH) return [];
  const tokens = classifyWords(tokenize(text), new DiagnosticReporter(new SourceFile("", text)));
  const colours: Colour[] = [];
  let end = 0;
  tokens.forEach((token, index) => {
    const from = token.startOffset;
    // Only blanks and comments lie between tokens.
    if (from > end) comments(text, end, from, colours);
    const to = tokenEnd(token);
    end = Math.max(end, to);
    const name = isA(token, NumberToken)
      ? "number"
      : isA(token, Text) || isA(token, Bytes)
      ? "string"
      : WORDS.has(token.tokenType)
      ? "keyword"
      : isA(token, NameToken) && tokens[index + 1]?.tokenType === LParen
      ? "call"
      : null;
    if (name !== null && to > from) colours.push({ from, to, name });
  });
  comments(text, end, text.length, colours);
  return colours;
}

function comments(text: string, from: number, to: number, colours: Colour[]): void {
  for (const match of text.slice(from, to).matchAll(/#[^\r\n]*/g)) {
    const start = from + match.index;
    colours.push({ from: start, to: start + match[0].length, name: "comment" });
  }
}
