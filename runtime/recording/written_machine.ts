/**
 * The recording of a machine as bytes, which can be read back without a machine.
 *
 * Only data that cannot be derived is written: the events, the initial rows of the tables, and the
 * starts of statements. When a recording is read, the tables are filled again from the events.
 * Values of events of one shape are written in columns, each value as its difference from the
 * previous value. Therefore further compression gains little.
 */
import type { Bytes, Nanoseconds } from "../address.ts";
import type { EventOrigin } from "../event_context.ts";
import { CORE_EVENTS, type EventVocabulary } from "../event_vocabulary.ts";
import type { MachineEvent } from "../events.ts";
import type { HistoryTable } from "./history_table.ts";
import type { AnyTableSpec } from "./history_table_spec.ts";
import { RecordedMachine } from "./machine_recording.ts";
import { PackedReader, PackedWriter } from "./packed_numbers.ts";
import { ValuePool } from "./value_pool.ts";

/** How a value is written: as a number, as 0 or 1, by its number among all texts and lists, or not at all. */
type Form = "n" | "b" | "t" | "0";

/** The shape of events that differ only in their values. */
interface WrittenLayout {
  readonly name: string;
  readonly fields: readonly string[];
  /** The rule of the events' reason; null for events without a reason. */
  readonly rule: string | null;
  readonly inputs: readonly string[];
  /** Forms of the fields, then of the inputs. */
  readonly forms: string;
}

interface Head {
  readonly granuleBytes: number;
  readonly sharers: readonly (readonly [device: string, domain: string])[];
  readonly pageBytes: number;
  /** The initial rows of tables, by the table's name. */
  readonly firstRows: Readonly<Record<string, readonly Readonly<Record<string, unknown>>[]>>;
  readonly shapes: readonly WrittenLayout[];
  /** Texts and lists. */
  readonly pool: readonly unknown[];
  readonly events: number;
}

type Values = Readonly<Record<string, unknown>>;

export function writeMachine(kept: RecordedMachine): Uint8Array<ArrayBuffer> {
  const { granules: { iommu: { granuleBytes, sharers }, pages: { pageSizeBytes } }, log } = kept;
  const pool = new NumberedValues();
  const columns = new ShapeColumns(pool);
  const body = new PackedWriter();
  const shapes = new PackedWriter();
  const origins = new OriginWriter(pool);
  for (let seq = 1; seq <= log.count; seq++) {
    const event = log.event(seq);
    shapes.count(columns.add(event));
    origins.add(event);
  }
  const head: Head = {
    granuleBytes,
    sharers: [...sharers],
    pageBytes: pageSizeBytes,
    firstRows: Object.fromEntries(
      [...kept.tables].map(([name, table]) => [name, firstRows(table)]),
    ),
    shapes: columns.shapes,
    pool: pool.values,
    events: log.count,
  };
  body.json(head);
  body.bytes(shapes.finish());
  body.bytes(origins.finish());
  for (const each of columns.finish()) body.bytes(each);
  writeStatements(body, kept);
  kept.memory.pack(body);
  return body.finish();
}

/** The rows that were valid before the first event. */
function firstRows(table: HistoryTable): readonly Values[] {
  const rows: Values[] = [];
  for (let row = 0; row < table.count && table.since(row) === 0; row++) {
    const { createdSeq: _, endedSeq: __, ...values } = table.row(row);
    rows.push(values);
  }
  return rows;
}

/**
 * Reads a recording back.
 * @throws {RangeError} When the bytes are incomplete.
 * @throws {SyntaxError} When the bytes are not a recording.
 */
export function readMachine(
  bytes: Uint8Array,
  specs: readonly AnyTableSpec[],
  vocabulary: EventVocabulary = CORE_EVENTS,
): RecordedMachine {
  const body = new PackedReader(bytes);
  const head = body.json() as Head;
  const kept = new RecordedMachine(
    {
      iommu: { granuleBytes: head.granuleBytes as Bytes, sharers: new Map(head.sharers) },
      pages: { pageSizeBytes: head.pageBytes as Bytes },
    },
    specs,
    vocabulary,
  );
  for (const [name, rows] of Object.entries(head.firstRows)) {
    for (const row of rows) kept.table(name).begin(0, row as never);
  }
  const shapes = new PackedReader(body.bytes());
  const origins = new OriginReader(body.bytes(), head.pool);
  const columns = head.shapes.map((shape) => new ShapeReader(shape, head.pool, body, vocabulary));
  for (let seq = 1; seq <= head.events; seq++) {
    const shape = columns[shapes.count()]!;
    const { atNs, origin } = origins.at(seq);
    kept.keep(seq, atNs, origin, shape.kind, shape.fields(), shape.why());
  }
  readStatements(body, kept);
  kept.memory.unpack(body);
  return kept;
}

/** Texts and lists by numbers, for writing. */
class NumberedValues {
  readonly #pool = new ValuePool();
  readonly values: unknown[] = [];

  of(value: unknown): number {
    const number = typeof value === "string"
      ? this.#pool.text(value)
      : this.#pool.list(value as readonly unknown[]);
    if (number === this.values.length) this.values.push(value);
    return number;
  }
}

/** The columns of one shape, while they are written. */
interface Columns {
  readonly shape: number;
  readonly forms: string;
  readonly writers: readonly PackedWriter[];
  readonly last: number[];
}

class ShapeColumns {
  readonly shapes: WrittenLayout[] = [];
  readonly #columns: Columns[] = [];
  readonly #byKey = new Map<string, Columns>();

  constructor(private readonly pool: NumberedValues) {}

  /** @returns The number of the event's shape. */
  add({ fields, name, why }: MachineEvent): number {
    const inputs: Values = why?.inputs ?? {};
    const forms = formsOf(fields) + formsOf(inputs);
    const key = `${name} ${forms} ${Object.keys(fields)} ${why?.rule} ${Object.keys(inputs)}`;
    let columns = this.#byKey.get(key);
    if (columns === undefined) {
      const rule = why?.rule ?? null;
      const shape = { name, fields: Object.keys(fields), rule, inputs: Object.keys(inputs), forms };
      columns = {
        shape: this.shapes.push(shape) - 1,
        forms,
        writers: [...forms].map(() => new PackedWriter()),
        last: [...forms].map(() => 0),
      };
      this.#byKey.set(key, columns);
      this.#columns.push(columns);
    }
    let index = 0;
    for (const value of Object.values(fields)) this.#write(columns, index++, value);
    for (const value of Object.values(inputs)) this.#write(columns, index++, value);
    return columns.shape;
  }

  /** The bytes of each column, in the order of the shapes. */
  finish(): readonly Uint8Array[] {
    return this.#columns.flatMap(({ writers }) => writers.map((writer) => writer.finish()));
  }

  #write({ forms, last, writers }: Columns, index: number, value: unknown): void {
    const form = forms[index] as Form;
    if (form === "0") return;
    const number = form === "t" ? this.pool.of(value) : Number(value);
    writers[index]!.number(number, last[index]!);
    last[index] = number;
  }
}

function formsOf(values: Values): string {
  let forms = "";
  for (const name in values) forms += formOf(values[name]);
  return forms;
}

function formOf(value: unknown): Form {
  if (typeof value === "number") return "n";
  if (typeof value === "boolean") return "b";
  return value === null || value === undefined ? "0" : "t";
}

class ShapeReader {
  readonly kind: number;
  readonly #shape: WrittenLayout;
  readonly #pool: readonly unknown[];
  readonly #readers: readonly PackedReader[];
  readonly #last: number[];

  constructor(
    shape: WrittenLayout,
    pool: readonly unknown[],
    body: PackedReader,
    vocabulary: EventVocabulary,
  ) {
    this.kind = vocabulary.number(shape.name);
    if (this.kind < 0) throw new RangeError(`No event is called "${shape.name}"`);
    this.#shape = shape;
    this.#pool = pool;
    this.#readers = [...shape.forms].map(() => new PackedReader(body.bytes()));
    this.#last = [...shape.forms].map(() => 0);
  }

  fields(): Values {
    return this.#read(this.#shape.fields, 0);
  }

  why(): MachineEvent["why"] {
    const { fields, inputs, rule } = this.#shape;
    if (rule === null) return null;
    return { rule, inputs: this.#read(inputs, fields.length) } as MachineEvent["why"];
  }

  #read(names: readonly string[], first: number): Values {
    const values: Record<string, unknown> = {};
    for (let index = 0; index < names.length; index++) {
      values[names[index]!] = this.#next(first + index);
    }
    return values;
  }

  #next(index: number): unknown {
    const form = this.#shape.forms[index] as Form;
    if (form === "0") return null;
    const number = this.#last[index] = this.#readers[index]!.number(this.#last[index]!);
    if (form === "n") return number;
    return form === "b" ? number === 1 : this.#pool[number];
  }
}

/** Writes the common properties of consecutive events, with the number of events that share them. */
class OriginWriter {
  readonly #writer = new PackedWriter();
  #last: readonly number[] = [0, 0, 0, 0, 0];
  #lastSeq = 0;

  constructor(private readonly pool: NumberedValues) {}

  add({ at_ns, cpu, device, request, seq, site }: MachineEvent): void {
    const name = device === null ? 0 : this.pool.of(device) + 1;
    const now = [at_ns, cpu, name, (request ?? -1) + 1, (site ?? -1) + 1];
    if (seq > 1 && now.every((value, index) => value === this.#last[index])) return;
    this.#writer.count(seq - this.#lastSeq);
    now.forEach((value, index) => this.#writer.number(value, this.#last[index]!));
    this.#last = now;
    this.#lastSeq = seq;
  }

  finish(): Uint8Array {
    // 0 in place of a number of events marks the end.
    this.#writer.count(0);
    return this.#writer.finish();
  }
}

class OriginReader {
  readonly #reader: PackedReader;
  readonly #pool: readonly unknown[];
  #last: readonly number[] = [0, 0, 0, 0, 0];
  #next: number;
  #now: { readonly atNs: Nanoseconds; readonly origin: EventOrigin } | null = null;

  constructor(bytes: Uint8Array, pool: readonly unknown[]) {
    this.#reader = new PackedReader(bytes);
    this.#pool = pool;
    this.#next = this.#reader.count();
  }

  at(seq: number) {
    if (seq === this.#next) {
      const now = this.#last = this.#last.map((value) => this.#reader.number(value));
      const [atNs, cpu, name, request, site] = now as [number, number, number, number, number];
      const origin: EventOrigin = {
        cpu,
        device: name === 0 ? null : this.#pool[name - 1] as string,
        request: request === 0 ? null : request - 1,
        site: site === 0 ? null : site - 1,
      };
      this.#now = { atNs: atNs as Nanoseconds, origin };
      this.#next += this.#reader.count();
    }
    return this.#now!;
  }
}

function writeStatements(body: PackedWriter, { activities, statements }: RecordedMachine): void {
  const columns = [new PackedWriter(), new PackedWriter(), new PackedWriter()] as const;
  let last = [0, 0, 0];
  for (let started = 1; started <= statements.count; started++) {
    const now = [
      statements.seqAt(started),
      statements.numberAt(started),
      statements.depthAt(started),
    ];
    now.forEach((value, index) => columns[index]!.number(value, last[index]!));
    last = now;
  }
  body.count(statements.count);
  for (const column of columns) body.bytes(column.finish());
  const returns: (readonly number[])[] = [];
  statements.forEachReturn((...values) => void returns.push(values));
  body.json(returns);
  const ends: number[] = [];
  for (let end = activities.after(-1); end !== null; end = activities.after(end)) ends.push(end);
  body.json(ends);
}

function readStatements(body: PackedReader, { activities, statements }: RecordedMachine): void {
  const count = body.count();
  const columns = Array.from({ length: 3 }, () => new PackedReader(body.bytes()));
  const returns = body.json() as readonly (readonly [number, number, number])[];
  let next = 0;
  let last = [0, 0, 0];
  for (let started = 1; started <= count; started++) {
    last = last.map((value, index) => columns[index]!.number(value));
    const [seq, number, depth] = last as [number, number, number];
    statements.note(seq, number, depth);
    for (; returns[next]?.[0] === started; next++) {
      const [, at, open] = returns[next]!;
      statements.noteReturn(at, open);
    }
  }
  for (const end of body.json() as readonly number[]) activities.note(end);
}
