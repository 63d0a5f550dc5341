/** Tables that events change together. */
import type { Bytes } from "../address.ts";
import type { EventVocabulary } from "../event_vocabulary.ts";
import { HistoryTable } from "./history_table.ts";
import type { AnyTableSpec, TableEvent } from "./history_table_spec.ts";
import type { ValuePool } from "./value_pool.ts";

/** The action of the table with an index at one kind of event. */
interface Change {
  readonly index: number;
  readonly make: (rows: HistoryTable, event: TableEvent) => void;
}

/** What events do to the tables of a list, by the events' names. A sweep makes a set for each of its machines. */
const CHANGES = new WeakMap<readonly AnyTableSpec[], ReadonlyMap<string, readonly Change[]>>();

function changesOf(specs: readonly AnyTableSpec[]): ReadonlyMap<string, readonly Change[]> {
  const changes = CHANGES.get(specs) ?? Map.groupBy(
    // The name leads to the event's type, here as in the stream: no type can say so.
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

/** What tables know of the machine itself, as a machine has it. */
export interface Granules {
  readonly iommu: {
    readonly granuleBytes: Bytes;
    /** Of each device that shares its domain: the name of that domain. */
    readonly sharers: ReadonlyMap<string, string>;
  };
  readonly pages: { readonly pageSizeBytes: Bytes };
}

/** Each table is made when something first changes it: a sweep has many machines, on which little happens. */
export class TableSet {
  readonly #changed = new Map<string, HistoryTable>();
  /** By specification; none where nothing has changed it. */
  readonly #tables: (HistoryTable | undefined)[] = [];
  /** By the number of a kind of event; none where none of it has happened. */
  readonly #changes: (readonly Change[] | undefined)[];
  readonly #changesByName: ReadonlyMap<string, readonly Change[]>;
  readonly #sharers: ReadonlyMap<string, string>;
  /** What tables are given: each event is put into it, so that none makes an object (`hunt.cases`). */
  readonly #event: { -readonly [K in keyof TableEvent]: TableEvent[K] };

  /** @param vocabulary Of the machine with the events that change them. */
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

  /** Those that something has changed, by name. */
  get changed(): ReadonlyMap<string, HistoryTable> {
    return this.#changed;
  }

  /** Makes all tables empty, as new ones are. */
  clear(): void {
    for (const table of this.#changed.values()) table.clear();
  }

  /** An event has happened: it changes its tables. */
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
    // The kind leads to the fields, as the name does in the stream: no type can say so.
    event.fields = fields as TableEvent["fields"];
    for (let index = 0; index < changes.length; index++) {
      const { index: table, make } = changes[index]!;
      make(this.#tables[table] ?? this.#table(table), event);
    }
  }
}
