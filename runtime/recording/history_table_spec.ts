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

/** A call of the kernel, with a return event that has only the result. */
export interface KernelCallRecord {
  readonly seq: number;
  readonly size_bytes: Bytes;
  /** Empty where it has none. */
  readonly pool: string;
}

/** A table's view of an event. Not to be kept: the next event is put into the same object. */
export interface TableEvent<N extends EventName = EventName>
  extends Pick<EventOf<N>, "seq" | "device" | "request" | "fields"> {
  /** The domain of the device: its own name, or `x+y` for a group; empty without a device. */
  readonly domain: string;
  /** The smallest page of the machine's IOMMU. */
  readonly granuleBytes: Bytes;
  /** A page of the machine's memory. */
  readonly pageBytes: Bytes;
}

/**
 * How rows that hold at the end of a test are reported.
 * @internal
 */
export interface LeakSpec<F extends FieldTable> {
  readonly kind: HeldResourceKind;
  /**
   * Where a row lies in its space, null without a place, and its size; null for a row that is no
   * leak.
   */
  readonly at: (row: HistoryRow<F>) => readonly [start: number | null, amount: number] | null;
  /** A row that the machine keeps itself, so that it need not be freed. */
  readonly isForGood?: (machine: Machine, row: HistoryRow<F>) => boolean;
  /** Its description and place, as a sentence without a final period. */
  readonly text: (amount: number, start: number, row: HistoryRow<F>) => string;
  /** Neighbours are separate leaks. */
  readonly isApart?: boolean;
}

/**
 * The effect of an event of one name on a table.
 * @internal
 */
export type Changes<F extends FieldTable> = {
  readonly [N in EventName]?: (rows: HistoryTable<F>, event: TableEvent<N>) => void;
};

/**
 * The effect of an event of an added table on a table of facts.
 * @internal
 */
export type AddedChanges<F extends FieldTable, T extends EventTable> = {
  readonly [N in keyof T]?: (
    rows: HistoryTable<F>,
    event: Omit<TableEvent, "fields"> & { readonly fields: TableFieldsOf<T, N> },
  ) => void;
};

/**
 * The definition of a table, once for everything that fills, reads or prints it. `E` is the table
 * of events that change it besides those of the runtime.
 */
export interface HistoryTableSpec<
  F extends FieldTable = FieldTable,
  N extends string = string,
  E extends EventTable = Record<never, never>,
> {
  /** The name for queries. */
  readonly name: N;
  /** The meaning of a row, as a sentence. */
  readonly doc: string;
  /** The fields of a row, by name. */
  readonly fields: F;
  /**
   * The fields that tell a row from any other that holds at the same moment, unless `isBag` is set;
   * `place` comes behind them. In a table of ranges the last one is the beginning of the range.
   */
  readonly key: readonly FieldName<F>[];
  /** A last number of the key that is made of several fields. */
  readonly place?: (values: AllHold<F>) => number;
  /** Several rows with the same key may hold at once. */
  readonly isBag?: boolean;
  /** How many bytes a row covers, from each of its addresses on. */
  readonly size?: FieldName<F>;
  /** The address from which on a row covers them; the last field of the key when left out. */
  readonly address?: FieldName<F>;
  /** Rows are ranges that can be cut: the fields that move with a row's beginning. */
  readonly moving?: readonly FieldName<F>[];
  /** What each event does to it, by the name of the event. */
  readonly changes: Changes<F> & AddedChanges<F, E>;
  /** For a table of resources that have to be freed. */
  readonly leak?: LeakSpec<F>;
  /** Reads the rows that hold now off the machine itself; without it a new machine has none. */
  readonly read?: (machine: Machine, add: (row: AllHold<F>) => void) => void;
}

/**
 * A table of whatever fields, for code that uses no table by name. Its readers and writers get its
 * own rows, which a type for all tables cannot express.
 */
// deno-lint-ignore no-explicit-any
export type AnyTableSpec = HistoryTableSpec<any, string, any>;
