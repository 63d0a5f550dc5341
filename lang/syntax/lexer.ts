/**
 * Splits a text into tokens by the patterns of the token types: the first type that matches wins,
 * unless its `LONGER_ALT` matches more characters.
 *
 * Chevrotain's lexer builds tables for all characters at every start, which takes longer than
 * tokenizing a short file. This lexer builds tables only for the characters that occur in the text.
 */
import type { IToken, TokenType } from "chevrotain";

/** The group of token types that are left out of the result. */
export const LEFT_OUT = "left out";

/** Each character code below this has a separate list of possible token types. */
const DISPLAYED_CODES = 256;

export class PatternLexer {
  /** Possible token types by the code of the first character; built on demand. */
  readonly #beginning: (readonly TokenType[] | undefined)[] = [];
  /** Token types for any other first character. */
  readonly #beyond: readonly TokenType[];
  /** The end of the token that was matched last. */
  #end = 0;

  /**
   * @param types The token types, in the order in which they are tried. For any character, one of
   *   them has to match.
   */
  constructor(private readonly types: readonly TokenType[]) {
    this.#beyond = types.filter(({ PATTERN: pattern }) => typeof pattern !== "string");
  }

  /** @param offset The offset of the text in its file. */
  tokenize(text: string, offset: number): IToken[] {
    const tokens: IToken[] = [];
    for (let at = 0; at < text.length;) {
      const type = this.#match(text, at);
      const end = this.#end;
      if (type.GROUP !== LEFT_OUT) {
        tokens.push({
          // If the pattern is a fixed string, this string is reused.
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

/** The end of a match of the type's pattern at `at`; -1 if the pattern does not match there. */
function endOf({ PATTERN: pattern }: TokenType, text: string, at: number): number {
  if (typeof pattern === "string") return text.startsWith(pattern, at) ? at + pattern.length : -1;
  // Patterns that are not strings are sticky regular expressions.
  const sticky = pattern as RegExp;
  sticky.lastIndex = at;
  return sticky.test(text) ? sticky.lastIndex : -1;
}
