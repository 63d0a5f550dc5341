/** One event, as returned by `trace.first(name)` and by indexing a trace. */
import { CORE_EVENTS, type EventVocabulary, fieldOf, type MachineEvent } from "@dmalab/runtime";
import { pairLines } from "../../text/columns.ts";
import { formatEventText, formatFieldValue } from "../../render/event_line.ts";
import { formatDuration } from "../../text/numbers.ts";
import { reportLines } from "../../render/report_text.ts";
import { formatValue } from "../../render/value_text.ts";
import { spanPlace } from "../../source.ts";
import type { ExecutionContext } from "../../values/execution_context.ts";
import { valueOf } from "../describe/form.ts";
import { fieldsOf } from "../describe/fields.ts";
import { once } from "../describe/once.ts";
import { fieldType } from "../../values/event_fields.ts";
import { fieldValue, plainInput } from "../event_values.ts";
import { decisionList } from "../explain/decision_list.ts";
import type { Value } from "../../values/value.ts";
import type { FieldSpec, HandleType, Type } from "../../values/spec.ts";

const ownFields = fieldsOf<MachineEvent>((f) => ({
  name: f.string("Its name, such as iova.alloc.", (event) => event.name),
  seq: f.int("Its sequence number on the machine, from 1.", (event) => event.seq),
  at: f.duration(
    "When it happened, in virtual time of its CPU, or of the device that caused it.",
    (event) => event.at_ns,
  ),
  at_ns: f.int("The same as a number of nanoseconds.", (event) => event.at_ns),
  cpu: f.int("The CPU it happened on.", (event) => event.cpu),
  device: f.string("The device concerned, by name, or none.", (event) => event.device),
  request: f.int("The request concerned, by number, or none.", (event) => event.request),
  site: f.string(
    "The statement that led to it, as file:line:column, or none.",
    (event, context) => siteText(event.site, context),
  ),
  why: f.of(
    "record",
    "The rule that decided it, with its inputs; none for an event without a decision.",
    whyRecord,
  ),
  fields: f.of(
    "record",
    "All its own fields.",
    (event, context) =>
      Object.fromEntries(
        Object.keys(event.fields).map((name) => [name, fieldValue(event, name, context)]),
      ),
  ),
}));

function whyRecord({ why }: MachineEvent): Readonly<Record<string, Value>> | null {
  if (why === null) return null;
  const inputs = Object.entries(why.inputs).map(([name, input]) => [name, plainInput(input)]);
  return { rule: why.rule, ...Object.fromEntries(inputs) };
}

/** The source location of a site; null if no statement has that number. */
export function siteText(site: number | null, context: ExecutionContext): string | null {
  const span = site === null ? null : context.siteSpan(site);
  return span === null ? null : spanPlace(span);
}

// The fields of the event type. The fields of an event depend on its name, so the type has the
// fields of all events.
function vocabularyFields(vocabulary: EventVocabulary): FieldSpec<MachineEvent>[] {
  const kinds = new Map<string, Type>();
  for (const event of vocabulary.names) {
    for (const [name, field] of Object.entries(vocabulary.fields(event))) {
      const type = fieldType(field);
      // A call that returns nothing has no result except an error, so this field adds no kind.
      if (type === "nothing") continue;
      kinds.set(name, kinds.has(name) && kinds.get(name) !== type ? "any" : type);
    }
  }
  const own = new Set(ownFields().map((field) => field.name));
  return [...kinds].filter(([name]) => !own.has(name)).map(([name, type]) => ({
    name,
    type,
    doc: `The event's field ${name}; none when it has no such field.`,
    get: (event: MachineEvent, context: ExecutionContext) => fieldValue(event, name, context),
  }));
}

function fieldsFor(vocabulary: EventVocabulary): HandleType<MachineEvent>["fields"] {
  return once(() => [...ownFields(), ...vocabularyFields(vocabulary)]);
}

/** The type of events with the fields of a vocabulary's events. */
export function eventType(vocabulary: EventVocabulary): HandleType<MachineEvent> {
  return { ...EVENT, fields: fieldsFor(vocabulary) };
}

export const EVENT: HandleType<MachineEvent> = {
  name: "event",
  doc: "An event. Its own fields are read by their names.",
  portable: true,
  // Most scripts read no field of an event: the complete list is not built for these scripts.
  fields: fieldsFor(CORE_EVENTS),
  format: (event) => formatEventText(event),
  show: (event, context) => eventLines(event, context),
  explain: (event, context) => [
    ...event.why === null ? [] : decisionList([event], context.columns),
    ...eventLines(event, context),
    ...event.why === null && event.name !== "dma.report"
      ? ["  this event records no decision"]
      : [],
  ],
};

function eventLines(event: MachineEvent, context: ExecutionContext): string[] {
  if (event.name === "dma.report") return checkerReportLines(event, context);
  const fields = Object.entries<unknown>(event.fields).map(([name, value]): [string, string] => [
    name,
    formatFieldValue(fieldOf(event, name)!, value),
  ]);
  const where: [string, string][] = [
    ["device", event.device ?? "none"],
    ["request", event.request === null ? "none" : `#${event.request}`],
    ["site", siteText(event.site, context) ?? "none"],
  ];
  const why = whyRecord(event);
  return [
    `event ${event.seq}: ${event.name} at ${formatDuration(event.at_ns)} on cpu ${event.cpu}`,
    ...pairLines([
      ...where,
      ...fields,
      ...why === null
        ? []
        : [["why", formatValue(valueOf("record", why, context))] as [string, string]],
    ], { columns: context.columns }),
  ];
}

/** Lines about a report of the checker, with its two statements. */
function checkerReportLines(
  { fields }: MachineEvent<"dma.report">,
  context: ExecutionContext,
): string[] {
  const { class: reportClass, rule, text, beyond_kernel, first_site, log, second_site } = fields;
  return reportLines({
    reportClass,
    rule,
    text,
    log,
    beyondKernel: beyond_kernel,
    firstPlace: siteText(first_site, context),
    secondPlace: siteText(second_site, context),
  });
}
