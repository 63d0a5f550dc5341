/** The row of a word of the language; `language_words.ts` has the rows. */

/** Where a word means something. Soft words are names everywhere else. */
type KeywordPosition<W extends string = string> =
  /** Begins a statement or a declaration. */
  | "statement"
  /** Begins a part of a bench. */
  | "bench"
  /** Goes on with what another word began. */
  | "clause"
  /** Begins a value, right before its block. */
  | "block value"
  | "literal"
  | "prefix"
  /** Stands behind a complete value. */
  | "infix"
  | { readonly after: W | readonly W[] }
  | { readonly before: W };

/** What follows a word in its place. */
type Follows =
  | "nothing"
  | "value"
  | "value or nothing"
  | "statement"
  | "block"
  | "block or count and block"
  | "= and value"
  | "value and block"
  | "text and block"
  | "head and block";

/** Words that the grammar takes for each other. */
export type WordFamily = "output verb" | "branching" | "outcome noun" | "outcome verb" | "removal";

export interface KeywordSpec<W extends string = string> extends Shown {
  /** A hard word is a name after `.` and before `:` only. */
  readonly class: "hard" | "soft";
  readonly place: KeywordPosition<W>;
  readonly behind: Follows;
  /** One sentence, then as many as it needs. */
  readonly doc: string;
}

interface Shown {
  readonly family?: WordFamily;
  /** How what it begins is written. */
  readonly form?: string;
  /** A script that shows it, and runs alone. */
  readonly example?: string;
}

function row<const C extends KeywordSpec["class"]>(of: C) {
  return <const P extends KeywordPosition>(
    place: P,
    behind: Follows,
    doc: string,
    shown: Shown = {},
  ) => ({
    class: of,
    place,
    behind,
    doc,
    ...shown,
  });
}

export const hard = row("hard");
export const soft = row("soft");

/** True for words that a line may begin with. */
export function isStatementWord({ place }: KeywordSpec): boolean {
  return place === "statement";
}

/** True for words with a block behind them, and perhaps something between. */
export function opensBlock({ behind }: KeywordSpec): boolean {
  return behind.endsWith("block");
}
