/**
 * The breakpoints of a run: on lines, events, incidents, the failure of the run and changes of a
 * table's rows, with conditions, hit counts and messages. A forward search stops at the first hit,
 * a backward search at the last hit.
 */
import { type CompiledExpression, EvaluationError } from "../evaluator.ts";
import { statementsOnLine } from "../places.ts";
import { comparePositions, ordinalOf, type Position, positionAt, START } from "../position.ts";
import type { PausedRun } from "../machines/replay.ts";
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
  PlaceSet,
  placesOf,
  type StoppingPlaces,
} from "./breakpoint_search.ts";
import type { Breakpoint, BreakpointHit, SetBreakpoint } from "./breakpoint.ts";

/** The printed message of a log point. */
export interface LogpointLine {
  readonly position: Position;
  readonly text: string;
}

/**
 * The locations of the breakpoints in a recording, cached until the recording or the breakpoints
 * change.
 */
interface KnownLocations {
  /**
   * True if some breakpoint can stop at further events when further events are recorded. The cache
   * must then be renewed when the number of recorded events grows.
   */
  readonly followsEvents: boolean;
  readonly key: readonly [changes: number, scope: unknown, statements: number, events: number];
  readonly stopping: StoppingPlaces;
  readonly logging: PlaceSet;
}

export class BreakpointSet {
  readonly #stops = new Map<number, SetBreakpoint>();
  #lastId = 0;
  /** Number of changes of the set. */
  #changes = 0;
  /**
   * The positions at which breakpoints stop, each from one forward pass, by the breakpoint's
   * number.
   */
  readonly #passes = new WeakMap<Recording, Map<number, Pass>>();
  readonly #known = new WeakMap<Recording, KnownLocations>();

  /** All breakpoints, in the order in which they were set. */
  get all(): readonly SetBreakpoint[] {
    return [...this.#stops.values()];
  }

  add(spec: Breakpoint): SetBreakpoint {
    const stop = { ...spec, id: ++this.#lastId };
    this.#stops.set(stop.id, stop);
    this.#changes++;
    return stop;
  }

  /** Removes a breakpoint. False if no breakpoint has that number. */
  delete(id: number): boolean {
    this.#changes++;
    return this.#stops.delete(id);
  }

  /**
   * Finds the first stop on the way from one position to another, in either direction. At the
   * starting position no breakpoint stops.
   *
   * @throws {Interrupted} When the search was cancelled.
   */
  between(
    recording: Recording,
    from: Position,
    to: Position,
  ): { readonly hit: BreakpointHit | null; readonly logged: readonly LogpointLine[] } {
    if (this.#stops.size === 0) return { hit: null, logged: [] };
    const { logging, stopping } = this.#places(recording);
    const forward = comparePositions(from, to) <= 0;
    const hit = forward
      ? firstHit(recording, stopping, from, to)
      : lastHit(recording, stopping, to, from);
    return {
      hit,
      logged: forward ? loggedBetween(recording, logging, from, hit?.position ?? to) : [],
    };
  }

  /**
   * Evaluates conditions in a part of the run in advance. A later backward search then finds the
   * results.
   *
   * @param upTo Where the backward search will begin.
   * @param moments Number of positions to evaluate.
   * @param passed Called repeatedly with the share of the way to `upTo` that is done.
   * @returns The share of the way to `upTo` that is done: 1 when nothing is left.
   * @throws {Interrupted} When the search was cancelled.
   */
  prepare(
    recording: Recording,
    upTo: Position,
    moments: number,
    passed: (share: number) => void = () => {},
  ): number {
    const { asked } = this.#places(recording).stopping;
    const begin = earliest(asked, upTo);
    if (begin === null) return 1;
    const { timeline: { known } } = recording;
    const reached = ordinalOf(begin) + moments;
    const all = ordinalOf(upTo);
    const end = reached >= all ? upTo : positionAt(known, reached);
    learn(recording, asked, end, null, (way) => passed(Math.min(1, way / all)));
    return reached >= all ? 1 : reached / all;
  }

  #places(recording: Recording): KnownLocations {
    const { code, log, evaluator: { scope } } = recording;
    const known = this.#known.get(recording);
    const events = known?.followsEvents === false ? 0 : log.count;
    const key = [this.#changes, scope, code.statements.length, events] as const;
    if (known?.key.every((part, index) => part === key[index])) return known;
    const all = this.all.map((stop) => {
      const { cause, condition, hits = 1 } = stop;
      const isAsked = condition !== undefined || hits > 1 || cause.kind === "change";
      const pass = isAsked ? this.#passOf(recording, stop) : null;
      return { ...placesOf(recording, stop), pass };
    });
    const stopping = all.filter(({ log }) => log === null);
    const followsEvents = all.some(({ stop: { cause: { kind } } }) => kind === "data");
    const places = {
      key: followsEvents ? key : [this.#changes, scope, code.statements.length, 0] as const,
      followsEvents,
      stopping: {
        all: new PlaceSet(stopping),
        asked: new PlaceSet(stopping.filter(({ pass }) => pass !== null)),
        plain: new PlaceSet(stopping.filter(({ pass }) => pass === null)),
      },
      logging: new PlaceSet(all.filter(({ log }) => log !== null)),
    };
    this.#known.set(recording, places);
    return places;
  }

  #passOf(recording: Recording, { id }: SetBreakpoint): Pass {
    const { evaluator: { scope } } = recording;
    const all = this.#passes.get(recording) ?? new Map<number, Pass>();
    this.#passes.set(recording, all);
    const known = all.get(id);
    if (known?.scope === scope) return known;
    const pass = { ways: [], upTo: START, scope, said: undefined };
    all.set(id, pass);
    return pass;
  }

  /**
   * For a breakpoint on a line, the line at which its statement starts; null for other breakpoints.
   */
  lineOf(recording: Recording, { cause }: Breakpoint): number | null {
    return cause.kind === "line" ? statementsOnLine(recording, cause).line : null;
  }
}

function loggedBetween(
  recording: Recording,
  logging: PlaceSet,
  from: Position,
  to: Position,
): readonly LogpointLine[] {
  const logged: LogpointLine[] = [];
  if (logging.all.length === 0) return logged;
  const found = candidates(recording, logging, from, to);
  let next = found.next();
  if (next.done) return logged;
  recording.timeline.from(next.value.position, (paused) => {
    const { places: { condition, log } } = next.value as Candidate;
    if (condition === null || holds(condition, paused)) {
      logged.push({ position: paused.position, text: said(log!, paused) });
    }
    next = found.next();
    return next.done ? null : next.value.position;
  });
  return logged;
}

function said(log: CompiledExpression, paused: PausedRun): string {
  try {
    const { text, value } = log.evaluate(paused);
    return typeof value === "string" ? value : text;
  } catch (error) {
    if (error instanceof EvaluationError) return `${log.text}: ${error.message}`;
    throw error;
  }
}
