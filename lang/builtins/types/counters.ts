/**
 * Counters: how often each event happened. They always count, whether or not events are recorded.
 *
 * `counters.iotlb.sync` has a field for each part of the event's name. The bare name of a kernel
 * function counts the calls of that function.
 */
import { Handle } from "../../values/value.ts";
import { CORE_EVENTS, type EventVocabulary, KERNEL_CALLS } from "@dmalab/runtime";
import { tableLines } from "../../text/columns.ts";
import { formatCount, groupThousands } from "../../text/numbers.ts";
import { isHandle } from "../arguments.ts";
import { once } from "../describe/once.ts";
import type { FieldSpec, HandleType } from "../../values/spec.ts";
import { methodsOf } from "../describe/builtin.ts";
import { param } from "../describe/parameters.ts";

/** Counts by event number: the machine's own array, a copy, or the difference of two. */
export interface Counters {
  readonly counts: Float64Array;
  readonly vocabulary: EventVocabulary;
}

function countOf(counters: Counters, event: string): number {
  return counters.counts[counters.vocabulary.number(event)]!;
}

function countField(name: string, event: string): FieldSpec<Counters> {
  return {
    name,
    type: "int",
    doc: `Number of ${event} events.`,
    get: (counters) => countOf(counters, event),
  };
}

/** The first part of a dotted event name, and the rest. */
function splitName(event: string): readonly [string, string | null] {
  const dot = event.indexOf(".");
  return dot < 0 ? [event, null] : [event.slice(0, dot), event.slice(dot + 1)];
}

function groupsOf({ names }: EventVocabulary): ReadonlyMap<string, HandleType<Counters>> {
  const groups = new Map<string, string[]>();
  for (const event of names) {
    const [group, rest] = splitName(event);
    if (rest === null) continue;
    const below = groups.get(group);
    if (below === undefined) groups.set(group, [rest]);
    else below.push(rest);
  }
  return new Map([...groups].map(([group, below]) => [group, groupType(group, below)]));
}

function groupType(group: string, names: readonly string[]): HandleType<Counters> {
  const type: HandleType<Counters> = {
    name: `counters_${group}`,
    doc: `Counters of the ${group}.* events.`,
    fields: once(() => names.map((name) => countField(name, `${group}.${name}`))),
    format: (counters) => `${formatCount(total(counters, `${group}.`), "event")} below ${group}`,
    show: (counters) => counterLines(counters, `${group}.`),
    equals: (counters, other) =>
      isHandle(other, type) && sameCounts(counters, other.target, `${group}.`),
  };
  return type;
}

const GROUPS = groupsOf(CORE_EVENTS);

function total(counters: Counters, prefix: string): number {
  return counters.vocabulary.names.reduce(
    (sum, event) => event.startsWith(prefix) ? sum + countOf(counters, event) : sum,
    0,
  );
}

function sameCounts(left: Counters, right: Counters, prefix: string): boolean {
  return left.vocabulary.names.every((event) =>
    !event.startsWith(prefix) || countOf(left, event) === countOf(right, event)
  );
}

function counterLines(counters: Counters, prefix: string): string[] {
  const rows = counters.vocabulary.names.filter((event) =>
    event.startsWith(prefix) && countOf(counters, event) !== 0
  ).map((event) => [event, groupThousands(countOf(counters, event))]);
  return rows.length === 0
    ? ["nothing happened"]
    : tableLines(["event", "times"], rows, ["left", "right"]);
}

function rootFields(
  of: ReadonlyMap<string, HandleType<Counters>>,
  { names }: EventVocabulary,
): FieldSpec<Counters>[] {
  const groups = [...of].map(([name, type]): FieldSpec<Counters> => ({
    name,
    type: `@${type.name}`,
    doc: type.doc,
    get: (counters) => new Handle(type, counters),
  }));
  const plain = names.filter((event) => splitName(event)[1] === null).map((event) =>
    countField(event, event)
  );
  return [...groups, ...plain, ...KERNEL_CALLS.map((call) => countField(call, `call.${call}`))];
}

const method = methodsOf<Counters>();

export const COUNTERS: HandleType<Counters> = {
  name: "counters",
  doc: "The number of events of each name since the machine was ready: counters.iotlb.sync.",
  fields: once(() => rootFields(GROUPS, CORE_EVENTS)),
  methods: [
    method({
      name: "mark",
      pure: true,
      result: "@counters",
      doc: "A snapshot of the counters, for since().",
      example: `let before = counters.mark()\nassert counters.since(before).iova.alloc == 0`,
      run: (_run, counters) =>
        new Handle(COUNTERS, {
          counts: counters.counts.slice(),
          vocabulary: counters.vocabulary,
        }),
    }),
    method({
      name: "since",
      pure: true,
      parameters: [param.own<Counters>("mark", "@counters", "The result of counters.mark().")],
      result: "@counters",
      doc: "The counts since a mark.",
      example: `let before = counters.mark()\nalloc_pages(1)\n` +
        `assert counters.since(before).iommu.map == 0`,
      run(_run, counters, [mark]) {
        const counts = counters.counts.map((count, event) => count - mark.counts[event]!);
        return new Handle(COUNTERS, { counts, vocabulary: counters.vocabulary });
      },
    }),
  ],
  format: (counters) => `${formatCount(total(counters, ""), "event")} counted`,
  show: (counters) => counterLines(counters, ""),
  equals: (counters, other) => isHandle(other, COUNTERS) && sameCounts(counters, other.target, ""),
};

/** Types of the groups of counters, such as `counters.iotlb`. */
export const COUNTER_GROUPS: readonly HandleType<Counters>[] = [...GROUPS.values()];

export function counterTypes(vocabulary: EventVocabulary): readonly HandleType<Counters>[] {
  const groups = groupsOf(vocabulary);
  return [
    { ...COUNTERS, fields: once(() => rootFields(groups, vocabulary)) },
    ...groups.values(),
  ];
}
