/** Texts about blocks of `fork`, `compare` and `race`, which run on separate machines. */
import type { StepCommand } from "../step.ts";
import { MAX_CHILD_EVENTS, MAX_CHILD_RUNS } from "../machines/child_runs.ts";
import type { RecordedChildRun, Recording } from "../recording.ts";
import type { RunPosition } from "../recorded_run.ts";
import { blockName, childRunOf } from "./walk.ts";

/** Why breakpoints on some statements are never hit; null if they can be hit. */
export function neverReached(
  { code, sideKeeper, childRuns }: Recording,
  statements: ReadonlySet<number>,
): string | null {
  const words = [...statements].map((number) => code.statements[number]!.forkKeyword);
  const [word] = words;
  if (word === undefined || words.includes(undefined)) return null;
  if (sideKeeper === null) {
    return `Never hit: a session does not record the blocks of \`${word}\`, which run on machines of ` +
      "their own. Save it (`:save FILE`), then open the file with `dmalab debug`";
  }
  if (!sideKeeper.isFull || childRuns.some((child) => runsIn(child, statements))) return null;
  return `Never hit: only the first ${MAX_CHILD_RUNS} blocks of a run are recorded, up to ` +
    `${MAX_CHILD_EVENTS} events in all, and this \`${word}\` comes later`;
}

function runsIn(child: RecordedChildRun, statements: ReadonlySet<number>): boolean {
  const { childRuns, statements: started } = child.open();
  for (let each = Math.max(1, child.begin.statement); each <= started.count; each++) {
    if (statements.has(started.numberAt(each))) return true;
  }
  return childRuns.some((inner) => runsIn(inner, statements));
}

/**
 * A message about a step that entered, left, or did not enter a block; null if the step did none of
 * these.
 */
export function crossed(
  from: RunPosition,
  to: RunPosition<Recording>,
  { unit, direction: way }: StepCommand,
): string | null {
  if (from.recording !== to.recording) {
    const blocks = blocksOf(to.recording);
    return blocks.length === 0 ? "Back in the run itself" : `In ${blocks.join(", ")}`;
  }
  const { forks, childRuns } = to.recording;
  const { statement } = (way === "forward" ? from : to).position;
  const word = forks.get(statement);
  if (unit !== "into" || word === undefined) return null;
  if (childRuns.some((child) => child.statement === statement)) return null;
  return `Stepped over the blocks of \`${word}\`: this recording does not contain them`;
}

/** The names of the blocks around a recording, the outermost first. */
function blocksOf(recording: Recording): readonly string[] {
  const child = childRunOf(recording);
  if (child === null) return [];
  return [...blocksOf(recording.within!.recording), blockName(child)];
}
