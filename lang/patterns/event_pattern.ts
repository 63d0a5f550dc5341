/**
 * Matches events against a pattern, in one pass and without backtracking.
 *
 * The pattern is an automaton. All its active states are followed at once. Therefore the time is
 * proportional to the number of events times the number of states, even for nested repetitions such
 * as `(a|b)*`.
 * @see docs/language/statements.md
 */

/** One event of a pattern: its possible names, and the values that fields must have. */
export interface PatternItem {
  /** The item's text in the source. */
  readonly text: string;
  /**
   * The names of the events that the item accepts; null for `...`, which matches any event to which
   * the pattern refers.
   */
  readonly names: ReadonlySet<string> | null;
  /** Fields to compare, each with the index of its value among the pattern's values. */
  readonly fields: readonly { readonly name: string; readonly value: number }[];
}

/**
 * Kinds of states that wait for no item. In `EventMatcher.states`, a state has one of these numbers
 * or the index of its item, from 0.
 */
export const SPLIT = -1;
export const ACCEPT = -2;

/**
 * A compiled pattern. Each state is three numbers: item index or kind, next state, alternative
 * state.
 */
export interface EventMatcher {
  readonly text: string;
  readonly items: readonly PatternItem[];
  /** Events that must not occur at all. */
  readonly absent: readonly PatternItem[];
  /** Names of the events that the pattern refers to; other events are ignored. */
  readonly watched: ReadonlySet<string>;
  readonly states: Int32Array;
  readonly start: number;
  /** Number of values that fields are compared with. */
  readonly values: number;
}

/** Compares an event with an item, except for the name. */
export type FieldTest<E> = (item: PatternItem, event: E) => boolean;

/** Why a pattern did not match. */
export interface Mismatch<E> {
  /** Number of events that matched, from the first. */
  readonly matched: number;
  /** The events that were compared. */
  readonly events: readonly E[];
  /** The last events that matched, each with the item it matched; the latest is last. */
  readonly path: readonly { readonly event: E; readonly item: PatternItem }[];
  /** The first event that does not match; null when the events ended too early. */
  readonly event: E | null;
  /** The items that would have matched instead. */
  readonly expected: readonly PatternItem[];
  /** True when the pattern could have ended before the event that does not match. */
  readonly mayEnd: boolean;
  /** The `!name` that occurred, if that is the reason. */
  readonly forbidden: PatternItem | null;
}

/** Limit of the matched events that a mismatch shows. */
const PATH_EVENTS = 12;

/** Matches events against a pattern; null if they match. */
export function matchEvents<E extends { readonly name: string }>(
  matcher: EventMatcher,
  all: readonly E[],
  test: FieldTest<E>,
): Mismatch<E> | null {
  for (const item of matcher.absent) {
    const found = all.find((event) => item.names!.has(event.name) && test(item, event));
    if (found === undefined) continue;
    const events = all.filter((event) => item.names!.has(event.name));
    const nothing = { matched: 0, path: [], expected: [], mayEnd: false };
    return { ...nothing, events, event: found, forbidden: item };
  }
  const events = all.filter((event) => matcher.watched.has(event.name));
  const walk = new Walk(matcher, test);
  walk.begin();
  for (let index = 0; index < events.length; index++) {
    if (!walk.take(events[index]!)) {
      return explainMismatch(matcher, events, index, test);
    }
  }
  return walk.mayEnd ? null : explainMismatch(matcher, events, events.length, test);
}

/** Runs the automaton once more up to the mismatch, and records the path that led to it. */
function explainMismatch<E extends { readonly name: string }>(
  matcher: EventMatcher,
  events: readonly E[],
  matched: number,
  test: FieldTest<E>,
): Mismatch<E> {
  const walk = new Walk(matcher, test);
  walk.begin();
  const from = Math.max(0, matched - PATH_EVENTS);
  const steps: Transition[] = [];
  for (let index = 0; index < matched; index++) {
    walk.take(events[index]!);
    if (index >= from) steps.push(walk.lastStep());
  }
  const path: { event: E; item: PatternItem }[] = [];
  let parent = walk.anyParent();
  for (let step = steps.length - 1; step >= 0; step--) {
    const item = matcher.items[steps[step]!.itemsBefore[parent]!]!;
    path.unshift({ event: events[from + step]!, item });
    parent = step === 0 ? -1 : steps[step - 1]!.parents[parent]!;
  }
  return {
    matched,
    events,
    path,
    event: events[matched] ?? null,
    expected: walk.expected(),
    mayEnd: walk.mayEnd,
    forbidden: null,
  };
}

/** The transition from one set of states to the next by an event. */
interface Transition {
  /** The item for which each state of the previous set was waiting. */
  readonly itemsBefore: readonly number[];
  /** For each state of the new set, the index of its predecessor in the previous set. */
  readonly parents: readonly number[];
}

/** The set of states that the automaton can be in after some events. */
class Walk<E extends { readonly name: string }> {
  /** True when the pattern may end here. */
  mayEnd = false;

  /** States that wait for an event, in the pattern's order of preference. */
  #current: number[] = [];
  #parents: number[] = [];
  /** The index in the previous set from which the end of the pattern was reached. */
  #endParent = -1;
  #before: readonly number[] = [];
  /** The generation in which each state was last reached. */
  readonly #seen: Int32Array;
  #generation = 0;

  constructor(readonly matcher: EventMatcher, readonly test: FieldTest<E>) {
    this.#seen = new Int32Array(matcher.states.length / 3);
  }

  begin(): void {
    this.#generation++;
    this.#reach(this.matcher.start, -1);
  }

  /** Processes one event. False when no state accepts it; the walk is then over. */
  take(event: E): boolean {
    const { items, states } = this.matcher;
    this.#before = this.#current;
    this.#current = [];
    this.#parents = [];
    this.mayEnd = false;
    this.#generation++;
    for (let position = 0; position < this.#before.length; position++) {
      const state = this.#before[position]!;
      const item = items[states[3 * state]!]!;
      const named = item.names === null || item.names.has(event.name);
      if (named && (item.fields.length === 0 || this.test(item, event))) {
        this.#reach(states[3 * state + 1]!, position);
      }
    }
    return this.#current.length > 0 || this.mayEnd;
  }

  /** The items that would match next, each once. */
  expected(): PatternItem[] {
    const { items, states } = this.matcher;
    return [...new Set(this.#current.map((state) => items[states[3 * state]!]!))];
  }

  lastStep(): Transition {
    const { states } = this.matcher;
    return {
      itemsBefore: this.#before.map((state) => states[3 * state]!),
      parents: this.#parents,
    };
  }

  /** The index of the most preferred predecessor in the previous set. */
  anyParent(): number {
    return this.#parents[0] ?? this.#endParent;
  }

  /** Adds a state and all states that can be reached from it without an event. */
  #reach(start: number, parent: number): void {
    const { states } = this.matcher;
    const pending = [start];
    while (pending.length > 0) {
      const state = pending.pop()!;
      if (this.#seen[state] === this.#generation) continue;
      this.#seen[state] = this.#generation;
      const kind = states[3 * state]!;
      if (kind === SPLIT) {
        pending.push(states[3 * state + 2]!, states[3 * state + 1]!);
      } else if (kind === ACCEPT) {
        this.mayEnd = true;
        this.#endParent = parent;
      } else {
        this.#current.push(state);
        this.#parents.push(parent);
      }
    }
  }
}
