/** Tables that events change together. */
import type { Bytes } from "../address.ts";
import type { EventName, EventVocabulary } from "../event_vocabulary.ts";
import { HistoryTable } from "./history_table.ts";
import type { AnyTableSpec, TableEvent } from "./history_table_spec.ts";
import type { ValuePool } from "./value_pool.ts";

/** What one table does at one kind of event. */
interface Change {
  readonly table: HistoryTable;
  readonly make: (rows: HistoryTable, event: TableEvent) => void;
}

/** What tables know of the machine itself, as a machine has it. */
export interface Granules {
  readonly iommu: {
    readonly granuleBytes: Bytes;
    /** Of each device that shares its domain: the name of that domain. */
    readonly sharers: ReadonlyMap<string, string>;
  };
  readonly pages: { readonly pageSizeBytes: Bytes };
}

export class TableSet {
  /** By name, in the order in which they were declared. */
  readonly tables: ReadonlyMap<string, HistoryTable>;
  /** By the number of a kind of event; none where it changes nothing. */
  readonly #changes: (Change[] | undefined)[];
  readonly #granuleBytes: Bytes;
  readonly #sharers: ReadonlyMap<string, string>;
  readonly #pageBytes: Bytes;

  /** @param vocabulary Of the machine whose events change them. */
  constructor(
    specs: readonly AnyTableSpec[],
    { iommu, pages }: Granules,
    pool: ValuePool,
    readonly vocabulary: EventVocabulary,
  ) {
    this.#changes = new Array(vocabulary.names.length);
    this.#granuleBytes = iommu.granuleBytes;
    this.#sharers = iommu.sharers;
    this.#pageBytes = pages.pageSizeBytes;
    const tables = new Map<string, HistoryTable>();
    for (const spec of specs) {
      const table = new HistoryTable(spec, pool);
      tables.set(spec.name, table);
      for (const name of Object.keys(spec.changes) as EventName[]) {
        // The name leads to the event's type, here as in the stream: no type can say so.
        const make = spec.changes[name] as Change["make"];
        (this.#changes[vocabulary.number(name)] ??= []).push({ table, make });
      }
    }
    this.tables = tables;
  }

  /** Makes all tables empty, as new ones are. */
  clear(): void {
    for (const table of this.tables.values()) table.clear();
  }

  /** An event has happened: it changes its tables. */
  change(
    kind: number,
    seq: number,
    device: string | null,
    request: number | null,
    fields: object,
  ): void {
    const changes = this.#changes[kind];
    if (changes === undefined) return;
    const granuleBytes = this.#granuleBytes;
    const pageBytes = this.#pageBytes;
    // The kind leads to the fields, as the name does in the stream: no type can say so.
    const own = device ?? "";
    const domain = this.#sharers.size === 0 ? own : this.#sharers.get(own) ?? own;
    const event = { seq, device, domain, request, fields, granuleBytes, pageBytes } as TableEvent;
    for (let index = 0; index < changes.length; index++) {
      const { make, table } = changes[index]!;
      make(table, event);
    }
  }
}
