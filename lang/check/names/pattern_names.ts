/** Names in event patterns: the events, their fields, and the pattern's size. */
import type { Registry } from "../../values/registry.ts";
import { AUTOMATON_LIMIT_STATES, countStates } from "../../patterns/event_automaton.ts";
import type { DiagnosticBag } from "../../diagnostics/diagnostic.ts";
import { type Hint, itHas, NearNames } from "../../diagnostics/suggest.ts";
import type { EventPattern, PatternEvent } from "../../syntax/tree/ast.ts";
import { eventsNamed, patternNames } from "./event_names.ts";
import { patternEvents } from "../../syntax/tree/pattern_events.ts";

/** Reports names in a pattern that no event has. */
export function checkPatternNames(
  pattern: EventPattern,
  registry: Registry,
  bag: DiagnosticBag,
): void {
  for (const event of patternEvents(pattern)) checkEvent(event, registry, bag);
  if (countStates(pattern) > AUTOMATON_LIMIT_STATES) {
    bag.error(
      "E0312",
      pattern.span,
      `The pattern is too large: with its repetitions it has more than ${AUTOMATON_LIMIT_STATES} events`,
      "use `*` or `+`, or count with a trace: `assert t.count(…) == 20_000`",
    );
  }
}

function checkEvent(event: PatternEvent, registry: Registry, bag: DiagnosticBag): void {
  const names = eventsNamed(event.name, registry);
  if (names.length === 0) {
    bag.error(
      "E0310",
      event.nameSpan,
      `No event is called \`${event.name}\``,
      bag.didYouMean(event.name, patternNames(registry)) ?? "docs/events.md lists them",
    );
    return;
  }
  const known = knownFields(names, registry);
  for (const { name } of event.fields) {
    if (known.includes(name.text)) continue;
    bag.error(
      "E0311",
      name.span,
      `\`${event.name}\` has no field \`${name.text}\``,
      fieldHint(name.text, known, bag),
    );
  }
}

/** `size` is meant for `size_bytes`: a unit left out is nearer than any other name. */
function fieldHint(name: string, known: readonly string[], bag: DiagnosticBag): Hint {
  const withUnit = known.find((field) => field.startsWith(`${name}_`));
  return withUnit !== undefined
    ? new NearNames(name, [withUnit])
    : bag.didYouMean(name, known) ?? itHas(known);
}

/** Fields that at least one of the events has. */
function knownFields(names: readonly string[], registry: Registry): readonly string[] {
  const known = new Set<string>();
  for (const name of names) {
    for (const field of Object.keys(registry.eventFields(name))) known.add(field);
  }
  return [...known, ...Object.keys(registry.commonFields)];
}
