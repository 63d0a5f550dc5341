/**
 * The event vocabulary: every event, with the fields that describe it.
 *
 * This table is the contract between the runtime and the devices, which emit events, and their
 * readers: assertions, counters, the checker, traces, the stepper, exports. Names and fields are
 * never removed; more may be added. Field names end in their unit (`_bytes`, `_ns`); addresses have
 * no suffix. `docs/events.md` is generated from this table by `deno task reference`.
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

/** Every event except the `call.` and `ret.` pairs, which `CALL_TABLE` lists. */
export const EVENT_TABLE = { ...MAPPING_EVENTS, ...DISK_EVENTS, ...SHARING_EVENTS };

/** Fields that every event has besides its own, if a pattern may test them. */
export const COMMON_FIELDS = {
  seq: described(INT, "its sequence number on the machine, from 1"),
  at_ns: described(DURATION, "virtual time of its CPU, or of the device that caused it"),
  cpu: described(INT, "the CPU it happened on"),
  device: described(optional(TEXT), "the name of the device concerned, or none"),
  request: described(optional(INT), "the number of the request concerned, or none"),
} satisfies FieldTable;

/** Any value of an event's field, or of an input of a decision. */
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

/** The fields of an event named `N`. */
export type EventFields<N extends EventName> = N extends EventTableName
  ? AllHold<EventTables[N]["fields"]>
  : N extends `call.${infer C extends KernelCall}` ? AllHold<CallTables[C]["arguments"]>
  : N extends `ret.${infer C extends KernelCall}` ? CallEnd<C>
  : never;

/** Maximum number of kinds of events on one machine: the event log has no room for more. */
export const MAX_EVENTS = 1024;

/**
 * All events of a machine: the events above, and the events of tables that other workspace members
 * added. A machine's vocabulary never changes. The numbers of the events above are the same in all
 * vocabularies.
 */
export class EventVocabulary {
  /**
   * Every event's name, in the order of their numbers. The names of added events are included,
   * although the type lacks them.
   */
  readonly names: readonly EventName[];
  /** By event number: whether a device emits the event, rather than a CPU. */
  readonly byDevice: readonly boolean[];
  /** The rows that were added, by name. */
  readonly added: EventTable;
  readonly #numbers: ReadonlyMap<string, number>;

  /** @param added Events besides those above. */
  constructor(added: EventTable = {}) {
    this.added = added;
    // The type covers only the runtime's own events, because the runtime's code uses no others.
    this.names = [...CORE_NAMES, ...Object.keys(added) as EventName[]];
    if (this.names.length > MAX_EVENTS) {
      throw new RangeError(`There is room for ${MAX_EVENTS} kinds of events`);
    }
    this.byDevice = this.names.map((name) => this.entry(name)?.byDevice === true);
    this.#numbers = new Map(this.names.map((name, index) => [name, index]));
  }

  /**
   * Makes a vocabulary with more events. A row object that this vocabulary already contains is not
   * added again.
   * @throws {RangeError} When a name is not a valid event name, or already belongs to another row.
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

  /** Adds the event's table row to an event of an added table; returns other events unchanged. */
  withRow<E extends object>(number: number, event: E): E {
    if (number < CORE_NAMES.length) return event;
    return { ...event, row: this.added[this.names[number]!]! };
  }

  /** An event's number, which indexes counters and latencies; -1 for a name that is no event. */
  number(name: string): number {
    return this.#numbers.get(name) ?? -1;
  }

  /**
   * The row of an event that does not belong to a call; null for a call's event or an unknown name.
   */
  entry(name: string): EventEntry | null {
    if (Object.hasOwn(EVENT_TABLE, name)) return EVENT_TABLE[name as EventTableName];
    return Object.hasOwn(this.added, name) ? this.added[name]! : null;
  }

  /** The fields of an event, by name; empty for an unknown event. */
  fields(name: string): FieldTable {
    const entry = this.entry(name);
    if (entry !== null) return entry.fields;
    if (this.number(name) < 0) return {};
    const call = name.slice(name.indexOf(".") + 1) as KernelCall;
    return name.startsWith("ret.") ? callEnd(call) : CALL_TABLE[call].arguments;
  }

  /** A field of an event, or the common field of that name; null when there is no such field. */
  field(name: string, field: string): Field | null {
    for (const fields of [this.fields(name), COMMON_FIELDS] as readonly FieldTable[]) {
      if (Object.hasOwn(fields, field)) return fields[field]!;
    }
    return null;
  }
}

/** Form of an event name: its group, a dot, and what happened. */
const EVENT_FORM = /^(?!call\.|ret\.)[a-z]\w*\.[a-z]\w*$/;

const CORE_NAMES: readonly EventName[] = [
  ...(Object.keys(EVENT_TABLE) as EventTableName[]),
  ...KERNEL_CALLS.flatMap((call): EventName[] => [`call.${call}`, `ret.${call}`]),
];

/** The vocabulary of the events above only. */
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

/** The fields of an event, by name; empty for an unknown event. */
export function eventFields(name: string): FieldTable {
  return CORE_EVENTS.fields(name);
}

/** The word sets of all fields, each once, however many fields use it. */
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
 * The number of an event, with the event's type. A module looks it up once, when it is loaded.
 *
 * @example
 * ```ts
 * const IOVA_ALLOC = eventId("iova.alloc");
 * ```
 */
export type EventId<N extends EventName = EventName> = number & { readonly eventName?: N };

/** The handle with which an event is counted and emitted. */
export function eventId<N extends EventName>(name: N): EventId<N> {
  return CORE_EVENTS.number(name) as EventId<N>;
}
