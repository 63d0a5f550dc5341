/** A set of tables that are updated from the same events. */
import { groupBy } from "../lists.ts";
import type { Bytes } from "../address.ts";
import type { EventVocabulary } from "../event_vocabulary.ts";
import { HistoryTable } from "./history_table.ts";
import type { AnyTableSpec, TableEvent } from "./history_table_spec.ts";
import type { ValuePool } from "./value_pool.ts";

/** The effect of one kind of event on the table at `index` in the list of tables. */
interface Change {
  readonly index: number;
  readonly make: (rows: HistoryTable, event: TableEvent) => void;
}

/**
 * The effects of events on the tables of a list, by event name. Cached, because a sweep makes a table set for
 * each of its machines.
 */
const CHANGES = new WeakMap<readonly AnyTableSpec[], ReadonlyMap<string, readonly Change[]>>();

function changesOf(specs: readonly AnyTableSpec[]): ReadonlyMap<string, readonly Change[]> {
  const changes = CHANGES.get(specs) ?? groupBy(
    // The name determines the event's type, as in the event stream. The type system cannot express
    // this.
    specs.flatMap((spec, index) =>
      Object.entries(spec.changes as Record<string, Change["make"]>)
        .map(([name, make]) => ({ name, index, make }))
    ),
    ({ name }) => name,
  );
  CHANGES.set(specs, changes);
  return changes;
}

const NO_CHANGES: readonly Change[] = [];

/** The properties of a machine that tables use. */
export interface Granules {
  readonly iommu: {
    readonly granuleBytes: Bytes;
    /** For each device that shares a domain, by the device's name: the name of that domain. */
    readonly sharers: ReadonlyMap<string, string>;
  };
  readonly pages: { readonly pageSizeBytes: Bytes };
}

/**
 * The tables of a machine. A table is created at its first change, because a sweep has many machines with few
 * events.
 */
export class TableSet {
  readonly #changed = new Map<string, HistoryTable>();
  /** Tables by index of their specification; undefined before the first change. */
  readonly #tables: (HistoryTable | undefined)[] = [];
  /**
   * For each kind of event, by the kind's number: the effects of its events on the tables;
   * undefined before the first event of the kind.
   */
  readonly #changes: (readonly Change[] | undefined)[];
  readonly #changesByName: ReadonlyMap<string, readonly Change[]>;
  readonly #sharers: ReadonlyMap<string, string>;
  /** The event object that tables receive, reused so that no event allocates one (`hunt.cases`). */
  readonly #event: { -readonly [K in keyof TableEvent]: TableEvent[K] };

  /**
   * @param vocabulary The vocabulary of the machine that emits the events which change the tables.
   */
  constructor(
    private readonly specs: readonly AnyTableSpec[],
    { iommu, pages }: Granules,
    private readonly pool: ValuePool,
    readonly vocabulary: EventVocabulary,
  ) {
    this.#changes = new Array(vocabulary.names.length);
    this.#changesByName = changesOf(specs);
    this.#sharers = iommu.sharers;
    this.#event = {
      seq: 0,
      device: null,
      domain: "",
      request: null,
      fields: {} as TableEvent["fields"],
      granuleBytes: iommu.granuleBytes,
      pageBytes: pages.pageSizeBytes,
    };
  }

  #table(index: number): HistoryTable {
    const known = this.#tables[index];
    if (known !== undefined) return known;
    const table = new HistoryTable(this.specs[index]!, this.pool);
    this.#changed.set(table.spec.name, table);
    return this.#tables[index] = table;
  }

  /** All tables by name, in the order in which they were declared. */
  all(): ReadonlyMap<string, HistoryTable> {
    return new Map(this.specs.map(({ name }, index) => [name, this.#table(index)]));
  }

  /** Tables with changes, by name. */
  get changed(): ReadonlyMap<string, HistoryTable> {
    return this.#changed;
  }

  /** Removes the rows of all tables. */
  clear(): void {
    for (const table of this.#changed.values()) table.clear();
  }

  /** Applies an event to its tables. */
  change(
    kind: number,
    seq: number,
    device: string | null,
    request: number | null,
    fields: object,
  ): void {
    const changes = this.#changes[kind] ??= this.#changesByName.get(this.vocabulary.names[kind]!) ??
      NO_CHANGES;
    if (changes.length === 0) return;
    const own = device ?? "";
    const event = this.#event;
    event.seq = seq;
    event.device = device;
    event.domain = this.#sharers.size === 0 ? own : this.#sharers.get(own) ?? own;
    event.request = request;
    // The kind determines the fields, as the name does in the event stream. The type system cannot
    // express this.
    event.fields = fields as TableEvent["fields"];
    for (let index = 0; index < changes.length; index++) {
      const { index: table, make } = changes[index]!;
      make(this.#tables[table] ?? this.#table(table), event);
    }
  }
}
