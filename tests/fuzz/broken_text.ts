/** Texts that are broken in many places: lines of several pieces, cut off, with brackets astray. */
import type { Choices } from "./choices.ts";

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
