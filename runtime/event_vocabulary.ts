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
import {
  type AllHold,
  described,
  DURATION,
  type EventEntry,
  type EventTable,
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
export type EventTableName = keyof EventTables;
/** @internal */
export type CallTables = typeof CALL_TABLE;

/** The name of any event. */
export type EventName = EventTableName | `call.${KernelCall}` | `ret.${KernelCall}`;

/** The fields an event of name `N` carries. */
export type EventFields<N extends EventName> = N extends EventTableName
  ? AllHold<EventTables[N]["fields"]>
  : N extends `call.${infer C extends KernelCall}` ? AllHold<CallTables[C]["arguments"]>
  : N extends `ret.${infer C extends KernelCall}` ? CallEnd<C>
  : never;

/** The most kinds of events that one machine can have: the event log has room for no more. */
export const MAX_EVENTS = 1024;

/**
 * Everything that can happen on a machine: the events above, and tables that were added from
 * outside. A machine has one from its beginning, and it never changes; the numbers of the events
 * above are the same in each.
 */
export class EventVocabulary {
  /** Every event's name, in the order of their numbers. Added events have their own names. */
  readonly names: readonly EventName[];
  /** By number: whether a device does it, and no CPU. */
  readonly byDevice: readonly boolean[];
  /** The rows that were added, by name. */
  readonly added: EventTable;
  readonly #numbers: ReadonlyMap<string, number>;

  /** @param added What can happen besides the events above. */
  constructor(added: EventTable = {}) {
    this.added = added;
    // The type names the events that the runtime's code knows: it never asks for others.
    this.names = [...CORE_NAMES, ...Object.keys(added) as EventName[]];
    if (this.names.length > MAX_EVENTS) {
      throw new RangeError(`There is room for ${MAX_EVENTS} kinds of events`);
    }
    this.byDevice = this.names.map((name) => this.entry(name)?.byDevice === true);
    this.#numbers = new Map(this.names.map((name, index) => [name, index]));
  }

  /**
   * The same with more events. A row that it has already, the very same, is not added again.
   * @throws {RangeError} When a name is no event's, or is another event's already.
   */
  with(table: EventTable): EventVocabulary {
    const added: Record<string, EventEntry> = { ...this.added };
    for (const [name, entry] of Object.entries(table)) {
      const there = this.entry(name);
      if (there === entry) continue;
      if (there !== null || this.number(name) >= 0) {
        throw new RangeError(`There is an event "${name}" already: choose another name`);
      }
      if (!EVENT_FORM.test(name)) {
        throw new RangeError(`"${name}" cannot be an event's name: it is like "timer.expire"`);
      }
      added[name] = entry;
    }
    return new EventVocabulary(added);
  }

  /** An event as it is delivered: one of an added kind carries what its table says of it. */
  withRow<E extends object>(number: number, event: E): E {
    if (number < CORE_NAMES.length) return event;
    return { ...event, row: this.added[this.names[number]!]! };
  }

  /** An event's number, which indexes counters and latencies; -1 for a name that is no event. */
  number(name: string): number {
    return this.#numbers.get(name) ?? -1;
  }

  /** The row of an event that is not a call's; null for any other name. */
  entry(name: string): EventEntry | null {
    if (Object.hasOwn(EVENT_TABLE, name)) return EVENT_TABLE[name as EventTableName];
    return Object.hasOwn(this.added, name) ? this.added[name]! : null;
  }

  /** The fields that an event carries, by name; none for a name that is no event. */
  fields(name: string): FieldTable {
    const entry = this.entry(name);
    if (entry !== null) return entry.fields;
    if (this.number(name) < 0) return {};
    const call = name.slice(name.indexOf(".") + 1) as KernelCall;
    return name.startsWith("ret.") ? callEnd(call) : CALL_TABLE[call].arguments;
  }

  /** A field of an event, or what every event carries under that name; null when it has none. */
  field(name: string, field: string): Field | null {
    for (const fields of [this.fields(name), COMMON_FIELDS] as readonly FieldTable[]) {
      if (Object.hasOwn(fields, field)) return fields[field]!;
    }
    return null;
  }
}

/** What belongs together, a dot, and what happens. */
const EVENT_FORM = /^(?!call\.|ret\.)[a-z]\w*\.[a-z]\w*$/;

const CORE_NAMES: readonly EventName[] = [
  ...(Object.keys(EVENT_TABLE) as EventTableName[]),
  ...KERNEL_CALLS.flatMap((call): EventName[] => [`call.${call}`, `ret.${call}`]),
];

/** The events above, and no more. */
export const CORE_EVENTS: EventVocabulary = new EventVocabulary();

/** Every event's name, in the order of their numbers. */
export const EVENT_NAMES: readonly EventName[] = CORE_EVENTS.names;

/** An event's number, which indexes counters and latencies; -1 for a name that is no event. */
export function eventNumber(name: string): number {
  return CORE_EVENTS.number(name);
}

/** The row of an event that is not a call's; null for any other name. */
export function eventEntry(name: string): EventEntry | null {
  return CORE_EVENTS.entry(name);
}

/** The fields that an event carries, by name; none for a name that is no event. */
export function eventFields(name: string): FieldTable {
  return CORE_EVENTS.fields(name);
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
  return CORE_EVENTS.number(name) as EventId<N>;
}
