/** Events in order: what `trace { … }` gives, and `events`, all since the machine was ready. */
import { EVENT_NAMES, KERNEL_CALLS } from "../../../runtime/event_vocabulary.ts";
import type { MachineEvent } from "../../../runtime/events.ts";
import { PICTURE_COLUMNS } from "../../text/columns.ts";
import { formatEvents } from "../../render/event_line.ts";
import { formatCount, formatDuration } from "../../text/numbers.ts";
import { didYouMean } from "../../diagnostics/suggest.ts";
import { ScriptError } from "../../values/script_error.ts";
import { Closure, ListValue, type Value, Word } from "../../values/value.ts";
import type { Run } from "../../values/run.ts";
import { duration, isThing, thing, wrongKind } from "../arguments.ts";
import { decisionList } from "../explain/decision_list.ts";
import type { ParameterSpec, TypeSpec } from "../../values/spec.ts";
import { checkedIndex } from "../values/list.ts";
import { EVENT } from "./event.ts";

/** What a trace value stands for. Recorded once, or growing in the case of `events`. */
export interface Trace {
  readonly events: readonly MachineEvent[];
  /** Virtual time the block took. */
  readonly spanNs: number;
}

const CALLS: ReadonlySet<string> = new Set(KERNEL_CALLS);
const NAMES: ReadonlySet<string> = new Set(EVENT_NAMES);

/**
 * A test for the events that a name means: `iova.alloc`, all below `iommu.*`, and a kernel
 * function's bare name for its call.
 */
export function eventNameTest(name: string): (event: MachineEvent) => boolean {
  if (name.endsWith(".*")) {
    const prefix = name.slice(0, -1);
    if (EVENT_NAMES.some((known) => known.startsWith(prefix))) {
      return (event) => event.name.startsWith(prefix);
    }
  }
  const full = CALLS.has(name) ? `call.${name}` : name;
  if (NAMES.has(full)) return (event) => event.name === full;
  throw new ScriptError(
    "E0919",
    `No event is called "${name}"`,
    didYouMean(name, [...EVENT_NAMES, ...KERNEL_CALLS]) ?? "`show events` shows what happened",
  );
}

/** The event name in an argument: a string, or a word such as `irq`. */
export function toEventName(value: Value | undefined, what: string): string {
  if (typeof value === "string") return value;
  if (value instanceof Word) return value.name;
  throw wrongKind(value, what, "an event's name");
}

const NAME_PARAMETER: ParameterSpec = {
  name: "name",
  kind: ["string", "word"],
  event: true,
  doc: 'An event\'s name, such as "iova.alloc", or "iommu.*" for all below.',
};

function eventOrNone(event: MachineEvent | undefined): Value {
  return event === undefined ? null : thing(EVENT, event);
}

function matches(test: Value | undefined, run: Run): (event: MachineEvent) => boolean {
  if (!(test instanceof Closure)) return eventNameTest(toEventName(test, "name"));
  return (event) => run.call(test, [thing(EVENT, event)]) === true;
}

export const TRACE: TypeSpec<Trace> = {
  name: "trace",
  doc: "Events in the order in which they happened.",
  portable: true,
  fields: [
    {
      name: "length",
      kind: "int",
      doc: "How many events it has.",
      get: (trace) => trace.events.length,
    },
    {
      name: "events",
      kind: "list",
      of: "@event",
      doc: "The events as a list.",
      get(trace, run) {
        run.chargeMemory(32 * trace.events.length);
        return new ListValue(trace.events.map((event) => thing(EVENT, event)));
      },
    },
    {
      name: "span_ns",
      kind: "int",
      doc: "The virtual time it took, in nanoseconds.",
      get: (trace) => trace.spanNs,
    },
    {
      name: "span",
      kind: "duration",
      doc: "The virtual time it took.",
      get: (trace) => duration(trace.spanNs),
    },
  ],
  methods: [
    {
      name: "count",
      parameters: [NAME_PARAMETER],
      result: "int",
      doc: "How many events of that name it has.",
      example: `let t = trace { alloc_pages(1) }\nassert t.count("iova.alloc") == 0`,
      run: (_run, trace, [name]) =>
        trace.events.filter(eventNameTest(toEventName(name, "name"))).length,
    },
    {
      name: "filter",
      parameters: [{
        name: "test",
        kind: ["string", "word", "function"],
        event: true,
        doc: "An event's name, or a function that says true for an event.",
      }],
      result: "@trace",
      doc: "The trace of the events that pass.",
      example: `let t = trace { alloc_pages(1) }\nassert t.filter(e => e.cpu == 1).length == 0`,
      run: (run, trace, [test]) =>
        thing(TRACE, { events: trace.events.filter(matches(test, run)), spanNs: trace.spanNs }),
    },
    {
      name: "first",
      parameters: [{ ...NAME_PARAMETER, optional: true }],
      result: "@event",
      doc: "The first event, or the first of that name; none when there is none.",
      example: `let t = trace { alloc_pages(1) }\nassert t.first("iommu.map") == none`,
      run: (run, trace, [name]) =>
        eventOrNone(
          name === undefined ? trace.events[0] : trace.events.find(matches(name, run)),
        ),
    },
    {
      name: "last",
      parameters: [{ ...NAME_PARAMETER, optional: true }],
      result: "@event",
      doc: "The last event, or the last of that name; none when there is none.",
      example: `let t = trace { alloc_pages(1) }\nassert t.last("iommu.unmap") == none`,
      run: (run, trace, [name]) =>
        eventOrNone(
          name === undefined ? trace.events.at(-1) : trace.events.findLast(matches(name, run)),
        ),
    },
  ],
  format: (trace) =>
    `${formatCount(trace.events.length, "event")} in ${formatDuration(trace.spanNs)}`,
  show: (trace) => [
    `${formatCount(trace.events.length, "event")} in ${formatDuration(trace.spanNs)}`,
    ...trace.events.length === 0 ? [] : formatEvents(trace.events, PICTURE_COLUMNS),
  ],
  explain: (trace) => decisionList(trace.events.filter(({ why }) => why !== null)),
  equals: (trace, other) =>
    isThing(other, TRACE) && other.target.events.length === trace.events.length &&
    other.target.events.every((event, index) => event === trace.events[index]),
  index: (trace, index) =>
    thing(EVENT, trace.events[checkedIndex(index, trace.events.length, "a trace")]!),
};
