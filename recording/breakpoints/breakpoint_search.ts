/**
 * The positions of a run at which breakpoints stop. The possible positions follow from the record
 * alone. A replayed machine evaluates the conditions at these positions in one forward pass; the
 * results are stored for later searches.
 */
import { countBefore } from "@dmalab/runtime/basics";
import { changesOf } from "../cells.ts";
import { type CompiledExpression, EvaluationError, type OwnNames } from "../evaluator.ts";
import { statementsOnLine } from "../places.ts";
import { comparePositions, ordinalOf, type Position, START } from "../position.ts";
import type { PausedRun } from "../machines/replay.ts";
import { tell } from "../search.ts";
import type { Recording } from "../recording.ts";
import { eventsOf, fieldsOf } from "./breakpoint_names.ts";
import type { BreakpointHit, SetBreakpoint } from "./breakpoint.ts";

/** Length of the first range that is searched backwards, in positions. */
const WINDOW_POSITIONS = 4096;

/** The positions at which a breakpoint stops, from one forward pass. */
export interface Pass {
  /** The positions as ordinals, ascending. */
  readonly ways: number[];
  /** The end of the part of the run that has been evaluated. */
  upTo: Position;
  /** The visible names with which the condition was evaluated. */
  readonly scope: unknown;
  /** For a change: the last value of the expression as text, null while it had none. */
  said: string | null | undefined;
}

/** The candidates of a breakpoint: positions where it could stop, ignoring its condition. */
export interface Places {
  readonly stop: SetBreakpoint;
  /** Null if every candidate stops: there is neither a condition, a hit count nor a change. */
  readonly pass: Pass | null;
  readonly condition: CompiledExpression | null;
  /** The expression that must change; every position is a candidate. */
  readonly change: CompiledExpression | null;
  readonly log: CompiledExpression | null;
  /** For a line: numbers of the statements at which the breakpoint can stop. Else null. */
  readonly statements: ReadonlySet<number> | null;
  /** For kinds of events or incidents: indices of their names in the event registry. Else null. */
  readonly kinds: ReadonlySet<number> | null;
  /** For changes of a cell: numbers of the events that changed the cell. Else null. */
  readonly events: ReadonlySet<number> | null;
}

export function placesOf(recording: Recording, stop: SetBreakpoint): Omit<Places, "pass"> {
  const { cause, condition, log } = stop;
  const { eventNames } = recording.evaluator.registry;
  const names: OwnNames | undefined = condition === undefined && log === undefined
    ? undefined
    : fieldsOf(recording, cause);
  const nothing = { change: null, statements: null, kinds: null, events: null };
  const common = {
    stop,
    condition: condition === undefined ? null : recording.evaluator.question(condition, names),
    log: log === undefined ? null : recording.evaluator.question(log, names),
    ...nothing,
  };
  switch (cause.kind) {
    case "line":
      return { ...common, statements: statementsOnLine(recording, cause).numbers };
    case "event":
    case "incident":
      return {
        ...common,
        kinds: new Set(eventsOf(recording, cause).map((name) => eventNames.indexOf(name))),
      };
    case "failure":
      return common;
    case "change":
      return { ...common, change: recording.evaluator.question(cause.expression) };
    case "data":
      return { ...common, events: new Set(changesOf(recording, cause.cell).map(({ seq }) => seq)) };
  }
}

/** Breakpoints, grouped by the positions at which they could stop. */
export class PlaceSet {
  readonly statements: Map<number, Places[]> = new Map();
  readonly kinds: Map<number, Places[]> = new Map();
  readonly events: Map<number, Places[]> = new Map();
  readonly changes: readonly Places[];
  readonly failure: Places | null;

  constructor(readonly all: readonly Places[]) {
    this.changes = all.filter(({ change }) => change !== null);
    this.failure = all.find(({ stop }) => stop.cause.kind === "failure") ?? null;
    for (const each of all) {
      put(each, each.statements, this.statements);
      put(each, each.kinds, this.kinds);
      put(each, each.events, this.events);
    }
  }
}

function put(
  places: Places,
  numbers: ReadonlySet<number> | null,
  into: Map<number, Places[]>,
): void {
  for (const number of numbers ?? []) {
    const there = into.get(number);
    if (there === undefined) into.set(number, [places]);
    // After an unconditional breakpoint at a place, a second one there would never be reported.
    else if (!isPlain(places) || !there.some(isPlain)) there.push(places);
  }
}

function isPlain({ log, pass }: Places): boolean {
  return pass === null && log === null;
}

const NONE: readonly Places[] = [];

/** A position at which a breakpoint could stop. */
export interface Candidate {
  readonly position: Position;
  readonly places: Places;
}

/** The candidates in `(from, to]`, in order. */
export function* candidates(
  recording: Recording,
  { changes, events, failure, kinds, statements: lines }: PlaceSet,
  from: Position,
  to: Position,
): Generator<Candidate> {
  const { log, statements } = recording;
  const looksAtEvents = kinds.size + events.size + changes.length > 0;
  let seq = from.seq;
  const eventsUpTo = function* (end: number, statement: number): Generator<Candidate> {
    if (!looksAtEvents) return;
    for (let event = seq + 1; event <= end; event++) {
      const kind = log.kindAt(event);
      const position = { seq: event, statement };
      for (const places of kinds.get(kind) ?? NONE) yield { position, places };
      for (const places of events.get(event) ?? NONE) yield { position, places };
      for (const places of changes) yield { position, places };
    }
  };
  const last = Math.min(to.statement, statements.count);
  for (let started = from.statement + 1; started <= last; started++) {
    const startSeq = statements.seqAt(started);
    if (startSeq > seq) {
      yield* eventsUpTo(startSeq, started - 1);
      seq = startSeq;
    }
    if (lines.size + changes.length === 0) continue;
    const number = statements.numberAt(started);
    const position = { seq: startSeq, statement: started };
    for (const places of lines.get(number) ?? NONE) yield { position, places };
    for (const places of changes) yield { position, places };
  }
  yield* eventsUpTo(to.seq, last);
  if (to.statement > statements.count && from.statement <= statements.count) {
    for (const places of changes) yield { position: to, places };
  }
  const { failedAt } = recording;
  if (failure === null || failedAt === null) return;
  const isPassed = comparePositions(from, failedAt) < 0 && comparePositions(failedAt, to) <= 0;
  if (isPassed) yield { position: failedAt, places: failure };
}

/**
 * The position up to which all breakpoints were evaluated; null if all breakpoints were evaluated
 * up to `to`.
 */
export function earliest({ all }: PlaceSet, to: Position): Position | null {
  const [first] = all.map(({ pass }) => pass!.upTo).sort(comparePositions);
  return first === undefined || comparePositions(first, to) >= 0 ? null : first;
}

/**
 * Evaluates all conditions up to a position in one pass: the same machine continues from one
 * possible position to the next.
 *
 * @param after The pass ends at the first position after this one at which a breakpoint stops. Null
 *   to continue to `to`.
 * @param passed Called after each evaluation, with the position's ordinal.
 */
export function learn(
  recording: Recording,
  asked: PlaceSet,
  to: Position,
  after: Position | null,
  passed: (way: number) => void = () => {},
): void {
  const begin = earliest(asked, to);
  if (begin === null) return;
  for (const { change, pass } of asked.changes) {
    if (change === null || pass!.said !== undefined) continue;
    pass!.said = recording.timeline.at(START, (paused) => tell(change, paused));
  }
  const queue = candidates(recording, asked, begin, to);
  let found: Position | null = null;
  let next = queue.next();
  const take = (holds: boolean) => {
    const { position, places: { pass, stop: { hits = 1 } } } = next.value as Candidate;
    pass!.upTo = position;
    if (holds && pass!.ways.push(ordinalOf(position)) >= hits) {
      if (after !== null && comparePositions(position, after) > 0) found ??= position;
    }
    next = queue.next();
  };
  const isOver = () =>
    next.done || found !== null && comparePositions(next.value.position, found) > 0;
  // Skips positions that were evaluated before, and breakpoints that need no machine.
  const nextToAsk = (): Position | null => {
    while (!isOver()) {
      const { position, places: { change, condition, pass } } = next.value as Candidate;
      if (comparePositions(position, pass!.upTo) <= 0) next = queue.next();
      else if (condition === null && change === null) take(true);
      else return position;
    }
    return null;
  };
  const first = nextToAsk();
  if (first !== null) {
    recording.timeline.from(first, (paused) => {
      take(stopsThere((next.value as Candidate).places, paused));
      passed(ordinalOf(paused.position));
      return nextToAsk();
    });
  }
  for (const { pass } of asked.all) {
    if (comparePositions(pass!.upTo, found ?? to) < 0) pass!.upTo = found ?? to;
  }
}

/** Whether the expression has changed (if the breakpoint has one) and the condition holds. */
function stopsThere({ change, condition, pass }: Places, paused: PausedRun): boolean {
  if (change !== null) {
    const before = pass!.said;
    const value = tell(change, paused);
    // While the expression has no value, it counts as unchanged. For example, it has no value in a
    // function in which the names in the expression are not visible.
    pass!.said = value ?? before;
    if (value === null || before === null || value === before) return false;
  }
  return condition === null || holds(condition, paused);
}

/**
 * The first hits, in order. `most` is the maximum number of hits. The conditions of the hits must
 * have been evaluated before.
 */
function hitsWithin(
  recording: Recording,
  all: PlaceSet,
  from: Position,
  to: Position,
  most = Infinity,
): readonly BreakpointHit[] {
  const hits: BreakpointHit[] = [];
  for (const { position, places } of candidates(recording, all, from, to)) {
    if (!stopsAt(places, position)) continue;
    hits.push({ position, stop: places.stop });
    if (hits.length >= most) break;
  }
  return hits;
}

function stopsAt({ pass, stop: { hits = 1 } }: Places, position: Position): boolean {
  if (pass === null) return true;
  const way = ordinalOf(position);
  const earlier = countBefore(pass.ways.length, (index) => pass.ways[index]! < way);
  return pass.ways[earlier] === way && earlier + 1 >= hits;
}

/**
 * Breakpoints that stop, rather than log: all of them (`all`), those with a condition to evaluate
 * (`asked`), and those without (`plain`).
 */
export interface StoppingPlaces {
  readonly all: PlaceSet;
  readonly asked: PlaceSet;
  readonly plain: PlaceSet;
}

export function firstHit(
  recording: Recording,
  { all, asked, plain }: StoppingPlaces,
  from: Position,
  to: Position,
): BreakpointHit | null {
  const [nearest] = hitsWithin(recording, plain, from, to, 1);
  const end = nearest?.position ?? to;
  const find = (upTo: Position) => hitsWithin(recording, all, from, upTo, 1)[0] ?? null;
  const begin = earliest(asked, end);
  const known = begin === null || comparePositions(begin, from) <= 0 ? null : find(begin);
  if (known !== null) return known;
  learn(recording, asked, end, from);
  return find(end);
}

/**
 * The last possible position in `(from, to)` at which a breakpoint stops. The search goes
 * backwards, in ranges of increasing length.
 */
export function lastHit(
  recording: Recording,
  { all, asked }: StoppingPlaces,
  from: Position,
  to: Position,
): BreakpointHit | null {
  learn(recording, asked, to, null);
  let end = to;
  for (let moments = WINDOW_POSITIONS; comparePositions(end, from) > 0; moments *= 4) {
    const first = Math.max(from.seq, end.seq - moments);
    const statement = Math.max(from.statement, end.statement - moments);
    const begin = laterOf(recording, { seq: first, statement }, from);
    const hits = hitsWithin(recording, all, begin, end)
      .filter(({ position }) => comparePositions(position, to) < 0);
    const last = hits.at(-1);
    // If several breakpoints stop at one position, the first is reported, as in a forward search.
    if (last !== undefined) {
      return hits.find(({ position }) => comparePositions(position, last.position) === 0)!;
    }
    end = begin;
  }
  return null;
}

/** A valid position that is at or after the given event and at or after the given statement. */
function laterOf(recording: Recording, rough: Position, from: Position): Position {
  if (comparePositions(rough, from) <= 0) return from;
  const { statements } = recording;
  const bySeq = recording.afterEvent(rough.seq);
  if (rough.statement === 0 || rough.statement > statements.count) return bySeq;
  const byStatement = { seq: statements.seqAt(rough.statement), statement: rough.statement };
  const later = comparePositions(bySeq, byStatement) > 0 ? bySeq : byStatement;
  return comparePositions(later, from) > 0 ? later : from;
}

/** Whether a condition is true; false where it cannot be evaluated. */
export function holds(condition: CompiledExpression, paused: PausedRun): boolean {
  try {
    return condition.evaluate(paused).value === true;
  } catch (error) {
    if (error instanceof EvaluationError) return false;
    throw error;
  }
}
