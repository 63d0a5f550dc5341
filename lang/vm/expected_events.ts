/** `expect events [ … ] in x` while a script runs. */
import { maxOf } from "@dmalab/runtime/basics";
import type { MachineEvent } from "@dmalab/runtime";
import type { ExecutionContext } from "../values/execution_context.ts";
import { clip, pad, PICTURE_COLUMNS } from "../text/columns.ts";
import { formatEventText } from "../render/event_line.ts";
import type { EventsInfo } from "./code.ts";
import { matchEvents, type Mismatch, type PatternItem } from "../patterns/event_pattern.ts";
import type { Control } from "./control.ts";
import { ExpectationError } from "./failure.ts";
import { didYouMean, listed } from "../diagnostics/suggest.ts";
import { requireAllEvents } from "../values/kept_events.ts";
import { canEqual, fieldsNamed, fieldType, wordsIn } from "../values/event_fields.ts";
import { typeOf, typeText } from "../values/value_types.ts";
import { describeValue } from "../values/operators.ts";
import type { Registry } from "../values/registry.ts";
import { KindError } from "../values/script_error.ts";
import { findField } from "../values/types.ts";
import { EnumValue, Handle, ListValue, Quantity, Ratio, type Value } from "../values/value.ts";

/** Number of events that are shown after the event that did not fit. */
const EVENTS_AFTER = 3;

/** Columns of the pattern's side of a mismatch. */
const PATTERN_COLUMNS = 34;

/**
 * Fails unless a pattern matches the events of a trace.
 *
 * @param values The values of the pattern's fields.
 */
export function expectEvents(
  info: EventsInfo,
  values: readonly Value[],
  subject: Value,
  context: Control,
): void {
  requireAllEvents(context.recorder);
  context.observer?.pattern(
    [...info.matcher.items, ...info.matcher.absent].flatMap(({ fields, names }) =>
      names === null ? [] : [{ names, fields: fields.map(({ name }) => name) }]
    ),
  );
  const events = context.registry.eventsOf(subject, context);
  if (events === null) {
    throw new KindError(
      `Cannot ask ${describeValue(subject)} for its events`,
      "`expect events … in` takes an io, a request, a trace or a device",
    );
  }
  for (const item of [...info.matcher.items, ...info.matcher.absent]) {
    for (const { name, value } of item.fields) {
      checkValue(item, name, values[value]!, context.registry);
    }
  }
  const test = (item: PatternItem, event: MachineEvent) =>
    item.fields.every(({ name, value }) => fieldMatches(event, name, values[value]!, context));
  const mismatch = matchEvents(info.matcher, events, test);
  if (mismatch === null) return;
  const error = new ExpectationError("E0906", summary(mismatch), {
    span: info.span,
    notes: sideBySide(mismatch),
  });
  if (context.observer?.failed(error) !== true) throw error;
}

function summary(mismatch: Mismatch<MachineEvent>): string {
  const { event, events, forbidden, matched } = mismatch;
  if (forbidden !== null) return `Events do not match: ${event!.name} occurred`;
  const wanted = expectation(mismatch);
  if (event === null) {
    return events.length === 0
      ? `Events do not match: none of those in the pattern occurred, and ${wanted} was expected`
      : `Events do not match: they end after ${matched}, and ${wanted} was expected`;
  }
  return `Events do not match: number ${matched + 1} is ${event.name}, but ${wanted} was expected`;
}

function expectation(mismatch: Mismatch<MachineEvent>): string {
  const wanted = mismatch.expected.map((item) => item.text);
  if (mismatch.mayEnd) wanted.push("the end");
  return wanted.join(" or ");
}

/**
 * The pattern's items on the left, the events that matched them on the right, and the first
 * mismatch.
 */
function sideBySide(mismatch: Mismatch<MachineEvent>): string[] {
  const { event, events, forbidden, matched, path } = mismatch;
  const rows: Row[] = [{ mark: " ", item: "pattern", event: "events" }];
  const skipped = forbidden === null ? matched - path.length : 0;
  if (skipped > 0) rows.push({ mark: " ", item: "…", event: `… ${skipped} more that match` });
  for (const step of path) {
    rows.push({ mark: " ", item: step.item.text, event: eventText(step.event) });
  }
  rows.push({
    mark: ">",
    item: forbidden === null ? expectation(mismatch) : `!${forbidden.text}`,
    event: event === null ? "(no more events)" : eventText(event),
  });
  if (event !== null && forbidden === null) {
    for (const later of events.slice(matched + 1, matched + 1 + EVENTS_AFTER)) {
      rows.push({ mark: " ", item: "", event: eventText(later) });
    }
  }
  const width = Math.min(PATTERN_COLUMNS, maxOf(rows.map((row) => row.item.length)));
  return rows.map((row) =>
    clip(
      `${row.mark} ${pad(clip(row.item, width), width)}   ${row.event}`.trimEnd(),
      PICTURE_COLUMNS,
    )
  );
}

interface Row {
  readonly mark: string;
  readonly item: string;
  readonly event: string;
}

function eventText(event: MachineEvent): string {
  return `${event.seq} ${formatEventText(event)}`;
}

/**
 * Refuses a value that the field never has in any of the item's events, because the pattern could
 * never match.
 */
function checkValue(item: PatternItem, name: string, value: Value, registry: Registry): void {
  const meant = fieldsNamed(item.names ?? [], name, registry);
  const type = typeOf(value);
  const fitting = meant.filter((field) => canEqual(field, type));
  const words = wordsIn(fitting);
  if (fitting.length === 0 && meant.length > 0) {
    const wanted = typeText(fieldType(meant[0]!));
    throw new KindError(`Cannot compare the field ${name} (${wanted}) with ${typeText(type)}`);
  }
  const word = value instanceof EnumValue ? value.name : value;
  if (typeof word === "string" && words !== null && !words.includes(word)) {
    throw new KindError(
      `The field ${name} is never ${word}`,
      didYouMean(word, words) ?? `it is one of ${listed(words, word)}`,
    );
  }
}

function fieldMatches(
  event: MachineEvent,
  name: string,
  value: Value,
  context: ExecutionContext,
): boolean {
  const fields: Readonly<Record<string, unknown>> = event.fields;
  // A call that raises has no result but its error.
  const raised = name === "result" && typeof fields["error"] === "string" &&
    value instanceof EnumValue;
  const own = raised ? fields["error"] : fields[name];
  return same(name in fields ? own : commonField(event, name), value, context);
}

/** The value of a field that every event has. */
function commonField(event: MachineEvent, name: string): unknown {
  switch (name) {
    case "cpu":
      return event.cpu;
    case "device":
      return event.device;
    case "request":
      return event.request;
    case "at_ns":
      return event.at_ns;
    case "seq":
      return event.seq;
    default:
      return undefined;
  }
}

function same(actual: unknown, value: Value, context: ExecutionContext): boolean {
  if (value instanceof Quantity || value instanceof Ratio) return actual === value.value;
  if (value instanceof EnumValue) return actual === value.name;
  if (value instanceof ListValue) {
    return Array.isArray(actual) && actual.length === value.items.length &&
      value.items.every((item, index) => same(actual[index], item, context));
  }
  if (value instanceof Handle) {
    // `iommu` is both an object of the machine and a word. If the value of the field is `iommu`,
    // the word is meant.
    if (actual === value.type.name) return true;
    // Events contain names of things, such as a device's name or a request's number.
    for (const key of ["name", "id"]) {
      const field = findField(value.type, key);
      if (field !== null) return field.get(value.target as never, context) === actual;
    }
    return false;
  }
  return actual === value;
}
