/**
 * Tokens of a text, by the patterns of their types: the first one that matches wins, unless the longer
 * one that it gives way to matches more.
 *
 * Chevrotain's lexer works out tables for any lexer at every start, which takes longer than all that a
 * short file's tokens need: here only what a text's own characters ask for is worked out.
 */
import type { IToken, TokenType } from "chevrotain";

/** The group of types that are left out. */
export const LEFT_OUT = "left out";

/** Characters with separate lists. */
const DISPLAYED_CODES = 256;

export class PatternLexer {
  /** By the code of a first character, as far as they were asked for. */
  readonly #beginning: (readonly TokenType[] | undefined)[] = [];
  /** Whose pattern may begin with any other character. */
  readonly #beyond: readonly TokenType[];
  /** Where the token ends that was matched last. */
  #end = 0;

  /** @param types In the order they are tried; one of them matches, whatever comes. */
  constructor(private readonly types: readonly TokenType[]) {
    this.#beyond = types.filter(({ PATTERN: pattern }) => typeof pattern !== "string");
  }

  /** @param offset Where the text begins in its file. */
  tokenize(text: string, offset: number): IToken[] {
    const tokens: IToken[] = [];
    for (let at = 0; at < text.length;) {
      const type = this.#match(text, at);
      const end = this.#end;
      if (type.GROUP !== LEFT_OUT) {
        tokens.push({
          // A text that is there already is not made again.
          image: typeof type.PATTERN === "string" ? type.PATTERN : text.slice(at, end),
          startOffset: at + offset,
          endOffset: end - 1 + offset,
          tokenType: type,
          tokenTypeIdx: 0,
          payload: 0,
        });
      }
      at = end;
    }
    return tokens;
  }

  #match(text: string, at: number): TokenType {
    for (const type of this.#candidates(text.charCodeAt(at))) {
      const end = endOf(type, text, at);
      if (end <= at) continue;
      const longer = type.LONGER_ALT as TokenType | undefined;
      const longerEnd = longer === undefined ? -1 : endOf(longer, text, at);
      this.#end = Math.max(end, longerEnd);
      return longerEnd > end ? longer! : type;
    }
    throw new Error(`Nothing matches character ${text.charCodeAt(at)}`);
  }

  #candidates(code: number): readonly TokenType[] {
    if (code >= DISPLAYED_CODES) return this.#beyond;
    return this.#beginning[code] ??= this.types.filter(beginsWith(String.fromCharCode(code)));
  }
}

const beginsWith =
  (character: string) => ({ PATTERN: pattern, START_CHARS_HINT: starts }: TokenType): boolean =>
    typeof pattern === "string"
      ? pattern.startsWith(character)
      : starts?.includes(character) === true;

/** Where a type's pattern ends that begins here; -1 where it does not match. */
function endOf({ PATTERN: pattern }: TokenType, text: string, at: number): number {
  if (typeof pattern === "string") return text.startsWith(pattern, at) ? at + pattern.length : -1;
  // The patterns are sticky.
  const sticky = pattern as RegExp;
  sticky.lastIndex = at;
  return sticky.test(text) ? sticky.lastIndex : -1;
}
