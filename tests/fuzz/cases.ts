/** One fuzz case after the other: the same seed and number give the same text. */
import { brokenText, repeatedLine } from "./broken_text.ts";
import { Choices } from "./choices.ts";
import type { Corpus } from "./corpus.ts";
import { laidOut } from "./laid_out.ts";
import { changeNumbers, mutate } from "./mutations.ts";

export interface FuzzCase {
  readonly text: string;
  /** Run it, when it is right. */
  readonly run: boolean;
}

/** A seed and a number as one seed. */
const STRIDE = 2 ** 32;

/** Most cases are short pieces, which are read fast; some are programs that may still run. */
export function fuzzCase(seed: number, number: number, corpus: Corpus): FuzzCase {
  const choices = new Choices(seed * STRIDE + number);
  const share = choices.below(100);
  const program = () => laidOut(choices.pick(corpus.programs), choices);
  // Of a thousand texts three: each costs as much as fifty others.
  if (choices.below(1000) < 3) return { text: repeatedLine(choices, corpus.pieces), run: false };
  if (share < 30) return { text: brokenText(choices, corpus.pieces), run: false };
  if (share < 74) {
    return { text: mutate(choices.pick(corpus.pieces), choices, corpus.pieces), run: false };
  }
  if (share < 84) return { text: mutate(program(), choices, corpus.pieces), run: true };
  if (share < 95) return { text: changeNumbers(program(), choices), run: true };
  if (share < 99) return { text: program(), run: true };
  return { text: mutate(choices.pick(corpus.files), choices, corpus.pieces), run: false };
}
