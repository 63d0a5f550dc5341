/**
 * Answers about a place of a run, kept while it is the current position.
 *
 * A machine that has answered about an event runs on to its next statement: the next question about
 * the same event needs another machine, with a longer rerun. A client that moves from place to place
 * asks the same questions at each. The questions of the last places are therefore prefetched with the
 * first question at a new place, and their answers kept for the next request.
 */
import type { FileScope } from "@dmalab/lang/check";
import { LOOK_STEPS, LookError } from "./look.ts";
import type { Position } from "./position.ts";
import type { Seen } from "./machines/replay.ts";
import type { Reruns } from "./machines/reruns.ts";

/** A question with a plain answer: one that lasts when the machine that gave it goes on. */
export interface PlainQuestion<T> {
  /** Tells it from every other question. */
  readonly key: string;
  /**
   * @param steps How many of a script it may take.
   * @throws {LookError} When there is no answer.
   */
  ask(seen: Seen, steps: number): T;
  /** About how many bytes an answer takes. */
  sizeOf(answer: T): number;
}

/** What came of a question: an answer, or why there is none. */
type Kept = { readonly answer: unknown } | { readonly error: LookError };

/** A question that was asked at a place and may be asked at the next. */
interface Prefetch {
  readonly question: PlainQuestion<unknown>;
  /** How often it was asked along since its answer was last used. */
  unused: number;
}

/** Places of which answers are kept: frames of other threads stand elsewhere. */
const MOST_PLACES = 4;
/** A larger answer is not kept. */
const MOST_BYTES = 2 ** 16;
/** Questions that are prefetched, and how often in a row the answer may stay unused. */
const MOST_PREFETCHED = 24;
const MOST_UNUSED = 3;
/** Steps that a question may take that is prefetched: less than a millisecond. */
const PREFETCH_STEPS = 10_000;

export class Answers {
  readonly #reruns: Reruns;
  readonly #scope: () => FileScope;
  /** By place, the last one last; by question. */
  readonly #places = new Map<string, Map<string, Kept>>();
  readonly #prefetched = new Map<string, Prefetch>();
  #lastScope: FileScope | null = null;

  /** @param scope What expressions see at the top level: another one when the code has grown. */
  constructor(reruns: Reruns, scope: () => FileScope) {
    this.#reruns = reruns;
    this.#scope = scope;
  }

  /** The answer to a question at a moment. @throws {LookError} When there is none. */
  at<T>(at: Position, question: PlainQuestion<T>): T {
    // A machine that stands there answers at once, and may change before an event tells of it.
    if (this.#reruns.standsAt(at)) {
      return this.#reruns.look(at, (seen) => question.ask(seen, LOOK_STEPS));
    }
    const place = this.#place(at);
    this.#remember(question);
    const kept = place.get(question.key) ?? this.#look(at, place, question);
    if ("error" in kept) throw kept.error;
    return kept.answer as T;
  }

  #place({ seq, statement }: Position): Map<string, Kept> {
    const scope = this.#scope();
    if (scope !== this.#lastScope) this.#places.clear();
    this.#lastScope = scope;
    const key = `${seq} ${statement}`;
    const place = this.#places.get(key) ?? new Map<string, Kept>();
    this.#places.delete(key);
    this.#places.set(key, place);
    dropFirst(this.#places, MOST_PLACES);
    return place;
  }

  #remember(question: PlainQuestion<unknown>): void {
    this.#prefetched.delete(question.key);
    this.#prefetched.set(question.key, { question, unused: 0 });
    dropFirst(this.#prefetched, MOST_PREFETCHED);
  }

  #look(at: Position, place: Map<string, Kept>, question: PlainQuestion<unknown>): Kept {
    return this.#reruns.look(at, (seen) => {
      const kept = answered(question, seen, LOOK_STEPS);
      if ("answer" in kept && question.sizeOf(kept.answer) > MOST_BYTES) {
        this.#prefetched.delete(question.key);
      } else place.set(question.key, kept);
      this.#prefetch(seen, place);
      return kept;
    });
  }

  #prefetch(seen: Seen, place: Map<string, Kept>): void {
    for (const [key, prefetch] of this.#prefetched) {
      if (place.has(key)) continue;
      const { question } = prefetch;
      const kept = answered(question, seen, PREFETCH_STEPS);
      const isKept = "answer" in kept
        ? question.sizeOf(kept.answer) <= MOST_BYTES
        // Of what is right, but has no answer, more steps may find one.
        : kept.error.diagnostics.length > 0;
      if (isKept) place.set(key, kept);
      if (!isKept || ++prefetch.unused > MOST_UNUSED) this.#prefetched.delete(key);
    }
  }
}

function answered(question: PlainQuestion<unknown>, seen: Seen, steps: number): Kept {
  try {
    return { answer: question.ask(seen, steps) };
  } catch (error) {
    if (error instanceof LookError) return { error };
    throw error;
  }
}

/** Leaves no more than so many, the last ones. */
function dropFirst(map: Map<string, unknown>, most: number): void {
  for (const key of map.keys()) if (map.size > most) map.delete(key);
}
