/** Finds the fields that event patterns compare. */
import type { EventPattern, PatternEvent, PatternField } from "./ast.ts";

export function* patternEvents(pattern: EventPattern): Generator<PatternEvent> {
  switch (pattern.kind) {
    case "Event":
      yield pattern;
      return;
    case "Gap":
      return;
    case "Sequence":
      for (const item of pattern.items) yield* patternEvents(item);
      return;
    case "Alternatives":
      for (const choice of pattern.choices) yield* patternEvents(choice);
      return;
    case "Repeat":
      yield* patternEvents(pattern.item);
      return;
    case "Absent":
      yield pattern.event;
      return;
    default:
      pattern satisfies never;
  }
}

/** The fields that a pattern compares with those of events. */
export function patternFields(pattern: EventPattern): readonly PatternField[] {
  return [...patternEvents(pattern)].flatMap(({ fields }) => fields);
}
