/**
 * The event vocabulary: everything that can happen, with the numbers that describe it.
 *
 * This table is the contract between the runtime and the devices, which produce events, and all
 * who read them: assertions, counters, the checker, traces, the stepper, exports. Names and fields
 * here stay; more may be added. Field names end in their unit (`_bytes`, `_ns`); addresses are
 * bare. `docs/events.md` is made from it by `deno task reference`.
 *
 * To add an event, add one entry to a table in `vocabulary/` and emit it.
 */
import { DISK_EVENTS } from "./vocabulary/disk_events.ts";
import type { EventEntry } from "./vocabulary/event_table.ts";
import {
  type AllHold,
  described,
  DURATION,
  type Field,
  type FieldTable,
  INT,
  optional,
  TEXT,
  type WordSet,
} from "./vocabulary/fields.ts";
import {
  CALL_TABLE,
  type CallEnd,
  callEnd,
  KERNEL_CALLS,
  KERNEL_FUNCTION,
  type KernelCall,
} from "./vocabulary/kernel_calls.ts";
import { MAPPING_EVENTS } from "./vocabulary/mapping_events.ts";
import { SHARING_EVENTS } from "./vocabulary/sharing_events.ts";

export { CALL_TABLE, KERNEL_CALLS, type KernelCall };

/** Every event but the `call.` and `ret.` pairs, which `CALL_TABLE` lists. */
export const EVENT_TABLE = { ...MAPPING_EVENTS, ...DISK_EVENTS, ...SHARING_EVENTS };

/** What every event carries besides its own fields, as far as a pattern may ask for it. */
export const COMMON_FIELDS = {
  seq: described(INT, "its sequence number on the machine, from 1"),
  at_ns: described(DURATION, "virtual time of its CPU, or of the device that caused it"),
  cpu: described(INT, "the CPU it happened on"),
  device: described(optional(TEXT), "the name of the device concerned, or none"),
  request: described(optional(INT), "the number of the request concerned, or none"),
} satisfies FieldTable;

/** Any value that an input of a decision can have. */
export type FieldValue =
  | number
  | boolean
  | string
  | null
  | readonly string[]
  | readonly (readonly [number, number])[];

/** @internal */
export type EventTables = typeof EVENT_TABLE;
/** @internal */
export type TableName = keyof EventTables;
/** @internal */
export type CallTables = typeof CALL_TABLE;

/** The name of any event. */
export type EventName = TableName | `call.${KernelCall}` | `ret.${KernelCall}`;

/** The fields an event of name `N` carries. */
export type EventFields<N extends EventName> = N extends TableName
  ? AllHold<EventTables[N]["fields"]>
  : N extends `call.${infer C extends KernelCall}` ? AllHold<CallTables[C]["arguments"]>
  : N extends `ret.${infer C extends KernelCall}` ? CallEnd<C>
  : never;

/** Every event's name, in the order of their numbers. */
export const EVENT_NAMES: readonly EventName[] = [
  ...(Object.keys(EVENT_TABLE) as TableName[]),
  ...KERNEL_CALLS.flatMap((call): EventName[] => [`call.${call}`, `ret.${call}`]),
];

const NUMBERS = new Map<string, number>(EVENT_NAMES.map((name, index) => [name, index]));

/** An event's number, which indexes counters and latencies; -1 for a name that is no event. */
export function eventNumber(name: string): number {
  return NUMBERS.get(name) ?? -1;
}

/** The row of an event that is not a call's; null for any other name. */
export function eventEntry(name: string): EventEntry | null {
  return Object.hasOwn(EVENT_TABLE, name) ? EVENT_TABLE[name as TableName] : null;
}

/** By number: whether a device does it, and no CPU. */
export const BY_DEVICE: readonly boolean[] = EVENT_NAMES.map((name) =>
  eventEntry(name)?.byDevice === true
);

/** The fields that an event carries, by name; none for a name that is no event. */
export function eventFields(name: string): FieldTable {
  const entry = eventEntry(name);
  if (entry !== null) return entry.fields;
  if (eventNumber(name) < 0) return {};
  const call = name.slice(name.indexOf(".") + 1) as KernelCall;
  return name.startsWith("ret.") ? callEnd(call) : CALL_TABLE[call].arguments;
}

/** A field of an event, or what every event carries under that name; null when it has none. */
export function eventField(name: string, field: string): Field | null {
  for (const fields of [eventFields(name), COMMON_FIELDS] as readonly FieldTable[]) {
    if (Object.hasOwn(fields, field)) return fields[field]!;
  }
  return null;
}

/** The words of every field: each set once, however many fields have it. */
export function wordSets(): ReadonlySet<WordSet> {
  const found = new Set<WordSet>();
  const look = (fields: FieldTable) => {
    for (const name in fields) for (const set of fields[name]!.sets) found.add(set);
  };
  for (const { fields } of Object.values<EventEntry>(EVENT_TABLE)) look(fields);
  for (const call of KERNEL_CALLS) {
    look(CALL_TABLE[call].arguments);
    look(callEnd(call));
  }
  for (const set of KERNEL_FUNCTION.sets) found.add(set);
  return found;
}

/**
 * An event's number as a typed handle, resolved once when a module loads.
 *
 * @example
 * ```ts
 * const IOVA_ALLOC = eventId("iova.alloc");
 * ```
 */
export type EventId<N extends EventName = EventName> = number & { readonly eventName?: N };

/** The handle to count and emit an event by. */
export function eventId<N extends EventName>(name: N): EventId<N> {
  return NUMBERS.get(name)! as EventId<N>;
}
