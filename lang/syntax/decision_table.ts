/**
 * The decisions of the grammar as text: what each comes to before each token of the vocabulary.
 *
 * Chevrotain learns a grammar by running its rules, whenever the program starts; that takes longer
 * than anything else in the run of a short file. All that a file without a mistake needs of it are
 * the decisions, so the package is built with them.
 */
import type { ILookaheadStrategy, TokenType } from "chevrotain";
import { VOCABULARY } from "./tokens.ts";

/** Of each rule, in the order of their definition: keys of decisions, and a letter for each token. */
export type DecisionTable = readonly Readonly<Record<number, string>>[];

/** What the next token leads to: an alternative's number, or true where something may be left out. */
export type Decide = ReturnType<
  ILookaheadStrategy["buildLookaheadForAlternation" | "buildLookaheadForOptional"]
>;

/** What a decision asks the parser, which calls it as its method. */
interface LookingAhead {
  LA(ahead: number): { readonly tokenTypeIdx: number };
}

/** Chevrotain's kind of a key: the rest is the number that the decision has in its rule. */
const OCCURRENCES = 2 ** 8;
const IS_CHOICE = 1;

/** No alternative, or nothing to enter. */
const NONE = " ";
/** Alternatives count from here. */
const FIRST = "0".charCodeAt(0);

/** Writes down what decisions come to. @param decisions By rule and key. */
export function writeDecisions(
  decisions: readonly (Readonly<Record<number, Decide>> | undefined)[],
): DecisionTable {
  return Array.from(decisions, (ofRule) =>
    Object.fromEntries(
      Object.entries(ofRule ?? {}).map(([key, decide]) => [
        key,
        VOCABULARY.map((type) => letterOf(answer(decide, type))).join("").trimEnd(),
      ]),
    ));
}

/** What a decision comes to before a token of a type. */
function answer(decide: Decide, { tokenTypeIdx }: TokenType): number | boolean | undefined {
  const token = { tokenTypeIdx };
  return (decide as (this: unknown) => number | boolean | undefined).call({ LA: () => token });
}

function letterOf(answer: number | boolean | undefined): string {
  return answer === undefined || answer === false
    ? NONE
    : String.fromCharCode(FIRST + Number(answer));
}

/** A decision as it was written down; it is read when the parser first comes to it. */
export function readDecision(key: number, letters: string): Decide {
  const isChoice = Math.floor(key / OCCURRENCES) === IS_CHOICE;
  let answers: (number | undefined)[] | null = null;
  if (isChoice) {
    return function (this: unknown): number | undefined {
      answers ??= numbersOf(letters);
      return answers[(this as LookingAhead).LA(1).tokenTypeIdx];
    };
  }
  return function (this: unknown): boolean {
    answers ??= numbersOf(letters);
    return answers[(this as LookingAhead).LA(1).tokenTypeIdx] !== undefined;
  };
}

/** By the number of a token type. */
function numbersOf(letters: string): (number | undefined)[] {
  const numbers: (number | undefined)[] = [];
  for (let place = 0; place < letters.length; place++) {
    if (letters[place] === NONE) continue;
    numbers[VOCABULARY[place]!.tokenTypeIdx!] = letters.charCodeAt(place) - FIRST;
  }
  return numbers;
}
