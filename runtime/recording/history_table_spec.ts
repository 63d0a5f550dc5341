/** The definition of a table of facts: its fields, its key, and the events that change it. */
import type { Bytes } from "../address.ts";
import type { EventName } from "../event_vocabulary.ts";
import type { EventOf, TableFieldsOf } from "../events.ts";
import type { Machine } from "../machine.ts";
import type { HistoryTable } from "./history_table.ts";
import type { HeldResourceKind } from "../leaks/leak_kinds.ts";
import type { AllHold, EventTable, FieldTable } from "../vocabulary/fields.ts";
import type { Lifetime } from "./live_lists.ts";

/**
 * One row of a table.
 * @internal
 */
export type HistoryRow<F extends FieldTable = FieldTable> = AllHold<F> & Lifetime;

/** @internal */
export type FieldName<F extends FieldTable> = Extract<keyof F, string>;

/** A kernel call, kept until its return event, because that event has only the result. */
export interface KernelCallRecord {
  readonly seq: number;
  readonly size_bytes: Bytes;
  /** Name of the pool; empty where the call has none. */
  readonly pool: string;
}

/** An event as tables see it. Do not keep it: the same object is used for the next event. */
export interface TableEvent<N extends EventName = EventName>
  extends Pick<EventOf<N>, "seq" | "device" | "request" | "fields"> {
  /** The domain of the device: the device's name, or `x+y` for a group; empty without a device. */
  readonly domain: string;
  /** Size of the smallest page of the machine's IOMMU. */
  readonly granuleBytes: Bytes;
  /** Size of a page of the machine's memory. */
  readonly pageBytes: Bytes;
}

/**
 * How the rows that are still valid at the end of a test are reported.
 * @internal
 */
export interface LeakSpec<F extends FieldTable> {
  readonly kind: HeldResourceKind;
  /**
   * The address of a row in its address space (null for a row without an address), and the row's
   * size. Returns null for a row that is not a leak.
   */
  readonly at: (row: HistoryRow<F>) => readonly [start: number | null, amount: number] | null;
  /** True for a resource that the machine itself keeps, so that it need not be freed. */
  readonly isForGood?: (machine: Machine, row: HistoryRow<F>) => boolean;
  /** What leaked and where, as a sentence without a final period. */
  readonly text: (amount: number, start: number, row: HistoryRow<F>) => string;
  /** Adjacent rows are separate leaks, rather than one. */
  readonly isApart?: boolean;
}

/**
 * The effects of events on a table, by the event's name.
 * @internal
 */
export type Changes<F extends FieldTable> = {
  readonly [N in EventName]?: (rows: HistoryTable<F>, event: TableEvent<N>) => void;
};

/**
 * How the events of an added event table change a table of facts.
 * @internal
 */
export type AddedChanges<F extends FieldTable, T extends EventTable> = {
  readonly [N in keyof T]?: (
    rows: HistoryTable<F>,
    event: Omit<TableEvent, "fields"> & { readonly fields: TableFieldsOf<T, N> },
  ) => void;
};

/**
 * The definition of a table, shared by all code that fills, reads or prints it. `E` is an event
 * table: its events change the defined table, in addition to the runtime's events.
 */
export interface HistoryTableSpec<
  F extends FieldTable = FieldTable,
  N extends string = string,
  E extends EventTable = Record<never, never>,
> {
  /** The table's name in queries. */
  readonly name: N;
  /** The meaning of a row, as a sentence. */
  readonly doc: string;
  /** The fields of a row, by name. */
  readonly fields: F;
  /**
   * The fields that identify a row among those valid at the same time, unless `isBag` is set; the
   * result of `place` is added after them. In a table of ranges the last field is the start of the
   * range.
   */
  readonly key: readonly FieldName<F>[];
  /** Calculates the last part of the key, a number, from several fields. */
  readonly place?: (values: AllHold<F>) => number;
  /** Several rows with the same key may be valid at once. */
  readonly isBag?: boolean;
  /** The field with the number of bytes that a row covers from its address on. */
  readonly size?: FieldName<F>;
  /** The field with a row's start address; default: the last field of the key. */
  readonly address?: FieldName<F>;
  /**
   * For rows that are ranges and can be cut: the fields that increase together with the start of the
   * range.
   */
  readonly moving?: readonly FieldName<F>[];
  /** The effect of each event, by the event's name. */
  readonly changes: Changes<F> & AddedChanges<F, E>;
  /** For a table of resources that have to be freed. */
  readonly leak?: LeakSpec<F>;
  /** Reads the valid rows from the machine at the start; without it the table starts empty. */
  readonly read?: (machine: Machine, add: (row: AllHold<F>) => void) => void;
}

/**
 * A table with any fields, for code that handles all tables alike. It has `any`, because no type
 * that fits all tables can express the row types of the functions that read and write a table.
 */
// deno-lint-ignore no-explicit-any
export type AnyTableSpec = HistoryTableSpec<any, string, any>;
