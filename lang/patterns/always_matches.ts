/** Finds event patterns that match whatever happens: `expect events [ iommu.map* ] in t` checks nothing. */
import type { EventPattern } from "../syntax/tree/ast.ts";
import { compilePattern, type ResolveEvents } from "./event_automaton.ts";
import { ACCEPT, type EventMatcher, SPLIT } from "./event_pattern.ts";

/** Maximum number of sets of states that are examined; beyond it, the pattern is taken for one that checks something. */
const MOST_SETS = 1000;

/**
 * Whether a pattern matches every row of the events that it names. Fields are not compared: an item with fields is
 * taken for one that its event may miss.
 */
export function matchesAlways(pattern: EventPattern, resolve: ResolveEvents): boolean {
  if (!matchesNothing(pattern)) return false;
  const matcher = compilePattern(pattern, resolve)?.matcher;
  if (matcher === undefined || matcher.absent.length > 0) return false;
  const symbols = symbolsOf(matcher);
  const start = closed(matcher, [matcher.start]);
  const known = new Map([[start.join(), start]]);
  // The map grows while it is walked.
  for (const states of known.values()) {
    if (!states.some((state) => matcher.states[3 * state] === ACCEPT)) return false;
    for (const items of symbols) {
      const waiting = states.filter((state) => items.has(matcher.states[3 * state]!));
      const next = closed(matcher, waiting.map((state) => matcher.states[3 * state + 1]!));
      known.set(next.join(), next);
    }
    if (known.size > MOST_SETS) return false;
  }
  return true;
}

/** Whether a pattern matches no event at all. Only such a pattern can match always. */
function matchesNothing(pattern: EventPattern): boolean {
  switch (pattern.kind) {
    case "Event":
      return false;
    case "Absent":
    case "Gap":
      return true;
    case "Sequence":
      return pattern.items.every(matchesNothing);
    case "Alternatives":
      return pattern.choices.some(matchesNothing);
    case "Repeat":
      return pattern.times.min === 0 || matchesNothing(pattern.item);
  }
}

/** For each event that the pattern names, the items that accept it whatever its fields are. Equal sets are listed once. */
function symbolsOf({ items, watched }: EventMatcher): readonly ReadonlySet<number>[] {
  const sets = new Map<string, ReadonlySet<number>>();
  for (const name of watched) {
    const accepting = items.flatMap(({ fields, names }, index) =>
      fields.length === 0 && (names === null || names.has(name)) ? [index] : []
    );
    sets.set(accepting.join(), new Set(accepting));
  }
  return [...sets.values()];
}

/** The states that wait for an event or accept, reachable from some states without an event; sorted. */
function closed({ states }: EventMatcher, from: readonly number[]): readonly number[] {
  const seen = new Set<number>();
  const pending = [...from];
  for (let state = pending.pop(); state !== undefined; state = pending.pop()) {
    if (seen.has(state)) continue;
    seen.add(state);
    if (states[3 * state] === SPLIT) pending.push(states[3 * state + 1]!, states[3 * state + 2]!);
  }
  return [...seen].filter((state) => states[3 * state] !== SPLIT).sort((a, b) => a - b);
}
