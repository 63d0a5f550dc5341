/** Blocks of `fork`, `compare` and `race`, which run on machines of their own: what to say of them. */
import type { Step } from "../moves.ts";
import type { Recording } from "../recording.ts";
import { blockName, sideOf, type Spot } from "./walk.ts";

/** Why breakpoints on some statements are never hit; null where they can be. */
export function neverReached(
  { code, keepsSides }: Recording,
  statements: ReadonlySet<number>,
): string | null {
  const words = [...statements].map((number) => code.statements[number]!.aside);
  const [word] = words;
  if (keepsSides || word === undefined || words.includes(undefined)) return null;
  return `Never hit: the blocks of \`${word}\` run on machines of their own, which this recording ` +
    "does not contain. Copy the block into a test to debug it";
}

/** What to say of a step: which block it went into or out of, or did not go into; null for nothing. */
export function crossed(from: Spot, to: Spot, { unit, way }: Step): string | null {
  if (from.recording !== to.recording) {
    const blocks = blocksOf(to.recording);
    return blocks.length === 0 ? "Back in the run itself" : `In ${blocks.join(", ")}`;
  }
  const { asides, sides } = to.recording;
  const { statement } = (way === "forward" ? from : to).at;
  const word = asides.get(statement);
  if (unit !== "into" || word === undefined) return null;
  if (sides.some((side) => side.statement === statement)) return null;
  return `Stepped over the blocks of \`${word}\`: this recording does not contain them`;
}

/** The blocks that a recording is of, the outermost first. */
function blocksOf(recording: Recording): readonly string[] {
  const side = sideOf(recording);
  if (side === null) return [];
  return [...blocksOf(recording.within!.recording), blockName(side)];
}
