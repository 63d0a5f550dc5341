/**
 * Results of evaluations at a position, cached while it is the current position.
 *
 * After a machine has evaluated something at an event, it runs on to its next statement. Therefore
 * the next evaluation at the same event needs another machine, with a longer replay. But a client
 * that moves from position to position evaluates the same expressions at each position. Therefore,
 * at the first evaluation at a new position, the expressions of the last positions are evaluated as
 * well, and their results are cached for the next requests.
 */
import type { FileScope } from "@dmalab/lang";
import { EVALUATION_STEPS, EvaluationError } from "./evaluator.ts";
import type { Position } from "./position.ts";
import type { PausedRun } from "./machines/replay.ts";
import type { Timeline } from "./machines/timeline.ts";

/** An evaluation with a plain result, which stays valid when the machine continues. */
export interface CacheKey<T> {
  /** Identifies the evaluation. */
  readonly key: string;
  /**
   * @param steps Maximum number of interpreter steps.
   * @throws {EvaluationError} When there is no result.
   */
  ask(paused: PausedRun, steps: number): T;
  /** Approximate size of a result in bytes. */
  sizeOf(answer: T): number;
}

/** The outcome of an evaluation: a result, or the error. */
type CachedResult = { readonly answer: unknown } | { readonly error: EvaluationError };

/** An evaluation that was requested at one position and may be requested at the next. */
interface PrefetchState {
  readonly question: CacheKey<unknown>;
  /** How often the evaluation was prefetched since its result was last used. */
  unused: number;
}

/**
 * Maximum number of positions with cached results. There are several, because frames of other
 * threads are at other positions.
 */
const MAX_PLACES = 4;
/** A result larger than this is not cached. */
const MAX_BYTES = 2 ** 16;
/** Maximum number of prefetched evaluations, and how often in a row a result may stay unused. */
const MAX_PREFETCHED = 24;
const MAX_UNUSED = 3;
/** Maximum number of steps of a prefetched evaluation: less than a millisecond. */
const PREFETCH_STEPS = 10_000;

export class EvaluationCache {
  /** Results by position, the most recent last; then by key. */
  readonly #places = new Map<string, Map<string, CachedResult>>();
  readonly #prefetched = new Map<string, PrefetchState>();
  #lastScope: FileScope | null = null;

  /**
   * @param scope Returns the names visible at the top level. If the code has grown, it returns
   *   another scope.
   */
  constructor(private readonly timeline: Timeline, private readonly scope: () => FileScope) {}

  /** The result of an evaluation at a position. @throws {EvaluationError} Without a result. */
  at<T>(position: Position, question: CacheKey<T>): T {
    // If a live machine is at this position, the machine evaluates the question directly and
    // nothing is cached: evaluation is fast, and the machine may change without an event.
    if (this.timeline.standsAt(position)) {
      return this.timeline.at(position, (paused) => question.ask(paused, EVALUATION_STEPS));
    }
    const place = this.#place(position);
    this.#remember(question);
    const kept = place.get(question.key) ?? this.#look(position, place, question);
    if ("error" in kept) throw kept.error;
    return kept.answer as T;
  }

  #place({ seq, statement }: Position): Map<string, CachedResult> {
    const scope = this.scope();
    if (scope !== this.#lastScope) this.#places.clear();
    this.#lastScope = scope;
    const key = `${seq} ${statement}`;
    const place = this.#places.get(key) ?? new Map<string, CachedResult>();
    this.#places.delete(key);
    this.#places.set(key, place);
    dropFirst(this.#places, MAX_PLACES);
    return place;
  }

  #remember(question: CacheKey<unknown>): void {
    this.#prefetched.delete(question.key);
    this.#prefetched.set(question.key, { question, unused: 0 });
    dropFirst(this.#prefetched, MAX_PREFETCHED);
  }

  #look(
    position: Position,
    place: Map<string, CachedResult>,
    question: CacheKey<unknown>,
  ): CachedResult {
    return this.timeline.at(position, (paused) => {
      const kept = answered(question, paused, EVALUATION_STEPS);
      if ("answer" in kept && question.sizeOf(kept.answer) > MAX_BYTES) {
        this.#prefetched.delete(question.key);
      } else place.set(question.key, kept);
      this.#prefetch(paused, place);
      return kept;
    });
  }

  #prefetch(paused: PausedRun, place: Map<string, CachedResult>): void {
    for (const [key, prefetch] of this.#prefetched) {
      if (place.has(key)) continue;
      const { question } = prefetch;
      const kept = answered(question, paused, PREFETCH_STEPS);
      const isKept = "answer" in kept
        ? question.sizeOf(kept.answer) <= MAX_BYTES
        // An error without diagnostics is not final: with more steps, a correct expression may
        // still get a result.
        : kept.error.diagnostics.length > 0;
      if (isKept) place.set(key, kept);
      if (!isKept || ++prefetch.unused > MAX_UNUSED) this.#prefetched.delete(key);
    }
  }
}

function answered(question: CacheKey<unknown>, paused: PausedRun, steps: number): CachedResult {
  try {
    return { answer: question.ask(paused, steps) };
  } catch (error) {
    if (error instanceof EvaluationError) return { error };
    throw error;
  }
}

/** Drops all entries except the newest `most`. */
function dropFirst(map: Map<string, unknown>, most: number): void {
  for (const key of map.keys()) if (map.size > most) map.delete(key);
}
