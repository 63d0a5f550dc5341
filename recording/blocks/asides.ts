/** Blocks of `fork`, `compare` and `race`, which run on machines of their own: what to say of them. */
import type { Step } from "../moves.ts";
import { MOST_SIDE_EVENTS, MOST_SIDES } from "../machines/sides.ts";
import type { RecordedSide, Recording } from "../recording.ts";
import { blockName, sideOf, type Spot } from "./walk.ts";

/** Why breakpoints on some statements are never hit; null where they can be. */
export function neverReached(
  { code, sideKeeper, sides }: Recording,
  statements: ReadonlySet<number>,
): string | null {
  const words = [...statements].map((number) => code.statements[number]!.aside);
  const [word] = words;
  if (word === undefined || words.includes(undefined)) return null;
  if (sideKeeper === null) {
    return `Never hit: a session does not record the blocks of \`${word}\`, which run on machines of ` +
      "their own. Save it (`:save FILE`), then open the file with `dmalab debug`";
  }
  if (!sideKeeper.isFull || sides.some((side) => runsIn(side, statements))) return null;
  return `Never hit: only the first ${MOST_SIDES} blocks of a run are recorded, up to ` +
    `${MOST_SIDE_EVENTS} events in all, and this \`${word}\` comes later`;
}

function runsIn(side: RecordedSide, statements: ReadonlySet<number>): boolean {
  const { sides, statements: started } = side.open();
  for (let each = Math.max(1, side.begin.statement); each <= started.count; each++) {
    if (statements.has(started.numberAt(each))) return true;
  }
  return sides.some((inner) => runsIn(inner, statements));
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
