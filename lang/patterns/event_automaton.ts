/** Compiles an event pattern to the automaton for `lang/patterns/event_pattern.ts`. */
import { ACCEPT, type EventMatcher, type PatternItem, SPLIT } from "./event_pattern.ts";
import { spanText } from "../source.ts";
import { remembered } from "../values/remembered.ts";
import type { EventPattern, Expression, PatternEvent } from "../syntax/tree/ast.ts";

/** Limit of the states of an automaton; repetitions are expanded, so `{1000}` costs 1000. */
export const AUTOMATON_LIMIT_STATES = 10_000;

/**
 * Returns the events for a name in a pattern. An event's name gives that event, `iommu.*` gives all
 * events with the prefix `iommu.`, and the name of a kernel function gives the event of its call.
 * Empty if there is no such event.
 */
export type ResolveEvents = (name: string) => readonly string[];

export interface CompiledPattern {
  readonly matcher: EventMatcher;
  /** Values of fields, in the order of their indexes in the matcher. */
  readonly values: readonly Expression[];
}

/**
 * Compiles a pattern.
 *
 * @returns Null when it would have more than `AUTOMATON_LIMIT_STATES` states.
 */
export function compilePattern(
  pattern: EventPattern,
  resolve: ResolveEvents,
): CompiledPattern | null {
  if (countStates(pattern) > AUTOMATON_LIMIT_STATES) return null;
  const builder = new AutomatonBuilder(resolve);
  builder.watch(pattern);
  const accept = builder.state(ACCEPT, 0, 0);
  const start = builder.pattern(pattern, accept);
  return {
    matcher: {
      text: spanText(pattern.span),
      items: builder.items,
      absent: builder.absent,
      watched: builder.watched,
      states: Int32Array.from(builder.states),
      start,
      values: builder.values.length,
    },
    values: builder.values,
  };
}

/** Number of states of a pattern, without building them. */
export function countStates(pattern: EventPattern): number {
  switch (pattern.kind) {
    case "Event":
    case "Absent":
      return 1;
    case "Gap":
      return 2;
    case "Sequence":
      return pattern.items.reduce((sum, item) => sum + countStates(item), 0);
    case "Alternatives":
      return pattern.choices.reduce((sum, item) => sum + countStates(item) + 1, 0);
    case "Repeat": {
      const { min, max } = pattern.times;
      const each = countStates(pattern.item);
      return max === Infinity ? (min + 1) * each + 1 : max * (each + 1);
    }
  }
}

/**
 * Builds states from the end of the pattern to its start, so that the next state always exists
 * already.
 */
class AutomatonBuilder {
  readonly items: PatternItem[] = [];
  readonly absent: PatternItem[] = [];
  readonly watched = new Set<string>();
  readonly states: number[] = [];
  readonly values: Expression[] = [];
  /** Index of the item of each node. A repeated node has one item, which all its states share. */
  readonly #itemOf = new Map<EventPattern, number>();

  constructor(readonly resolve: ResolveEvents) {}

  state(kind: number, next: number, other: number): number {
    this.states.push(kind, next, other);
    return this.states.length / 3 - 1;
  }

  /** Adds the names in the pattern to `watched`, even if `{0}` gives them no state. */
  watch(pattern: EventPattern): void {
    switch (pattern.kind) {
      case "Event":
        for (const name of this.resolve(pattern.name)) this.watched.add(name);
        return;
      case "Sequence":
        for (const item of pattern.items) this.watch(item);
        return;
      case "Alternatives":
        for (const choice of pattern.choices) this.watch(choice);
        return;
      case "Repeat":
        this.watch(pattern.item);
        return;
      case "Gap":
      case "Absent":
        return;
      default:
        pattern satisfies never;
    }
  }

  /** Adds the states of a pattern that continues at `next`; returns its first state. */
  pattern(pattern: EventPattern, next: number): number {
    switch (pattern.kind) {
      case "Event":
        return this.state(this.#eventItem(pattern), next, 0);
      case "Gap": {
        const loop = this.state(SPLIT, 0, next);
        this.states[3 * loop + 1] = this.state(this.#gapItem(pattern), loop, 0);
        return loop;
      }
      case "Sequence":
        return pattern.items.reduceRight((after, item) => this.pattern(item, after), next);
      case "Alternatives":
        return pattern.choices
          .map((choice) => this.pattern(choice, next))
          .reduceRight((others, choice) => this.state(SPLIT, choice, others));
      case "Repeat":
        return this.#repeat(pattern.item, pattern.times.min, pattern.times.max, next);
      case "Absent":
        this.absent.push(this.#describe(pattern.event));
        return next;
    }
  }

  #repeat(item: EventPattern, min: number, max: number, next: number): number {
    let start = next;
    if (max === Infinity) {
      start = this.state(SPLIT, 0, next);
      this.states[3 * start + 1] = this.pattern(item, start);
    } else {
      for (let optional = min; optional < max; optional++) {
        start = this.state(SPLIT, this.pattern(item, start), next);
      }
    }
    for (let needed = 0; needed < min; needed++) start = this.pattern(item, start);
    return start;
  }

  #eventItem(pattern: PatternEvent): number {
    return remembered(this.#itemOf, pattern, () => this.items.push(this.#describe(pattern)) - 1);
  }

  #gapItem(pattern: EventPattern): number {
    const gap = { text: "...", names: null, fields: [] };
    return remembered(this.#itemOf, pattern, () => this.items.push(gap) - 1);
  }

  #describe(pattern: PatternEvent): PatternItem {
    return {
      text: spanText(pattern.span),
      names: new Set(this.resolve(pattern.name)),
      fields: pattern.fields.map((field) => ({
        name: field.name.text,
        value: this.values.push(field.value) - 1,
      })),
    };
  }
}
