/** Blocks of `fork`, `compare` and `race` that run on machines of their own: a recording has one machine. */
import type { Step } from "./moves.ts";
import type { Position } from "./position.ts";
import type { Recording } from "./recording.ts";

const ELSEWHERE = "run on machines of their own, which this recording does not contain";

/** Why breakpoints on some statements are never hit; null where one of them runs on this machine. */
export function neverReached(
  { code }: Recording,
  statements: ReadonlySet<number>,
): string | null {
  const words = [...statements].map((number) => code.statements[number]!.aside);
  const [word] = words;
  if (word === undefined || words.includes(undefined)) return null;
  return `Never hit: the blocks of \`${word}\` ${ELSEWHERE}. Copy the block into a test to debug it`;
}

/** What to say of a step into a statement whose blocks it did not go into; null for nothing. */
export function steppedOver(
  { asides }: Recording,
  from: Position,
  to: Position,
  { unit, way }: Step,
): string | null {
  const word = asides.get(way === "forward" ? from.statement : to.statement);
  if (unit !== "into" || word === undefined) return null;
  return `Stepped over the blocks of \`${word}\`: they ${ELSEWHERE}`;
}
