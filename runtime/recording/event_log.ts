/**
 * The events of a run as columns of numbers: some 60 bytes for each event; as an object, an event
 * would take 250.
 *
 * The layout of an event follows from the vocabulary. A number or an address is stored as it is, a
 * boolean as 0 or 1. For any other field, the number of its value in a pool is stored. Nothing in
 * this file depends on an event's name.
 */
import {
  CORE_EVENTS,
  type EventName,
  type EventVocabulary,
  type FieldValue,
  MAX_EVENTS as KINDS,
} from "../event_vocabulary.ts";
import type { EventOrigin } from "../event_context.ts";
import type { EventKeeper, MachineEvent, Why } from "../events.ts";
import type { Field } from "../vocabulary/fields.ts";
import { FloatRows, WholeRows } from "./columns.ts";
import { sameList, ValuePool } from "./value_pool.ts";

/** How a value is stored: as itself, as 0 or 1, by its number in the pool, or not at all. */
type Form = "number" | "truth" | "text" | "list" | "none";

/** Names and forms of values, in the order in which they are stored. */
interface ColumnLayout {
  readonly names: readonly string[];
  readonly forms: readonly Form[];
  /**
   * For each index in `names`: the last text or list, and the number of this value. Consecutive
   * values are mostly the same.
   */
  readonly lastTexts: (string | null)[];
  readonly lastLists: (readonly unknown[] | null)[];
  readonly lastNumbers: number[];
}

/**
 * The rule of a reason, with the names and forms of its inputs: stored once for all events in which
 * these are the same.
 */
interface WhyShape extends ColumnLayout {
  readonly rule: string;
}

/** An event's fields, in the order of the first event of its kind. */
interface Layout extends ColumnLayout {
  /** Number of columns of the event's fields. */
  readonly width: number;
  /** The shapes of the event's reasons so far, the last one used first. */
  readonly whys: number[];
}

/**
 * The columns of an event's head; WIDTH is the number of columns. WHAT contains the event's kind
 * and the shape of its reason as one number.
 */
const HEAD = { WHAT: 0, CONTEXT: 1, START: 2, WIDTH: 3 };
/**
 * The columns of a context, which consists of the common properties of consecutive events, except
 * the time. WIDTH is the number of columns.
 */
const CONTEXT = { CPU: 0, DEVICE: 1, REQUEST: 2, SITE: 3, WIDTH: 4 };

/** Maximum number of inputs of a decision. */
const WHY_ROOM = 64;

type Values = Readonly<Record<string, FieldValue | undefined>>;

/** The arrays before the first event. */
const NO_HEADS = new Int32Array(0);
const NO_VALUES = new Float64Array(0);

/** Stands for no device, request or statement. */
const NONE = -1;

export class EventLog implements EventKeeper {
  /** Texts and lists of the events; tables use the same pool. */
  readonly pool: ValuePool = new ValuePool();
  /** Number of stored events, which is also the number of the last one. */
  count = 0;

  readonly #heads = new WholeRows(HEAD.WIDTH);
  readonly #contexts = new WholeRows(CONTEXT.WIDTH);
  readonly #times = new FloatRows(1);
  #contextCount = 0;
  /**
   * The last context: its time (NaN before the first context), CPU, device, request and statement.
   */
  #lastNs = NaN;
  #lastCpu = 0;
  #lastDevice: string | null = null;
  #lastRequest: number | null = null;
  #lastSite: number | null = null;
  /** Place of the next head: a chunk of heads, and an index in it. */
  #headChunk: Int32Array = NO_HEADS;
  #headAt = 0;
  /** Place of the next values: a chunk, and an index in it. */
  #valueChunk: Float64Array = NO_VALUES;
  #valueAt = 0;
  readonly #values = new FloatRows(1);
  readonly #built: MachineEvent[] = [];
  #valueCount = 0;
  readonly #layouts: (Layout | undefined)[] = [];
  /** Shape 0 means an event without a reason. */
  readonly #shapes: WhyShape[] = [{ rule: "", ...shapeOf([], []) }];

  /** @param vocabulary The vocabulary of the machine that emits the stored events. */
  constructor(readonly vocabulary: EventVocabulary = CORE_EVENTS) {}

  /**
   * Stores an event.
   * @param event The next event of its machine: its number is one above that of the last event.
   * @throws {RangeError} When an earlier event is missing.
   */
  append(event: MachineEvent): void {
    const { at_ns, fields, name, seq, why } = event;
    this.keep(seq, at_ns, event, this.vocabulary.number(name), fields, why);
  }

  /**
   * Stores an event that is passed in parts.
   * @throws {RangeError} When an earlier event is missing.
   */
  keep(
    seq: number,
    atNs: number,
    origin: EventOrigin,
    kind: number,
    fields: object,
    why: Why | null,
  ): void {
    if (seq !== this.count + 1) {
      throw new RangeError(`Event ${seq} comes after ${this.count}: one is missing`);
    }
    const row = this.count++;
    const layout = this.#layouts[kind] ??= this.#layoutOf(kind, fields);
    if (this.#headAt === this.#headChunk.length) {
      this.#headChunk = this.#heads.reach(row);
      this.#headAt = this.#heads.offset(row);
    }
    const heads = this.#headChunk;
    const at = this.#headAt;
    this.#headAt += HEAD.WIDTH;
    const room = layout.width + (why === null ? 0 : WHY_ROOM);
    if (this.#valueAt + room > this.#valueChunk.length) this.#makeRoom(room);
    heads[at + HEAD.CONTEXT] = this.#contextOf(atNs, origin);
    heads[at + HEAD.START] = this.#valueCount;
    const values = this.#valueChunk;
    if (!this.#keep(values, layout, fields as Values)) {
      this.#keepByName(values, layout, fields as Values);
    }
    const whyShape = why === null ? 0 : this.#appendWhy(values, layout, why);
    heads[at + HEAD.WHAT] = kind + whyShape * KINDS;
  }

  /**
   * @param first The fields of the first event of a kind. Later events are stored fastest if their
   *   fields have the same order.
   */
  #layoutOf(kind: number, first: object): Layout {
    const fields = this.vocabulary.fields(this.vocabulary.names[kind]!);
    const names = Object.keys(first);
    for (const name of Object.keys(fields)) if (!names.includes(name)) names.push(name);
    const forms = names.map((name) => formOfField(fields[name]!));
    const width = forms.filter((form) => form !== "none").length;
    return { ...shapeOf(names, forms), width, whys: [] };
  }

  /** Moves to the next place where all values of one event fit into one chunk. */
  #makeRoom(room: number): void {
    this.#valueCount = this.#values.together(this.#valueCount, room);
    this.#valueChunk = this.#values.reach(this.#valueCount + Math.max(room, 1) - 1);
    this.#valueAt = this.#values.offset(this.#valueCount);
  }

  /** The number of the next event's context: mostly that of the last event. */
  #contextOf(atNs: number, { cpu, device, request, site }: EventOrigin): number {
    if (
      this.#lastNs === atNs && this.#lastRequest === request && this.#lastDevice === device &&
      this.#lastSite === site && this.#lastCpu === cpu
    ) return this.#contextCount - 1;
    this.#lastNs = atNs;
    this.#lastRequest = request;
    this.#lastDevice = device;
    this.#lastSite = site;
    this.#lastCpu = cpu;
    const row = this.#contextCount++;
    const contexts = this.#contexts.reach(row);
    const at = this.#contexts.offset(row);
    contexts[at + CONTEXT.CPU] = cpu;
    contexts[at + CONTEXT.DEVICE] = device === null ? NONE : this.pool.text(device);
    contexts[at + CONTEXT.REQUEST] = request ?? NONE;
    contexts[at + CONTEXT.SITE] = site ?? NONE;
    this.#times.reach(row)[this.#times.offset(row)] = atNs;
    return row;
  }

  /**
   * Stores values that come in the order of a shape, as nearly all values do.
   * @returns False for another order or other names; nothing was stored then.
   */
  #keep(
    values: Float64Array,
    shape: ColumnLayout,
    given: Values,
  ): boolean {
    const { forms, lastNumbers, lastTexts, names } = shape;
    const start = this.#valueAt;
    let at = start;
    let index = 0;
    // V8 reads the properties in such a loop by index, whatever the object's shape.
    for (const name in given) {
      if (name !== names[index]) return false;
      const value = given[name];
      if (typeof value === "number") values[at++] = value;
      else if (typeof value === "string") {
        if (lastTexts[index] !== value) {
          lastTexts[index] = value;
          lastNumbers[index] = this.pool.text(value);
        }
        values[at++] = lastNumbers[index]!;
      } else if (forms[index] !== "none") {
        values[at++] = this.#numberAt(shape, index, value ?? null);
      }
      index++;
    }
    if (index !== names.length) return false;
    this.#valueAt = at;
    this.#valueCount += at - start;
    return true;
  }

  #keepByName(values: Float64Array, { forms, names }: ColumnLayout, given: Values): void {
    for (let index = 0; index < names.length; index++) {
      const form = forms[index]!;
      if (form === "none") continue;
      const value = given[names[index]!] ?? null;
      values[this.#valueAt++] = typeof value === "number" ? value : this.#numberOf(form, value);
      this.#valueCount++;
    }
  }

  /** The events of `(after, upTo]`. Events are built at their first request, and cached. */
  between(after: number, upTo: number): readonly MachineEvent[] {
    const events: MachineEvent[] = [];
    for (let seq = after + 1; seq <= upTo; seq++) {
      events.push(this.#built[seq] ??= this.event(seq));
    }
    return events;
  }

  /** The event of a number, from 1 on: equal to the event that was stored. */
  event(seq: number): MachineEvent {
    const kind = this.kindAt(seq);
    const { names, forms, width } = this.#layouts[kind]!;
    const start = this.#head(seq, HEAD.START);
    const shape = this.#shapes[this.#whyAt(seq)]!;
    const event = {
      seq,
      at_ns: this.atNs(seq),
      cpu: this.cpuAt(seq),
      device: this.deviceAt(seq),
      request: this.requestAt(seq),
      site: this.siteAt(seq),
      name: this.vocabulary.names[kind]!,
      // A value is read by the layout of its event's kind, which was also used to write it. The
      // type system cannot express this.
      fields: this.#read(names, forms, start),
      why: shape.rule === "" ? null : {
        rule: shape.rule,
        inputs: this.#read(shape.names, shape.forms, start + width) as Why["inputs"],
      },
    };
    return this.vocabulary.withRow(kind, event as MachineEvent);
  }

  /** The number of an event's kind, which the vocabulary gives for the event's name. */
  kindAt(seq: number): number {
    return this.#head(seq, HEAD.WHAT) % KINDS;
  }

  /** The name of an event, without building it. */
  nameAt(seq: number): EventName {
    return this.vocabulary.names[this.kindAt(seq)]!;
  }

  /** Whether a device caused the event, rather than a CPU. */
  isByDevice(seq: number): boolean {
    return this.vocabulary.byDevice[this.kindAt(seq)]!;
  }

  atNs(seq: number): number {
    return this.#times.get(this.#head(seq, HEAD.CONTEXT), 0);
  }

  /** The statement that led to an event, or null. */
  siteAt(seq: number): number | null {
    return known(this.#context(seq, CONTEXT.SITE));
  }

  cpuAt(seq: number): number {
    return this.#context(seq, CONTEXT.CPU);
  }

  deviceAt(seq: number): string | null {
    const device = this.#context(seq, CONTEXT.DEVICE);
    return device === NONE ? null : this.pool.value(device) as string;
  }

  /**
   * Visits the CPUs and devices of contexts, in order. Consecutive events with the same context are
   * one entry.
   *
   * @param from The first entry.
   * @returns The number of entries.
   */
  forEachOrigin(from: number, visit: (cpu: number, device: string | null) => void): number {
    for (let row = from; row < this.#contextCount; row++) {
      const device = this.#contexts.get(row, CONTEXT.DEVICE);
      visit(
        this.#contexts.get(row, CONTEXT.CPU),
        device === NONE ? null : this.pool.value(device) as string,
      );
    }
    return this.#contextCount;
  }

  /** Whether an event has a reason, because something was decided. */
  hasWhy(seq: number): boolean {
    return this.#whyAt(seq) !== 0;
  }

  requestAt(seq: number): number | null {
    return known(this.#context(seq, CONTEXT.REQUEST));
  }

  /** Bytes of host memory, including spare capacity. */
  get hostBytes(): number {
    return this.#heads.hostBytes + this.#contexts.hostBytes + this.#times.hostBytes +
      this.#values.hostBytes + this.pool.hostBytes;
  }

  #rowOf(seq: number): number {
    if (!Number.isInteger(seq) || seq < 1 || seq > this.count) {
      throw new RangeError(`There is no event ${seq}`);
    }
    return seq - 1;
  }

  #head(seq: number, field: number): number {
    return this.#heads.get(this.#rowOf(seq), field);
  }

  #context(seq: number, field: number): number {
    return this.#contexts.get(this.#head(seq, HEAD.CONTEXT), field);
  }

  /** The shape of an event's reason; 0 for none. */
  #whyAt(seq: number): number {
    return Math.floor(this.#head(seq, HEAD.WHAT) / KINDS);
  }

  /** The number that is stored for a value that is neither a number nor a text. */
  #numberAt(
    { forms, lastLists, lastNumbers }: ColumnLayout,
    index: number,
    value: FieldValue,
  ): number {
    if (!Array.isArray(value)) return this.#numberOf(forms[index]!, value);
    const last = lastLists[index]!;
    if (last !== null && sameList(value, last)) return lastNumbers[index]!;
    lastLists[index] = value;
    return lastNumbers[index] = this.pool.list(value);
  }

  #numberOf(form: Form, value: FieldValue): number {
    if (value === null) return NaN;
    switch (form) {
      case "text":
        return this.pool.text(value as string);
      case "list":
        return this.pool.list(value as readonly unknown[]);
      default:
        return Number(value);
    }
  }

  #appendWhy(values: Float64Array, { whys }: Layout, { rule, inputs }: Why): number {
    const last = whys[0];
    if (last !== undefined) {
      const shape = this.#shapes[last]!;
      if (shape.rule === rule && fits(shape, rule, inputs) && this.#keep(values, shape, inputs)) {
        return last;
      }
    }
    const place = whys.findIndex((each) => fits(this.#shapes[each]!, rule, inputs));
    let index = whys[place];
    if (index === undefined) {
      const names = Object.keys(inputs);
      if (names.length > WHY_ROOM) throw new RangeError(`Rule ${rule} looks at too much`);
      const forms = names.map((name) => formOf(inputs[name]!));
      index = this.#shapes.push({ rule, ...shapeOf(names, forms) }) - 1;
    } else whys.splice(place, 1);
    whys.unshift(index);
    this.#keep(values, this.#shapes[index]!, inputs);
    return index;
  }

  #read(names: readonly string[], forms: readonly Form[], start: number): Record<string, unknown> {
    const read: Record<string, unknown> = {};
    let at = start;
    for (let index = 0; index < names.length; index++) {
      const form = forms[index]!;
      read[names[index]!] = form === "none" ? null : this.#valueOf(form, this.#values.get(at++, 0));
    }
    return read;
  }

  #valueOf(form: Form, value: number): unknown {
    if (Number.isNaN(value)) return null;
    if (form === "number") return value;
    return form === "truth" ? value === 1 : this.pool.value(value);
  }
}

function known(number: number): number | null {
  return number === NONE ? null : number;
}

function shapeOf(names: readonly string[], forms: readonly Form[]): ColumnLayout {
  const nothing = names.map(() => null);
  return {
    names,
    forms,
    lastTexts: [...nothing],
    lastLists: nothing,
    lastNumbers: names.map(() => 0),
  };
}

function formOfField({ kind }: Field): Form {
  switch (kind) {
    case "bool":
      return "truth";
    case "word":
    case "text":
      return "text";
    case "words":
    case "names":
    case "leaves":
    case "segments":
    case "table_runs":
      return "list";
    case "nothing":
      return "none";
    default:
      return "number";
  }
}

/** The storage form of an input of a decision. A null input may have a value in other events. */
function formOf(value: FieldValue): Form {
  switch (typeof value) {
    case "number":
      return "number";
    case "boolean":
      return "truth";
    case "string":
      return "text";
    default:
      return value === null ? "none" : "list";
  }
}

/** Whether a shape fits a reason: the same rule and inputs, each in its form. */
function fits({ rule, names, forms }: WhyShape, asked: string, inputs: Why["inputs"]): boolean {
  if (rule !== asked) return false;
  let index = 0;
  for (const name in inputs) {
    if (names[index] !== name || forms[index] !== formOf(inputs[name]!)) return false;
    index++;
  }
  return index === names.length;
}
