/**
 * A recorded run of one machine: its events, and tables of the facts that were valid at any moment.
 *
 * Recording begins when the machine is ready. At that time, the first rows of the tables are read
 * from the machine; after that, only events change the tables.
 */
import type { Nanoseconds } from "../address.ts";
import { CORE_EVENTS, type EventVocabulary } from "../event_vocabulary.ts";
import type { EventOrigin } from "../event_context.ts";
import type { EventKeeper, MachineEvent, Why } from "../events.ts";
import type { Machine } from "../machine.ts";
import { BOUNCE_COPY } from "../memory/physical_memory.ts";
import { EventLog } from "./event_log.ts";
import { MemoryLog, type MemoryWriter } from "./memory_log.ts";
import { Ends, StatementLog } from "./statement_log.ts";
import type { HistoryTable } from "./history_table.ts";
import type { AnyTableSpec } from "./history_table_spec.ts";
import { type Granules, TableSet } from "./table_set.ts";

type Specs = readonly AnyTableSpec[];

export class RecordedMachine implements EventKeeper {
  readonly log: EventLog;
  /** The statements of the script, as the interpreter records them. */
  readonly statements: StatementLog = new StatementLog();
  /** The number of the last event of each activity that emitted any. */
  readonly activities: Ends = new Ends();
  /** The writes to memory, with their writers. */
  readonly memory: MemoryLog = new MemoryLog();
  /** The tables by name, in the order of their definitions. */
  readonly tables: ReadonlyMap<string, HistoryTable>;
  readonly granules: Granules;
  readonly #set: TableSet;

  constructor(
    { iommu: { granuleBytes, sharers }, pages: { pageSizeBytes } }: Granules,
    specs: Specs,
    vocabulary: EventVocabulary = CORE_EVENTS,
  ) {
    this.log = new EventLog(vocabulary);
    this.granules = { iommu: { granuleBytes, sharers }, pages: { pageSizeBytes } };
    this.#set = new TableSet(specs, this.granules, this.log.pool, vocabulary);
    this.tables = this.#set.all();
  }

  /**
   * Stores an event that is passed in parts, in the log and in every table that it changes.
   * @internal
   */
  keep(
    seq: number,
    atNs: Nanoseconds,
    origin: EventOrigin,
    kind: number,
    fields: object,
    why: Why | null,
  ): void {
    this.log.keep(seq, atNs, origin, kind, fields, why);
    this.#set.change(kind, seq, origin.device, origin.request, fields);
  }

  /** An event. @throws {RangeError} When no event has that number. */
  event(seq: number): MachineEvent {
    return this.log.event(seq);
  }

  /** The table called `name`. @throws {RangeError} When no table has the name. */
  table(name: string): HistoryTable {
    const table = this.tables.get(name);
    if (table === undefined) throw new RangeError(`No table is called "${name}"`);
    return table;
  }

  get hostBytes(): number {
    let bytes = this.log.hostBytes + this.statements.hostBytes + this.activities.hostBytes +
      this.memory.hostBytes;
    for (const table of this.tables.values()) bytes += table.hostBytes;
    return bytes;
  }
}

export class MachineRecording extends RecordedMachine {
  readonly #stop: () => void;

  /**
   * Begins to record.
   * @param machine A machine that has just started: it has emitted no event yet.
   * @throws {RangeError} When the machine has emitted an event, because the recording would lack
   *   it.
   */
  constructor(machine: Machine, specs: Specs) {
    if (machine.events.seq !== 0) throw new RangeError("A recording begins before the first event");
    super(machine, specs, machine.events.vocabulary);
    for (const table of this.tables.values()) {
      table.spec.read?.(machine, (row) => table.begin(0, row));
    }
    const stopKeeping = machine.events.keepIn(this);
    const noteActivity = () => this.activities.note(this.log.count);
    machine.onActivity = noteActivity;
    const { memory } = machine;
    const noteWrite = (phys: number, sizeBytes: number) =>
      this.#noteWrite(machine, phys, sizeBytes);
    memory.onWrite = noteWrite;
    const stop = () => {
      memory.onWrite = null;
      machine.onActivity = null;
      stopKeeping();
    };
    this.#stop = stop;
  }

  #noteWrite({ cpu, memory }: Machine, phys: number, sizeBytes: number): void {
    if (this.memory.isFull) return;
    const { writer } = memory;
    const by: MemoryWriter = writer === null
      ? { kind: "cpu", name: `CPU ${cpu}` }
      : { kind: writer === BOUNCE_COPY ? "bounce" : "device", name: writer };
    const position = { seq: this.log.count, statement: this.statements.count };
    this.memory.note({ ...position, by, phys, sizeBytes }, memory);
  }

  /** Stops recording; the record stays. */
  stop(): void {
    this.#stop();
  }
}
