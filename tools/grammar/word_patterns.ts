/**
 * Patterns for the language's keywords, made from the table of words. A pattern matches a keyword
 * only in the contexts in which it is a keyword.
 *
 * The patterns follow the rules of `lang/syntax/words.ts`, as far as one line shows the context.
 */
import {
  type KeywordSpec,
  keywordsWhere,
  LANGUAGE_WORDS,
  type LanguageWord,
} from "@dmalab/lang/syntax";

/** Constructs of a grammar's pattern language; each skips blanks before it. */
export interface PatternParts {
  /** A place where a statement may begin. */
  readonly start: string;
  readonly signs: Readonly<Record<"assign" | "addTo" | "dot" | "open" | "colon" | "brace", string>>;
  /** Whole words. */
  words(all: readonly string[]): string;
  before(pattern: string): string;
  notBefore(...patterns: readonly string[]): string;
}

/** Between two words. */
const BLANKS = "\\s+";

/** The highlighting class of words. */
export type WordRole = "control" | "operator" | "constant";

export interface WordPattern {
  readonly role: WordRole;
  readonly pattern: string;
  /** True if the pattern matches only where a statement may begin. */
  readonly atStart: boolean;
}

/** The patterns, in the order in which they are tried. */
export function wordPatterns(parts: PatternParts): readonly WordPattern[] {
  const { before, notBefore, signs: { addTo, assign, brace, colon, dot, open } } = parts;
  const soft = (isAsked: (row: KeywordSpec) => boolean) =>
    keywordsWhere((row) => row.class === "soft" && isAsked(row));
  // Characters that cannot begin a value, and the end of the line.
  const noValue = ["$", "#", "[,;)\\]}]", assign, addTo, dot, colon];
  const found = new Patterns(parts);
  found.add(soft(({ place }) => place === "statement"), true, notBefore(assign, addTo, dot, open));
  const inBench = soft(({ place }) => place === "bench");
  const follows = (word: LanguageWord): string => {
    const { behind } = LANGUAGE_WORDS[word] as KeywordSpec;
    if (behind === "block") return before(brace);
    return behind === "= and value" ? before(assign) : notBefore(assign, addTo, dot);
  };
  for (const [pattern, words] of Map.groupBy(inBench, follows)) found.add(words, true, pattern);
  found.add(soft(({ place }) => place === "block value"), false, before(brace));
  found.add(soft(({ place }) => place === "prefix"), false, notBefore(...noValue));
  for (const word of soft(({ place }) => typeof place === "object" && "before" in place)) {
    const { before } = LANGUAGE_WORDS[word].place as { readonly before: string };
    found.add([word], false, `${BLANKS}${parts.words([before])}`);
  }
  found.add(soft(({ place }) => FREE.has(place)), false, "");
  found.add(keywordsWhere((row) => row.class === "hard"), false, "");
  return found.all;
}

/** Places at which a soft keyword needs no context. */
const FREE: ReadonlySet<KeywordSpec["place"]> = new Set<KeywordSpec["place"]>([
  "clause",
  "infix",
  "literal",
]);

class Patterns {
  readonly all: WordPattern[] = [];

  constructor(readonly parts: PatternParts) {}

  /**
   * For each role, adds a pattern for the words of this role. Before these patterns, adds patterns
   * for words that can be followed by further words.
   */
  add(words: readonly LanguageWord[], atStart: boolean, behind: string): void {
    const { notBefore, signs, start } = this.parts;
    const first = atStart ? start : "";
    for (const word of words) {
      const more = keywordsAfter(word);
      if (more.length === 0 || behind.startsWith(BLANKS)) continue;
      // Words with a number after them: `on read bar 2 0x14`.
      for (const [last, between] of Map.groupBy(more, (each) => keywordsAfter(each).join())) {
        if (last === "") continue;
        const words = [[word], between, last.split(",")].map((all) => this.parts.words(all));
        const pattern = `${first}${words.join(BLANKS)}${this.parts.before("[0-9]")}`;
        this.all.push({ role: roleOf(word), pattern, atStart });
      }
      const second = `${BLANKS}${this.parts.words(more)}${notBefore(signs.colon)}`;
      const pattern = `${first}${this.parts.words([word])}${second}`;
      this.all.push({ role: roleOf(word), pattern, atStart });
    }
    for (const [role, group] of Map.groupBy(words, roleOf)) {
      this.all.push({ role, pattern: `${first}${this.parts.words(group)}${behind}`, atStart });
    }
  }
}

function keywordsAfter(word: LanguageWord): readonly LanguageWord[] {
  return keywordsWhere(({ place }) =>
    typeof place === "object" && "after" in place && [place.after].flat().includes(word)
  );
}

function roleOf(word: LanguageWord): WordRole {
  const { place } = LANGUAGE_WORDS[word];
  if (place === "literal") return "constant";
  return place === "infix" || place === "prefix" ? "operator" : "control";
}
