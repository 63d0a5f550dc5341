/** One fuzz case after the other: the same seed and number give the same text. */
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

/** Texts that are broken in many places: lines of several pieces, cut off, with brackets astray. */
const BRACKETS = [..."(){}[]", "{ ", " }", ")]", "[(", "})", "f(", "x => {", "[ ["];

/** Two to thirty lines, of which half are damaged. */
function brokenText(choices: Choices, pieces: readonly string[]): string {
  const lines: string[] = [];
  for (let left = choices.between(2, 30); left > 0; left--) {
    const of = choices.pick(pieces).split("\n");
    lines.push(brokenLine(choices.pick(of), choices));
  }
  return lines.join(choices.pick(["\n", "\n", "\n", "\r\n", " "]));
}

/** What a repeated line stands in: its beginning and its end. */
const BLOCKS = [
  ["", ""],
  ['test "t" {', "\n}"],
  ["machine {", "\n}"],
  ["fn f() {", "\n}"],
  ["const all = [", "\n]"],
] as const;

/**
 * A damaged line hundreds of times, with other names each time: a mistake must not cost more because there are
 * many of them.
 */
function repeatedLine(choices: Choices, pieces: readonly string[]): string {
  const damaged = mutate(choices.pick(pieces), choices, pieces).split("\n");
  const line = choices.pick(damaged).slice(0, 200);
  const named = (index: number) =>
    line.replace(/[a-z_]{3,}/g, (word) => choices.oneIn(3) ? `${word}${index}` : word);
  const lines = choices.times(50, choices.pick([100, 400, 1600]), named);
  const [begin, end] = choices.pick(BLOCKS);
  return `${begin}\n${lines.join("\n")}${end}\n`;
}

function brokenLine(line: string, choices: Choices): string {
  const at = choices.below(line.length + 1);
  return choices.way([
    () => line,
    () => line,
    () => line.slice(0, at),
    () => line.slice(at),
    () => line.slice(0, at) + choices.pick(BRACKETS) + line.slice(at),
    () => line.replace(choices.pick([/[(){}\[\]]/, /[)}\]]/, /[({\[]/]), ""),
  ]);
}
