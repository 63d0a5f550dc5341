/**
 * Going through a run and the blocks of `fork`, `compare` and `race` beside it as through one text: the
 * blocks of a statement come one after the other, where the run stands when they run.
 */
import { momentAhead, momentBehind, type Moved, type Step, type StepUnit } from "../moves.ts";
import type { Side } from "../kept_run.ts";
import { nextMoment } from "../machines/way.ts";
import { comparePositions, type Position, START } from "../position.ts";
import type { RecordedSide, Recording } from "../recording.ts";
import type { LoggedLine, Stops } from "../stops/stops.ts";

/** A moment of a run or of one of its blocks. */
export interface Spot {
  readonly recording: Recording;
  readonly at: Position;
}

/** Moments of one recording in a row; the first of them does not belong to it. */
export interface Stretch {
  readonly recording: Recording;
  readonly from: Position;
  readonly to: Position;
}

/** The recording of a block, which knows from then on where it belongs. */
function openSide(recording: Recording, index: number): Recording {
  const inner = recording.sides[index]!.open();
  inner.within ??= { recording, index };
  inner.reruns.watch = recording.reruns.watch;
  return inner;
}

/** The block that a recording is of; null for a whole run. */
export function sideOf({ within }: Recording): RecordedSide | null {
  return within === null ? null : within.recording.sides[within.index]!;
}

/** Where a block stands in the whole run; what is in the run itself stands there. */
export function inWholeRun(spot: Spot): Spot {
  const { within } = spot.recording;
  if (within === null) return spot;
  return inWholeRun({ recording: within.recording, at: sideOf(spot.recording)!.at });
}

/** How many lines of the whole run were written before a spot, those of its blocks among them. */
export function linesBefore({ at, recording }: Spot): number {
  const { within } = recording;
  if (within === null) return recording.outputBefore(at).length;
  const { index, recording: outer } = within;
  const place = outer.sides[index]!.at;
  const beside = outer.sides.slice(0, index)
    .filter((side) => comparePositions(side.at, place) === 0);
  return linesBefore({ recording: outer, at: place }) + linesOf(beside) + linesUpTo(recording, at);
}

/** Lines that blocks have written, and the blocks in them. */
function linesOf(sides: readonly RecordedSide[]): number {
  return sides.map((side) => side.open())
    .reduce((sum, { output, sides: inner }) => sum + output.length + linesOf(inner), 0);
}

/** Lines that a block and those in it have written before a moment of it. */
function linesUpTo(recording: Recording, at: Position): number {
  const inner = recording.sides.filter((side) => comparePositions(side.at, at) < 0);
  return recording.outputBefore(at).length + linesOf(inner);
}

/** A moment in one of the run's own: what is before a block of `fork` or `race` is the run's. */
export function atHome(spot: Spot): Spot {
  const side = sideOf(spot.recording);
  if (side === null || side.word === "compare") return spot;
  if (comparePositions(spot.at, side.begin) > 0) return spot;
  return atHome({ recording: spot.recording.within!.recording, at: spot.at });
}

/** The last moment before the failure, in the block that fails where one does; null for none. */
export function failureSpot(recording: Recording): Spot | null {
  const { failedAt, sides } = recording;
  if (failedAt === null) return null;
  // Of the orders of a race that fail, the failure names one.
  const index = sides.findLastIndex(({ at, open, word }) =>
    word !== "race" && at.statement === failedAt.statement && open().failure !== null
  );
  return index < 0 ? { recording, at: failedAt } : failureSpot(openSide(recording, index));
}

/** Negative when one is before the other: a block comes behind the moment at which it runs. */
export function compareSpots(one: Spot, other: Spot): number {
  const ways = [pathOf(one), pathOf(other)] as const;
  for (let depth = 0; depth < Math.min(ways[0].length, ways[1].length); depth++) {
    const [own, its] = [ways[0][depth]!, ways[1][depth]!];
    const difference = comparePositions(own.at, its.at) || own.index - its.index;
    if (difference !== 0) return difference;
  }
  return 0;
}

/** Where each recording stands, the whole run first, with the block that is entered there; -1 for none. */
function pathOf({ at, recording }: Spot, index = -1): { at: Position; index: number }[] {
  const own = { at, index };
  const { within } = recording;
  if (within === null) return [own];
  const outer = { recording: within.recording, at: sideOf(recording)!.at };
  return [...pathOf(outer, within.index), own];
}

/** All that follows a spot, blocks included. */
function* stretchesAhead(
  { at, recording }: Spot,
  next = recording.sides.findIndex((side) => comparePositions(side.at, at) >= 0),
  isInner = false,
): Generator<Stretch> {
  let from = at;
  for (let index = next; index >= 0 && index < recording.sides.length; index++) {
    const { at: to, begin } = recording.sides[index]!;
    yield { recording, from, to };
    from = to;
    yield* stretchesAhead({ recording: openSide(recording, index), at: begin }, undefined, true);
  }
  yield { recording, from, to: recording.last };
  const { within } = recording;
  if (isInner || within === null) return;
  const outer = { recording: within.recording, at: sideOf(recording)!.at };
  yield* stretchesAhead(outer, within.index + 1);
}

/** All that is before a spot, blocks included, the last first: from later moments to earlier ones. */
function* stretchesBehind(
  { at, recording }: Spot,
  next = recording.sides.findLastIndex((side) => comparePositions(side.at, at) < 0),
  isInner = false,
): Generator<Stretch> {
  let from = at;
  for (let index = next; index >= 0; index--) {
    const { at: to } = recording.sides[index]!;
    yield { recording, from, to };
    const inner = openSide(recording, index);
    yield* stretchesBehind({ recording: inner, at: inner.last }, undefined, true);
    from = nextMoment(recording.reruns.known, to) ?? recording.last;
  }
  const side = sideOf(recording);
  yield { recording, from, to: side?.begin ?? START };
  if (isInner || side === null) return;
  const { recording: outer, index } = recording.within!;
  const after = nextMoment(outer.reruns.known, side.at) ?? outer.last;
  yield* stretchesBehind({ recording: outer, at: after }, index - 1);
}

/** A block of the statement that a spot is in, which has still to run. */
export interface BlockAhead {
  /** `fork: first`. */
  readonly name: string;
  /** Where its first statement starts. */
  readonly spot: Spot;
}

/** The blocks that a step into the current statement may lead into. */
export function blocksAhead({ at, recording }: Spot): readonly BlockAhead[] {
  const next = momentAhead(recording, at, "into") ?? recording.last;
  return recording.sides.flatMap((side, index) => {
    const spot = isWithin(side, at, next) ? firstOf(recording, index) : null;
    return spot === null ? [] : { name: blockName(side), spot };
  });
}

/** What a block is called. */
export function blockName({ label, word }: Side): string {
  return `${word}: ${label}`;
}

function isWithin({ at }: RecordedSide, from: Position, to: Position): boolean {
  return comparePositions(from, at) <= 0 && comparePositions(at, to) < 0;
}

/** The next spot of a kind; null when there is none. */
function spotAhead({ at, recording }: Spot, unit: StepUnit): Spot | null {
  const own = momentAhead(recording, at, unit);
  const next = own ?? recording.last;
  const index = unit === "into"
    ? recording.sides.findIndex((side) => isWithin(side, at, next))
    : -1;
  if (index >= 0) return firstOf(recording, index);
  return own === null ? behindBlock(recording, unit) : { recording, at: own };
}

/** Where a block begins, or what follows where there is nothing in it. */
function firstOf(recording: Recording, index: number): Spot | null {
  return spotAhead(
    { recording: openSide(recording, index), at: recording.sides[index]!.begin },
    "into",
  );
}

/** What follows a block that is over: the next one of its statement, or what comes after all of them. */
function behindBlock({ within }: Recording, unit: StepUnit): Spot | null {
  if (within === null || unit === "run") return null;
  const { index, recording } = within;
  const { at } = recording.sides[index]!;
  const next = recording.sides[index + 1];
  if (unit !== "out" && next !== undefined && comparePositions(next.at, at) === 0) {
    return firstOf(recording, index + 1);
  }
  const own = momentAhead(recording, at, unit === "out" ? "over" : unit);
  return own === null ? behindBlock(recording, unit) : { recording, at: own };
}

/** The last spot of a kind before one; null when there is none. */
function spotBehind({ at, recording }: Spot, unit: StepUnit): Spot | null {
  if (unit === "run") return null;
  const own = momentBehind(recording, at, unit);
  const side = sideOf(recording);
  const begin = side?.begin ?? START;
  const isLeft = side !== null && (own === null || comparePositions(own, begin) <= 0);
  const index = unit !== "into"
    ? -1
    : recording.sides.findLastIndex((each) =>
      comparePositions(each.at, at) < 0 && comparePositions(own ?? begin, each.at) <= 0
    );
  if (index >= 0) return lastOf(recording, index);
  if (!isLeft) return own === null ? null : { recording, at: own };
  const { index: number, recording: outer } = recording.within!;
  const before = outer.sides[number - 1];
  const isBeside = before !== undefined && comparePositions(before.at, side.at) === 0;
  if (unit === "into" && isBeside) return lastOf(outer, number - 1);
  const { statement } = side.at;
  if (unit === "event" || statement === 0) return { recording: outer, at: side.at };
  return { recording: outer, at: outer.atStatement(statement) };
}

function lastOf(recording: Recording, index: number): Spot | null {
  const inner = openSide(recording, index);
  return spotBehind({ recording: inner, at: inner.last }, "into");
}

/** Where a step through blocks led. */
export interface Walked extends Moved {
  /** The recording that it led into. */
  readonly recording: Recording;
}

/**
 * Goes a step through a run and its blocks, or less when something on the way stops it. The moment one
 * stands on never stops.
 *
 * @throws {Interrupted} When the search was cancelled; the position is unchanged.
 */
export function walk(from: Spot, { count = 1, unit, way }: Step, stops: Stops | null): Walked {
  let spot = from;
  let reason: Moved["reason"] = "arrived";
  for (let turn = 0; turn < count && reason === "arrived"; turn++) {
    const target = way === "forward" ? spotAhead(spot, unit) : spotBehind(spot, unit);
    if (target !== null) spot = target;
    else {
      reason = way === "forward" ? "end" : "beginning";
      const { recording } = inWholeRun(spot);
      spot = { recording, at: way === "forward" ? recording.last : START };
    }
  }
  const logged: LoggedLine[] = [];
  for (const { from: begin, recording, to } of stops?.all.length ? wayTo(from, spot) : []) {
    const passed = stops!.between(recording, begin, to);
    logged.push(...passed.logged);
    const { hit } = passed;
    if (hit !== null) return { recording, at: hit.at, reason: "stop", stop: hit, logged };
  }
  return { ...spot, reason, stop: null, logged };
}

/** The stretches from one spot to another, whichever is later. */
export function* wayTo(from: Spot, to: Spot): Generator<Stretch> {
  const isAhead = compareSpots(from, to) <= 0;
  for (const stretch of isAhead ? stretchesAhead(from) : stretchesBehind(from)) {
    const { from: begin, recording, to: end } = stretch;
    const isLast = recording === to.recording &&
      (isAhead ? comparePositions(to.at, end) <= 0 : isReached(stretch, to.at));
    if (isLast) {
      yield { recording, from: begin, to: to.at };
      return;
    }
    if (comparePositions(begin, end) !== 0) yield stretch;
  }
}

/** Whether a moment is in a stretch that goes back; the one at which blocks run is before the blocks. */
function isReached({ recording, to }: Stretch, at: Position): boolean {
  const difference = comparePositions(at, to);
  if (difference !== 0) return difference > 0;
  return !recording.sides.some((side) => comparePositions(side.at, to) === 0);
}
