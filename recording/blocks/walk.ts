/**
 * Steps through a run, and through its blocks of `fork`, `compare` and `race`, as through one
 * sequence. The blocks of a statement come one after the other. They come after the position at
 * which the run started them.
 */
import { type StepCommand, stepOnce, type StepTarget, type StepUnit } from "../step.ts";
import type { ChildRun, RunPosition } from "../recorded_run.ts";
import { comparePositions, nextPosition, type Position, START } from "../position.ts";
import type { RecordedChildRun, Recording } from "../recording.ts";

/** Consecutive positions of one recording. They begin after `from`, which is not in the range. */
export interface PositionRange {
  readonly recording: Recording;
  readonly from: Position;
  readonly to: Position;
}

/**
 * Opens the recording of a block, and stores in it the recording to which the block belongs and the
 * block's index there.
 */
function openChildRun(recording: Recording, index: number): Recording {
  const inner = recording.childRuns[index]!.open();
  inner.within ??= { recording, index };
  inner.timeline.watch = recording.timeline.watch;
  return inner;
}

export function childRunOf({ within }: Recording): RecordedChildRun | null {
  return within === null ? null : within.recording.childRuns[within.index]!;
}

/**
 * The position in the whole run at which a block runs. A position of the whole run itself is returned
 * unchanged.
 */
function inWholeRun(runPosition: RunPosition<Recording>): RunPosition<Recording> {
  const { within } = runPosition.recording;
  if (within === null) return runPosition;
  return inWholeRun({
    recording: within.recording,
    position: childRunOf(runPosition.recording)!.position,
  });
}

/** Number of lines that the whole run and its blocks had written before a position. */
export function linesBefore({ position, recording }: RunPosition<Recording>): number {
  const { within } = recording;
  if (within === null) return recording.outputBefore(position).length;
  const { index, recording: outer } = within;
  const place = outer.childRuns[index]!.position;
  const beside = outer.childRuns.slice(0, index)
    .filter((child) => comparePositions(child.position, place) === 0);
  return linesBefore({ recording: outer, position: place }) + linesOf(beside) +
    linesUpTo(recording, position);
}

/** Number of lines that blocks, and the blocks inside them, have written. */
function linesOf(childRuns: readonly RecordedChildRun[]): number {
  return childRuns.map((child) => child.open())
    .reduce((sum, { output, childRuns: inner }) => sum + output.length + linesOf(inner), 0);
}

/** Number of lines that a block, and the blocks inside it, had written before a position. */
function linesUpTo(recording: Recording, position: Position): number {
  const inner = recording.childRuns.filter((child) =>
    comparePositions(child.position, position) < 0
  );
  return recording.outputBefore(position).length + linesOf(inner);
}

/**
 * Converts a position in a block of `fork` or `race` to a position of the run itself, if the
 * position is not after the beginning of the block. The recording of such a block begins like the
 * run, so these positions belong to the run.
 */
export function atHome(runPosition: RunPosition<Recording>): RunPosition<Recording> {
  const child = childRunOf(runPosition.recording);
  if (child === null || child.word === "compare" || child.word === "run") return runPosition;
  if (comparePositions(runPosition.position, child.begin) > 0) return runPosition;
  return atHome({
    recording: runPosition.recording.within!.recording,
    position: runPosition.position,
  });
}

/**
 * The last position before the failure; null if there is no failure. If a block failed, the
 * position is in that block.
 */
export function failurePosition(recording: Recording): RunPosition<Recording> | null {
  const { failedAt, childRuns } = recording;
  if (failedAt === null) return null;
  // A race is excluded: several of its orders may fail, and the failure names one of them.
  const index = childRuns.findLastIndex(({ position, open, word }) =>
    word !== "race" && position.statement === failedAt.statement && open().failure !== null
  );
  return index < 0
    ? { recording, position: failedAt }
    : failurePosition(openChildRun(recording, index));
}

/** Negative when `one` is before `other`: a block comes after the position at which it runs. */
export function compareRunPositions(
  one: RunPosition<Recording>,
  other: RunPosition<Recording>,
): number {
  const ways = [pathOf(one), pathOf(other)] as const;
  for (let depth = 0; depth < Math.min(ways[0].length, ways[1].length); depth++) {
    const [own, its] = [ways[0][depth]!, ways[1][depth]!];
    const difference = comparePositions(own.position, its.position) || own.index - its.index;
    if (difference !== 0) return difference;
  }
  return 0;
}

/**
 * The path to a position: a position in each recording, from the whole run to the recording of the
 * given position. Each has the index of the block that the path enters there; -1 for no block.
 */
function pathOf(
  { position, recording }: RunPosition<Recording>,
  index = -1,
): { position: Position; index: number }[] {
  const own = { position, index };
  const { within } = recording;
  if (within === null) return [own];
  const outer = { recording: within.recording, position: childRunOf(recording)!.position };
  return [...pathOf(outer, within.index), own];
}

/** All ranges after a position, blocks included. */
function* rangesAfter(
  { position, recording }: RunPosition<Recording>,
  next = recording.childRuns.findIndex((child) => comparePositions(child.position, position) >= 0),
  isInner = false,
): Generator<PositionRange> {
  let from = position;
  for (let index = next; index >= 0 && index < recording.childRuns.length; index++) {
    const { position: to, begin } = recording.childRuns[index]!;
    yield { recording, from, to };
    from = to;
    yield* rangesAfter(
      { recording: openChildRun(recording, index), position: begin },
      undefined,
      true,
    );
  }
  yield { recording, from, to: recording.last };
  const { within } = recording;
  if (isInner || within === null) return;
  const outer = { recording: within.recording, position: childRunOf(recording)!.position };
  yield* rangesAfter(outer, within.index + 1);
}

/** All ranges before a position, blocks included, from later positions to earlier ones. */
function* rangesBefore(
  { position, recording }: RunPosition<Recording>,
  next = recording.childRuns.findLastIndex((child) =>
    comparePositions(child.position, position) < 0
  ),
  isInner = false,
): Generator<PositionRange> {
  let from = position;
  for (let index = next; index >= 0; index--) {
    const { position: to } = recording.childRuns[index]!;
    yield { recording, from, to };
    const inner = openChildRun(recording, index);
    yield* rangesBefore({ recording: inner, position: inner.last }, undefined, true);
    from = nextPosition(recording.timeline.known, to) ?? recording.last;
  }
  const child = childRunOf(recording);
  yield { recording, from, to: child?.begin ?? START };
  if (isInner || child === null) return;
  const { recording: outer, index } = recording.within!;
  const after = nextPosition(outer.timeline.known, child.position) ?? outer.last;
  yield* rangesBefore({ recording: outer, position: after }, index - 1);
}

const INTO = { unit: "into", direction: "forward" } as const;

/** A block of the current statement that has not run yet. */
export interface BlockAhead {
  /** The block's name, such as `fork: first`. */
  readonly name: string;
  /** The position of the block's first statement. */
  readonly runPosition: RunPosition<Recording>;
}

/** The blocks that a step into the current statement can enter. */
export function blocksAhead(
  { position, recording }: RunPosition<Recording>,
): readonly BlockAhead[] {
  const next = stepOnce(recording, position, INTO) ?? recording.last;
  return recording.childRuns.flatMap((child, index) => {
    const runPosition = isWithin(child, position, next) ? firstOf(recording, index) : null;
    return runPosition === null ? [] : { name: blockName(child), runPosition };
  });
}

export function blockName({ label, word }: ChildRun): string {
  return `${word}: ${label}`;
}

function isWithin({ position }: RecordedChildRun, from: Position, to: Position): boolean {
  return comparePositions(from, position) <= 0 && comparePositions(position, to) < 0;
}

/** The next position for a step unit; null if no position follows. */
function nextRunPosition(
  { position, recording }: RunPosition<Recording>,
  unit: StepUnit,
): RunPosition<Recording> | null {
  const own = stepOnce(recording, position, { unit, direction: "forward" });
  const next = own ?? recording.last;
  const index = unit === "into"
    ? recording.childRuns.findIndex((child) => isWithin(child, position, next))
    : -1;
  if (index >= 0) return firstOf(recording, index);
  return own === null ? behindBlock(recording, unit) : { recording, position: own };
}

/** The first position in a block, or the position after it if the block is empty. */
function firstOf(recording: Recording, index: number): RunPosition<Recording> | null {
  return nextRunPosition(
    { recording: openChildRun(recording, index), position: recording.childRuns[index]!.begin },
    "into",
  );
}

/**
 * The position after the end of a block. It is in the next block of the same statement or, after the
 * last block, in the recording that contains the block.
 */
function behindBlock({ within }: Recording, unit: StepUnit): RunPosition<Recording> | null {
  if (within === null || unit === "run") return null;
  const { index, recording } = within;
  const { position } = recording.childRuns[index]!;
  const next = recording.childRuns[index + 1];
  if (unit !== "out" && next !== undefined && comparePositions(next.position, position) === 0) {
    return firstOf(recording, index + 1);
  }
  const step = { unit: unit === "out" ? "over" : unit, direction: "forward" } as const;
  const own = stepOnce(recording, position, step);
  return own === null ? behindBlock(recording, unit) : { recording, position: own };
}

/** The previous position for a step unit; null if no position precedes. */
function previousRunPosition(
  { position, recording }: RunPosition<Recording>,
  unit: StepUnit,
): RunPosition<Recording> | null {
  if (unit === "run") return null;
  const own = stepOnce(recording, position, { unit, direction: "back" });
  const child = childRunOf(recording);
  const begin = child?.begin ?? START;
  const isLeft = child !== null && (own === null || comparePositions(own, begin) <= 0);
  const index = unit !== "into"
    ? -1
    : recording.childRuns.findLastIndex((each) =>
      comparePositions(each.position, position) < 0 &&
      comparePositions(own ?? begin, each.position) <= 0
    );
  if (index >= 0) return lastOf(recording, index);
  if (!isLeft) return own === null ? null : { recording, position: own };
  const { index: number, recording: outer } = recording.within!;
  const before = outer.childRuns[number - 1];
  const isBeside = before !== undefined && comparePositions(before.position, child.position) === 0;
  if (unit === "into" && isBeside) return lastOf(outer, number - 1);
  const { statement } = child.position;
  if (unit === "event" || statement === 0) return { recording: outer, position: child.position };
  return { recording: outer, position: outer.atStatement(statement) };
}

function lastOf(recording: Recording, index: number): RunPosition<Recording> | null {
  const inner = openChildRun(recording, index);
  return previousRunPosition({ recording: inner, position: inner.last }, "into");
}

/** The result of a step through a run and its blocks. */
export function walk(
  from: RunPosition<Recording>,
  { count = 1, unit, direction: way }: StepCommand,
): StepTarget<Recording> {
  let runPosition = from;
  let reason: StepTarget["reason"] = "arrived";
  for (let turn = 0; turn < count && reason === "arrived"; turn++) {
    const target = way === "forward"
      ? nextRunPosition(runPosition, unit)
      : previousRunPosition(runPosition, unit);
    if (target !== null) runPosition = target;
    else {
      reason = way === "forward" ? "end" : "beginning";
      const { recording } = inWholeRun(runPosition);
      runPosition = { recording, position: way === "forward" ? recording.last : START };
    }
  }
  return { ...runPosition, reason };
}

/** The ranges from one position to another, in either direction. */
export function* pathTo(
  from: RunPosition<Recording>,
  to: RunPosition<Recording>,
): Generator<PositionRange> {
  const isAhead = compareRunPositions(from, to) <= 0;
  for (const range of isAhead ? rangesAfter(from) : rangesBefore(from)) {
    const { from: begin, recording, to: end } = range;
    const isLast = recording === to.recording &&
      (isAhead ? comparePositions(to.position, end) <= 0 : isReached(range, to.position));
    if (isLast) {
      yield { recording, from: begin, to: to.position };
      return;
    }
    if (comparePositions(begin, end) !== 0) yield range;
  }
}

/**
 * Whether a backward range contains a position. The range's end `to` belongs to the range, unless
 * blocks run at `to`. Those blocks come after `to`, so a backward walk visits them before `to`, and
 * `to` belongs to a later range.
 */
function isReached({ recording, to }: PositionRange, position: Position): boolean {
  const difference = comparePositions(position, to);
  if (difference !== 0) return difference > 0;
  return !recording.childRuns.some((child) => comparePositions(child.position, to) === 0);
}
