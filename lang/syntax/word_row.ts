/** The type of a word's row; `language_words.ts` has the rows. */

/** The places where a word has its meaning. Elsewhere a soft word is a name. */
type KeywordPosition<W extends string = string> =
  /** Begins a statement or a declaration. */
  | "statement"
  /** Begins a part of a bench. */
  | "bench"
  /** Continues the construct of another word. */
  | "clause"
  /** Begins a value, directly before its block. */
  | "block value"
  | "literal"
  | "prefix"
  /** Follows a complete value. */
  | "infix"
  | { readonly after: W | readonly W[] }
  | { readonly before: W };

/** The syntax after a word. */
type Follows =
  | "nothing"
  | "value"
  | "value or nothing"
  | "statement"
  | "block"
  | "block or count and block"
  | "= and value"
  | "value and block"
  | "number, value and block"
  | "text and block"
  | "head and block";

/** Words that are interchangeable in the grammar. */
export type WordFamily = "output verb" | "branching" | "outcome noun" | "outcome verb" | "removal";

export interface KeywordSpec<W extends string = string> extends Shown {
  /** A hard word can be a name only after `.` and before `:`. */
  readonly class: "hard" | "soft";
  readonly place: KeywordPosition<W>;
  readonly behind: Follows;
  /** A description: one sentence, followed by more if needed. */
  readonly doc: string;
}

interface Shown {
  readonly family?: WordFamily;
  /** The syntax of the word's construct. */
  readonly form?: string;
  /** An example that is a complete script. */
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

/** Whether a line may begin with the word. */
export function isStatementWord({ place }: KeywordSpec): boolean {
  return place === "statement";
}

/** Whether a block follows the word, perhaps after other parts. */
export function opensBlock({ behind }: KeywordSpec): boolean {
  return behind.endsWith("block");
}
