/**
 * Answers about a place of a run, kept while it is the current position.
 *
 * A machine that has answered about an event runs on to its next statement: the next question about
 * the same event needs another machine, with a longer rerun. A client that moves from place to place
 * asks the same questions at each. The questions of the last places are therefore prefetched with the
 * first question at a new place, and their answers kept for the next request.
 */
import type { FileScope } from "@dmalab/lang";
import { EVALUATION_STEPS, EvaluationError } from "./evaluator.ts";
import type { Position } from "./position.ts";
import type { PausedRun } from "./machines/replay.ts";
import type { Timeline } from "./machines/timeline.ts";

/** A question with a plain answer: one that lasts when the machine that gave it goes on. */
export interface CacheKey<T> {
  /** Tells it from every other question. */
  readonly key: string;
  /**
   * @param steps How many of a script it may take.
   * @throws {EvaluationError} When there is no answer.
   */
  ask(paused: PausedRun, steps: number): T;
  /** About how many bytes an answer takes. */
  sizeOf(answer: T): number;
}

/** The result of a question: an answer, or the reason without one. */
type CachedResult = { readonly answer: unknown } | { readonly error: EvaluationError };

/** A question that was asked at a place and may be asked at the next. */
interface PrefetchState {
  readonly question: CacheKey<unknown>;
  /** How often it was asked along since its answer was last used. */
  unused: number;
}

/** Places with kept answers: frames of other threads are elsewhere. */
const MAX_PLACES = 4;
/** A larger answer is not kept. */
const MAX_BYTES = 2 ** 16;
/** Questions that are prefetched, and how often in a row the answer may stay unused. */
const MAX_PREFETCHED = 24;
const MAX_UNUSED = 3;
/** Steps that a question may take that is prefetched: less than a millisecond. */
const PREFETCH_STEPS = 10_000;

export class EvaluationCache {
  /** By place, the last one last; by question. */
  readonly #places = new Map<string, Map<string, CachedResult>>();
  readonly #prefetched = new Map<string, PrefetchState>();
  #lastScope: FileScope | null = null;

  /** @param scope What expressions see at the top level: another one when the code has grown. */
  constructor(private readonly timeline: Timeline, private readonly scope: () => FileScope) {}

  /** The answer to a question at a moment. @throws {EvaluationError} Without an answer. */
  at<T>(position: Position, question: CacheKey<T>): T {
    // A machine at the moment answers at once, and may change before an event reports it.
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
        // For a correct question without an answer, more steps may find one.
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

/** Leaves no more than so many, the last ones. */
function dropFirst(map: Map<string, unknown>, most: number): void {
  for (const key of map.keys()) if (map.size > most) map.delete(key);
}
