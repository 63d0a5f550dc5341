/**
 * Tracks the resources that a part of a run has allocated and not freed: the rows that remain in
 * the tables of allocated resources. The tables begin empty, and events fill them. The event that
 * created a row shows which code leaks the resource.
 */
import { groupBy } from "./lists.ts";
import type { Bytes } from "./address.ts";
import { countBefore } from "./binary_search.ts";
import type { UnreleasedRecord } from "./dma/checker/dma_checker.ts";
import type { EventName } from "./event_vocabulary.ts";
import type { MachineEvent } from "./events.ts";
import { type HeldResourceKind, LEAK_KINDS } from "./leaks/leak_kinds.ts";
import type { Machine } from "./machine.ts";
import type { HistoryTable } from "./recording/history_table.ts";
import type { AnyTableSpec, HistoryRow } from "./recording/history_table_spec.ts";
import { TableSet } from "./recording/table_set.ts";
import { HOST_MEMORY, likeness, POOL_BLOCKS } from "./recording/tables/held.ts";
import { MAPPINGS } from "./recording/tables/mappings.ts";
import { RUNTIME_TABLES } from "./recording/tables/runtime_tables.ts";
import { ValuePool } from "./recording/value_pool.ts";

/** A resource that was allocated and not freed. */
export interface Leak {
  readonly kind: HeldResourceKind;
  readonly device: string | null;
  /** Number of bytes, of slots or of mappings. */
  readonly amount: number;
  /**
   * The addresses that the resource occupies in its address space, `[start, end)`; null without an
   * address.
   */
  readonly span: { readonly start: number; readonly end: number } | null;
  /** What leaked and where, as a sentence without a final period. */
  readonly text: string;
  /**
   * The event that allocated the resource. If several events did, this is the first of them. Null
   * where the resource belongs to no single event.
   */
  readonly taken: MachineEvent | null;
  /** Numbers of all events that allocated parts of the resource; empty where they are unknown. */
  readonly takenSeqs: readonly number[];
  /** The statement that allocated the resource; null where it belongs to no single statement. */
  readonly site: number | null;
}

/**
 * Tables of allocated resources, and the events that changed them. A table without rows may be
 * missing.
 */
export interface ResourceTables {
  readonly tables: ReadonlyMap<string, HistoryTable>;
  event(seq: number): MachineEvent;
}

/** A remaining row, with the event that created it. */
interface Left {
  readonly row: HistoryRow;
  readonly start: number | null;
  readonly amount: number;
  readonly event: MachineEvent;
}

const ORDER: readonly string[] = [...Object.keys(LEAK_KINDS), "peer_memory"];

/**
 * The remaining rows of a ledger's tables. Left out are resources that the machine already had when
 * the tables began, and resources that it keeps permanently.
 * @param counts Returns whether resources that an event allocated are counted.
 */
export function leaksOf(
  machine: Machine,
  ledger: ResourceTables,
  counts: (event: MachineEvent) => boolean = () => true,
): readonly Leak[] {
  const grows = growthOf(ledger);
  const leaks = [...ledger.tables.values()].flatMap((table): readonly Leak[] => {
    const { leak } = table.spec;
    if (leak === undefined) return [];
    const left = table.liveRows().flatMap((number): Left | [] => {
      const row = table.row(number);
      const place = row.createdSeq === 0 || grows(row.createdSeq) ? null : leak.at(row);
      if (place === null || place[1] <= 0 || leak.isForGood?.(machine, row) === true) return [];
      const event = ledger.event(row.createdSeq);
      return counts(event) ? { row, start: place[0], amount: place[1], event } : [];
    });
    return left.length === 0 ? [] : joined(table, left, ledger);
  });
  return leaks.sort((a, b) => ORDER.indexOf(a.kind) - ORDER.indexOf(b.kind));
}

/**
 * Whether a pool grew by the memory that an event allocated. Such memory is no leak, because the pool
 * keeps it for other users, too.
 */
function growthOf({ tables }: ResourceTables): (seq: number) => boolean {
  const blocks = tables.get(POOL_BLOCKS.name);
  return (seq) => {
    if (blocks === undefined) return false;
    const next = countBefore(blocks.count, (row) => blocks.since(row) <= seq);
    return next < blocks.count && Number(blocks.value(next, "call")) < seq;
  };
}

/**
 * The leaks of one table. Adjacent rows of one statement are one leak. Rows that have no address
 * and belong to one statement are one leak, too.
 */
function joined(
  table: HistoryTable,
  left: readonly Left[],
  ledger: ResourceTables,
): readonly Leak[] {
  const { isApart = false } = table.spec.leak!;
  const groups = groupBy(
    isApart ? left : left.toSorted((a, b) => (a.start ?? 0) - (b.start ?? 0)),
    ({ event: { device, site }, row, start }) =>
      start !== null ? device : isMixed(table, row, ledger) ? row.what : `${device} ${site}`,
  );
  return [...groups].flatMap(([group, all]) => {
    const runs: Left[][] = [];
    for (const each of all) {
      const run = runs.at(-1);
      const last = run?.at(-1);
      const goesOn = last !== undefined && !isApart && (each.start === null ||
        last.start! + last.amount === each.start && sameWork(last.event, each.event));
      if (goesOn) run!.push(each);
      else runs.push([each]);
    }
    return runs.map((run) => leakOf(table, run, group === run[0]!.row.what));
  });
}

function leakOf({ spec }: HistoryTable, run: readonly Left[], isMixed: boolean): Leak {
  const { kind, text } = spec.leak!;
  const [{ event: { device }, row, start }] = run as [Left];
  const amount = run.reduce((sum, each) => sum + each.amount, 0);
  const events = run.map(({ event }) => event).sort((a, b) => a.seq - b.seq);
  const taken = isMixed ? null : events[0]!;
  return {
    kind,
    device,
    amount,
    span: start === null ? null : { start, end: start + amount },
    text: text(amount, start ?? 0, row),
    taken,
    takenSeqs: isMixed ? [] : events.map(({ seq }) => seq),
    site: taken?.site ?? null,
  };
}

/** Whether two allocations were made by one statement for one request. */
function sameWork(one: MachineEvent, other: MachineEvent): boolean {
  return one.site === other.site && one.request === other.request;
}

/**
 * Whether a free of host memory matched blocks of several statements equally well. It is then
 * unknown which statement allocated the remaining blocks.
 */
function isMixed(table: HistoryTable, { what }: HistoryRow, { event }: ResourceTables): boolean {
  if (table.spec.name !== HOST_MEMORY.name) return false;
  const all = Array.from({ length: table.count }, (_, number) => table.row(number))
    .filter((row) => row.what === what);
  const siteOf = ({ createdSeq }: Pick<HistoryRow, "createdSeq">) => event(createdSeq).site;
  if (all.every((row) => siteOf(row) === siteOf(all[0]!))) return false;
  return all.some((freed) => {
    if (freed.endedSeq === null) return false;
    const free = event(freed.endedSeq);
    return table.rowsAt(freed.endedSeq - 1).map((number) => table.row(number)).some((row) =>
      row.what === what && row.size_bytes === freed.size_bytes &&
      likeness(row, free) === likeness(freed, free) && siteOf(row) !== siteOf(freed)
    );
  });
}

/** A ledger of a machine's events, which must be sorted. It has the tables that they change. */
export function ledgerOf(
  machine: Machine,
  specs: readonly AnyTableSpec[],
  events: readonly MachineEvent[],
): ResourceTables {
  const { ledger } = trackedTables(specs);
  const set = new TableSet(ledger, machine, new ValuePool(), machine.events.vocabulary);
  for (const event of events) changeBy(set, event);
  // In the order of `ledger`, which is that of the leaks of one kind.
  const changed = ledger.filter(({ name }) => set.changed.has(name));
  const tables = new Map(changed.map(({ name }) => [name, set.changed.get(name)!]));
  return { tables, event: (seq) => eventOf(events, seq) };
}

function changeBy(set: TableSet, { device, fields, name, request, seq }: MachineEvent): void {
  set.change(set.vocabulary.number(name), seq, device, request, fields);
}

/** The event with a number, in a sorted list. */
function eventOf(events: readonly MachineEvent[], seq: number): MachineEvent {
  return events[countBefore(events.length, (index) => events[index]!.seq < seq)]!;
}

interface TrackedTables {
  /** Tables of resources: rows that remain are leaks. */
  readonly held: readonly AnyTableSpec[];
  /** What changes them. */
  readonly events: readonly EventName[];
  /**
   * The tables of `held`, and the table of mappings, in which the event that made a mapping is
   * looked up.
   */
  readonly ledger: readonly AnyTableSpec[];
}

/**
 * Cached for each list of tables, because a sweep tracks each of its machines, and a race tracks
 * each of its orders.
 */
const TRACKED = new WeakMap<readonly AnyTableSpec[], TrackedTables>();

function trackedTables(specs: readonly AnyTableSpec[]): TrackedTables {
  const known = TRACKED.get(specs);
  if (known !== undefined) return known;
  const held = specs.filter(({ leak }) => leak !== undefined);
  const tables = {
    held,
    events: held.flatMap(({ changes }) => Object.keys(changes) as EventName[]),
    ledger: specs.filter((spec) => held.includes(spec) || spec.name === MAPPINGS.name),
  };
  TRACKED.set(specs, tables);
  return tables;
}

/**
 * Tracks resources from the tracker's creation on. Events are stored, and put into tables only at
 * the first query.
 */
export class ResourceTracker {
  readonly #machine: Machine;
  readonly #specs: readonly AnyTableSpec[];
  /** Null until the first query: most orders of a race make no query. */
  #set: TableSet | null = null;
  /** Stops the tracking. Its results stay. */
  readonly stop: () => void;
  readonly #events: MachineEvent[] = [];
  /** Number of events that are already in the tables. */
  #entered = 0;
  #mappingsBefore: number;
  /** Serial number of the checker's last record before the tracking began. */
  #serial: number;

  constructor(machine: Machine, specs: readonly AnyTableSpec[] = RUNTIME_TABLES) {
    this.#machine = machine;
    this.#mappingsBefore = machine.iommu.liveMappings;
    this.#serial = machine.checker?.lastSerial ?? 0;
    const { events, held } = trackedTables(specs);
    this.#specs = held;
    this.stop = machine.events.listen((event) => void this.#events.push(event), events);
  }

  /** Starts again from the current state, and keeps the tables' capacity. */
  restart(): void {
    this.#events.length = 0;
    if (this.#entered > 0) this.#set!.clear();
    this.#entered = 0;
    this.#mappingsBefore = this.#machine.iommu.liveMappings;
    this.#serial = this.#machine.checker?.lastSerial ?? 0;
  }

  #ledger(): ResourceTables {
    const events = this.#events;
    const { vocabulary } = this.#machine.events;
    const set = this.#set ??= new TableSet(
      this.#specs,
      this.#machine,
      new ValuePool(),
      vocabulary,
    );
    while (this.#entered < events.length) changeBy(set, events[this.#entered++]!);
    return { tables: set.changed, event: (seq) => eventOf(events, seq) };
  }

  /**
   * Host memory that was allocated for mappings, freed or not. Memory by which a pool grows is left
   * out, because it serves other users, too.
   */
  get takenBytes(): Bytes {
    const memory = this.#ledger().tables.get(HOST_MEMORY.name);
    if (memory === undefined) return 0;
    let bytes = 0;
    for (let row = 0; row < memory.count; row++) {
      if (memory.value(row, "what") !== "pool_page") {
        bytes += Number(memory.value(row, "size_bytes"));
      }
    }
    return bytes;
  }

  /**
   * The resources allocated and not freed so far. Mappings come last. Mappings behind an IOMMU are
   * only counted. Direct mappings, which hold no other resource, come from the checker's records;
   * the leak report at a test's end uses the same records.
   */
  leaks(): readonly Leak[] {
    const { checker, iommu } = this.#machine;
    const mappings = iommu.liveMappings - this.#mappingsBefore;
    const records = checker?.leftSince(this.#serial).filter(({ isBare }) => isBare) ?? [];
    const groups = groupBy(records, ({ device, site }) => `${device} ${site}`);
    return [
      ...leaksOf(this.#machine, this.#ledger()),
      ...mappings <= 0 ? [] : [{
        kind: "mapping" as const,
        device: null,
        amount: mappings,
        span: null,
        text: `${mappings} more mapping${mappings === 1 ? "" : "s"} live than before`,
        taken: null,
        takenSeqs: [],
        site: null,
      }],
      ...[...groups.values()].map(directLeakOf),
    ];
  }
}

/** Direct mappings of one statement on one device, as one leak. */
function directLeakOf(records: readonly UnreleasedRecord[]): Leak {
  const [{ device, site, text }] = records as [UnreleasedRecord];
  const more = records.length - 1;
  return {
    kind: "mapping",
    device,
    amount: records.length,
    span: null,
    text: more === 0 ? text : `${text}; and ${more} more by the same statement`,
    taken: null,
    takenSeqs: [],
    site,
  };
}
