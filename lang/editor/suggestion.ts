/** What completion offers. */

/** What a suggested word is, for the sign that an editor puts before it. */
export type SuggestionKind =
  | "argument"
  | "constant"
  | "event"
  | "field"
  | "function"
  | "key"
  | "keyword"
  | "method"
  | "type"
  | "variable";

/** A word that could stand at the cursor. */
export interface Suggestion {
  readonly text: string;
  /** What it means, in a sentence; empty where it is unknown. */
  readonly doc: string;
  readonly kind?: SuggestionKind;
}

/** Words that could stand at the cursor, for the part of one that is there. */
export interface Suggestions {
  readonly all: readonly Suggestion[];
  readonly part: string;
}
