/**
 * Events in order. A trace is the result of `trace { … }`; `events` is the trace of all events
 * since the machine was ready.
 */
import { KERNEL_CALLS, type MachineEvent } from "@dmalab/runtime";
import { formatEvents } from "../../render/event_line.ts";
import { formatCount, formatDuration } from "../../text/numbers.ts";
import { didYouMean } from "../../diagnostics/suggest.ts";
import { ValueError } from "../../values/script_error.ts";
import { Closure, EnumValue, Handle } from "../../values/value.ts";
import type { ExecutionContext } from "../../values/execution_context.ts";
import { isHandle } from "../arguments.ts";
import { decisionList } from "../explain/decision_list.ts";
import type { HandleType } from "../../values/spec.ts";
import { checkedIndex } from "../values/list.ts";
import { EVENT } from "./event.ts";
import { methodsOf } from "../describe/builtin.ts";
import { fieldsOf } from "../describe/fields.ts";
import { optional, param, type Parameter } from "../describe/parameters.ts";

/** The events of a trace value: fixed, or growing in the case of `events`. */
export interface Trace {
  readonly events: readonly MachineEvent[];
  /** Virtual time the block took. */
  readonly spanNs: number;
}

const CALLS: ReadonlySet<string> = new Set(KERNEL_CALLS);

/**
 * A test for events by name. `iova.alloc` is one event, `iommu.*` means all events with that
 * prefix, and the bare name of a kernel function means its call.
 */
function eventNameTest(name: string, context: ExecutionContext): (event: MachineEvent) => boolean {
  const { vocabulary } = context.lab.machine.events;
  if (name.endsWith(".*")) {
    const prefix = name.slice(0, -1);
    if (vocabulary.names.some((known) => known.startsWith(prefix))) {
      return (event) => event.name.startsWith(prefix);
    }
  }
  const full = CALLS.has(name) ? `call.${name}` : name;
  if (vocabulary.number(full) >= 0) return (event) => event.name === full;
  throw new ValueError(
    `No event is called "${name}"`,
    didYouMean(name, [...vocabulary.names, ...KERNEL_CALLS]) ?? "`show events` shows what happened",
  );
}

const NAME: Parameter<string> = {
  ...param.of(
    "name",
    ["string", "word"],
    'An event\'s name, such as "iova.alloc", or "iommu.*" for all below.',
    // A name without a dot, such as `irq`, is a word.
    (value) => value instanceof EnumValue ? value.name : value as string,
  ),
  event: true,
};

const TEST: Parameter<string | Closure> = {
  ...param.of(
    "test",
    ["string", "word", "function"],
    "An event's name, or a function that returns true for an event.",
    (value) => value instanceof EnumValue ? value.name : value as string | Closure,
  ),
  event: true,
  calledWith: "@event",
};

const method = methodsOf<Trace>();

function matches(
  test: string | Closure,
  context: ExecutionContext,
): (event: MachineEvent) => boolean {
  if (!(test instanceof Closure)) return eventNameTest(test, context);
  return (event) => context.call(test, [new Handle(EVENT, event)]) === true;
}

export const TRACE: HandleType<Trace> = {
  name: "trace",
  doc: "Events in the order in which they happened.",
  portable: true,
  fields: fieldsOf<Trace>((f) => ({
    length: f.int("How many events it has.", ({ events }) => events.length),
    events: f.list(EVENT, "The events as a list.", ({ events }, context) => {
      context.chargeMemory(32 * events.length);
      return events;
    }),
    span_ns: f.int("The virtual time it took, in nanoseconds.", ({ spanNs }) => spanNs),
    span: f.duration("The virtual time it took.", ({ spanNs }) => spanNs),
  })),
  methods: [
    method({
      name: "count",
      pure: true,
      parameters: [NAME],
      result: "int",
      doc: "How many events of that name it has.",
      example: `let t = trace { alloc_pages(1) }\nassert t.count("iova.alloc") == 0`,
      run: (context, { events }, [name]) => events.filter(eventNameTest(name, context)).length,
    }),
    method({
      name: "filter",
      pure: true,
      parameters: [TEST],
      result: "@trace",
      doc: "The trace of the events that pass.",
      example: `let t = trace { alloc_pages(1) }\nassert t.filter(e => e.cpu == 1).length == 0`,
      run: (context, { events, spanNs }, [test]) =>
        new Handle(TRACE, { events: events.filter(matches(test, context)), spanNs }),
    }),
    method({
      name: "first",
      pure: true,
      parameters: [optional(NAME)],
      result: EVENT,
      doc: "The first event, or the first of that name; none when there is none.",
      example: `let t = trace { alloc_pages(1) }\nassert t.first("iommu.map") == none`,
      run: (context, { events }, [name]) =>
        (name === undefined ? events[0] : events.find(eventNameTest(name, context))) ?? null,
    }),
    method({
      name: "last",
      pure: true,
      parameters: [optional(NAME)],
      result: EVENT,
      doc: "The last event, or the last of that name; none when there is none.",
      example: `let t = trace { alloc_pages(1) }\nassert t.last("iommu.unmap") == none`,
      run: (context, { events }, [name]) =>
        (name === undefined ? events.at(-1) : events.findLast(eventNameTest(name, context))) ??
          null,
    }),
  ],
  format: (trace) =>
    `${formatCount(trace.events.length, "event")} in ${formatDuration(trace.spanNs)}`,
  show: (trace, { columns }) => [
    `${formatCount(trace.events.length, "event")} in ${formatDuration(trace.spanNs)}`,
    ...trace.events.length === 0 ? [] : formatEvents(trace.events, columns),
  ],
  explain: (trace, { columns }) =>
    decisionList(trace.events.filter(({ why }) => why !== null), columns),
  equals: (trace, other) =>
    isHandle(other, TRACE) && other.target.events.length === trace.events.length &&
    other.target.events.every((event, index) => event === trace.events[index]),
  index: (trace, index) =>
    new Handle(EVENT, trace.events[checkedIndex(index, trace.events.length, "a trace")]!),
};
