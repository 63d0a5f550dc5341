/**
 * What stops a run: breakpoints on lines, events, incidents, the failure of the run and changes of what
 * a table holds, with conditions, hit counts and messages. Forwards the first that holds stops,
 * backwards the last.
 */
import { LookError, type Question } from "../look.ts";
import { statementsOnLine } from "../places.ts";
import { changesWithin, stretchBefore } from "../search.ts";
import { positionAt, wayOf } from "../machines/way.ts";
import { comparePositions, type Position, START } from "../position.ts";
import type { Recording } from "../recording.ts";
import {
  type Candidate,
  candidates,
  earliest,
  firstHit,
  holds,
  lastHit,
  learn,
  type Pass,
  type Places,
  placesOf,
} from "./stop_search.ts";
import type { Stop, StopHit, StopSpec } from "./stop_spec.ts";

/** What a breakpoint that only logs had to say. */
export interface LoggedLine {
  readonly at: Position;
  readonly text: string;
}

/** Moments of the first stretch in which a change is looked for backwards. */
const FIRST_MOMENTS = 1024;

/** Breakpoints, by the numbers that they were given. */
export class Stops {
  readonly #stops = new Map<number, Stop>();
  #lastId = 0;
  /** By the numbers of the breakpoints. */
  readonly #passes = new WeakMap<Recording, Map<number, Pass>>();

  /** All that are set, in the order in which they were. */
  get all(): readonly Stop[] {
    return [...this.#stops.values()];
  }

  /** Sets one. */
  add(spec: StopSpec): Stop {
    const stop = { ...spec, id: ++this.#lastId };
    this.#stops.set(stop.id, stop);
    return stop;
  }

  /** Takes one away. False when there is none of that number. */
  delete(id: number): boolean {
    return this.#stops.delete(id);
  }

  /** Takes all away for which it is true. */
  deleteWhere(isMeant: (stop: Stop) => boolean): void {
    for (const stop of this.all) if (isMeant(stop)) this.#stops.delete(stop.id);
  }

  /**
   * What stops first on the way from one moment to another, whichever is later; the one that the way
   * begins at never stops.
   *
   * @throws {LookError} When a condition can be asked nowhere: its names are wrong.
   * @throws {Interrupted} When the search was cancelled.
   */
  between(
    recording: Recording,
    from: Position,
    to: Position,
  ): { readonly hit: StopHit | null; readonly logged: readonly LoggedLine[] } {
    if (this.#stops.size === 0) return { hit: null, logged: [] };
    const places = this.#places(recording);
    const stopping = places.filter(({ log }) => log === null);
    const forward = comparePositions(from, to) <= 0;
    const known = forward
      ? firstHit(recording, stopping, from, to)
      : lastHit(recording, stopping, to, from);
    const hit = this.#changeBefore(recording, from, known, to) ?? known;
    const logging = forward ? places.filter(({ log }) => log !== null) : [];
    const logged = loggedBetween(recording, logging, from, hit?.at ?? to);
    return { hit, logged };
  }

  /**
   * Asks conditions in a stretch of the run, so that a search backwards finds them answered.
   *
   * @param upTo Where the search will begin.
   * @param moments How long the stretch is.
   * @param passed Called on the way with the share of the way that is done.
   * @returns The share of the way to `upTo` that is done: 1 when nothing is left.
   * @throws {LookError} When a condition can be asked nowhere.
   * @throws {Interrupted} When the search was cancelled.
   */
  prepare(
    recording: Recording,
    upTo: Position,
    moments: number,
    passed: (share: number) => void = () => {},
  ): number {
    const asked = this.#places(recording).filter(({ log, pass }) => log === null && pass !== null);
    const begin = earliest(asked, upTo);
    if (begin === null) return 1;
    const { reruns: { known } } = recording;
    const reached = wayOf(begin) + moments;
    const all = wayOf(upTo);
    const end = reached >= all ? upTo : positionAt(known, reached);
    learn(recording, asked, end, null, (way) => passed(Math.min(1, way / all)));
    return reached >= all ? 1 : reached / all;
  }

  #places(recording: Recording): readonly Places[] {
    return this.all.map((stop) => {
      const { condition, hits = 1 } = stop;
      const isAsked = condition !== undefined || hits > 1;
      const pass = isAsked ? this.#passOf(recording, stop) : null;
      return { ...placesOf(recording, stop), pass };
    });
  }

  /** A change of an expression that is on the way before something else that stops. */
  #changeBefore(
    recording: Recording,
    from: Position,
    other: StopHit | null,
    to: Position,
  ): StopHit | null {
    let nearest: StopHit | null = null;
    for (const stop of this.all) {
      if (stop.cause.kind !== "change") continue;
      const limit: Position = (nearest ?? other)?.at ?? to;
      const question = recording.looker.question(stop.cause.expression);
      const at: Position | null = comparePositions(from, to) <= 0
        ? firstChange(recording, stop, question, from, limit)
        : lastChange(recording, stop, question, limit, from);
      if (at !== null) nearest = { at, stop };
    }
    return nearest;
  }

  #passOf(recording: Recording, { id }: Stop): Pass {
    const { looker: { scope } } = recording;
    const all = this.#passes.get(recording) ?? new Map<number, Pass>();
    this.#passes.set(recording, all);
    const known = all.get(id);
    if (known?.scope === scope) return known;
    const pass = { ways: [], upTo: START, scope };
    all.set(id, pass);
    return pass;
  }

  /** Where a breakpoint is on a line that starts a statement; null for none, and for other causes. */
  lineOf(recording: Recording, { cause }: StopSpec): number | null {
    return cause.kind === "line" ? statementsOnLine(recording, cause).line : null;
  }
}

/** The first change of `(from, to)`, or at the end of the run, at which a breakpoint stops. */
function firstChange(
  recording: Recording,
  stop: Stop,
  question: Question,
  from: Position,
  to: Position,
): Position | null {
  for (let at = from;;) {
    const [change] = changesWithin(recording, at, to, question, 1);
    if (change === undefined) return null;
    if (stopsAtChange(recording, stop, question, change)) return change;
    at = change;
  }
}

/** The last change of `(from, to)` at which a breakpoint stops: looked for in ever longer stretches. */
function lastChange(
  recording: Recording,
  stop: Stop,
  question: Question,
  from: Position,
  to: Position,
): Position | null {
  let end = to;
  for (let moments = FIRST_MOMENTS; comparePositions(end, from) > 0; moments *= 4) {
    const rough = stretchBefore(recording, end, moments);
    const begin = comparePositions(rough, from) < 0 ? from : rough;
    const last = changesWithin(recording, begin, end, question)
      .findLast((at) =>
        comparePositions(at, to) < 0 && stopsAtChange(recording, stop, question, at)
      );
    if (last !== undefined) return last;
    end = begin;
  }
  return null;
}

/** Whether a change is one that its condition and its hit count mean. */
function stopsAtChange(
  recording: Recording,
  { condition, hits = 1 }: Stop,
  question: Question,
  at: Position,
): boolean {
  if (condition !== undefined) {
    const asked = recording.looker.question(condition);
    if (!recording.reruns.look(at, (seen) => holds(asked, seen))) return false;
  }
  return hits <= 1 || changesWithin(recording, START, at, question).length >= hits;
}

function loggedBetween(
  recording: Recording,
  all: readonly Places[],
  from: Position,
  to: Position,
): readonly LoggedLine[] {
  const logged: LoggedLine[] = [];
  if (all.length === 0) return logged;
  const found = candidates(recording, all, from, to);
  let next = found.next();
  if (next.done) return logged;
  recording.reruns.visit(next.value.at, (seen) => {
    const { places: { condition, log } } = next.value as Candidate;
    if (condition === null || holds(condition, seen)) {
      logged.push({ at: seen.at, text: said(log!, seen) });
    }
    next = found.next();
    return next.done ? null : next.value.at;
  });
  return logged;
}

function said(log: Question, seen: Parameters<Question["ask"]>[0]): string {
  try {
    const { text, value } = log.ask(seen);
    return typeof value === "string" ? value : text;
  } catch (error) {
    if (error instanceof LookError) return `${log.text}: ${error.message}`;
    throw error;
  }
}
