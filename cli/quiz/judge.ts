/** Answers to questions of a quiz. */
import { readNumber } from "../../lang/syntax/tree/literals.ts";
import { CHOICE_LETTERS, type Question, type WrongAnswer } from "../../lang/values/question.ts";

/** Right, or wrong, with the mistake where it is a known one. */
export type Judgement =
  | { readonly right: true }
  | { readonly right: false; readonly known: WrongAnswer | null };

/** The answers to choose from, in an order that does not depend on which is right. */
export function choicesOf({ answer, wrong }: Question): string[] {
  return [answer, ...wrong.map((each) => each.answer)]
    .sort((a, b) => amountOf(a) - amountOf(b) || (a < b ? -1 : 1));
}

/** @param given A choice's letter, or the answer itself in any form: `b`, `8KiB`, `8192`. */
export function judge(question: Question, given: string): Judgement {
  const word = given.trim();
  const choice = choicesOf(question)[CHOICE_LETTERS.indexOf(word.toLowerCase())] ?? word;
  if (isSame(choice, question.answer)) return { right: true };
  return {
    right: false,
    known: question.wrong.find(({ answer }) => isSame(choice, answer)) ?? null,
  };
}

function isSame(a: string, b: string): boolean {
  return a.toLowerCase() === b.toLowerCase() || amountOf(a) === amountOf(b);
}

/** NaN for what is no number; sizes and addresses are as many as a plain number. */
function amountOf(text: string): number {
  const number = readNumber(text.replace(/ /g, ""));
  return "value" in number ? number.value : NaN;
}
