/** Texts that are broken in many places: lines of several pieces, cut off, with brackets astray. */
import type { Choices } from "./choices.ts";
import { mutate } from "./mutations.ts";

const BRACKETS = [..."(){}[]", "{ ", " }", ")]", "[(", "})", "f(", "x => {", "[ ["];

/** Two to thirty lines, of which half are damaged. */
export function brokenText(choices: Choices, pieces: readonly string[]): string {
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
export function repeatedLine(choices: Choices, pieces: readonly string[]): string {
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
