/**
 * The events of a run as columns of numbers: some 60 bytes an event, where objects take 250.
 *
 * How an event is laid out follows from the vocabulary: a field that holds a number, an address or
 * a truth is that number, any other the number of its value in a pool. Nothing here knows an event
 * by its name.
 */
import { EVENT_NAMES, eventFields, eventNumber, type FieldValue } from "../event_vocabulary.ts";
import type { MachineEvent, Why } from "../events.ts";
import type { Field } from "../vocabulary/fields.ts";
import { FloatRows, WholeRows } from "./columns.ts";
import { ValuePool } from "./value_pool.ts";

/** How a value is kept: as itself, as 0 or 1, by its number in the pool, or not at all. */
type Form = "number" | "truth" | "text" | "list" | "none";

/** What an event's reason is made of: kept once for all events that have the same inputs. */
interface WhyShape {
  readonly rule: string;
  readonly names: readonly string[];
  readonly forms: readonly Form[];
}

interface Layout {
  readonly names: readonly string[];
  readonly forms: readonly Form[];
  /** How many numbers its fields take. */
  readonly width: number;
  /** The shapes of its reasons so far. */
  readonly whys: number[];
}

/** Where what stands in the head of each event; the last is how many there are. */
const HEAD = { KIND: 0, CPU: 1, DEVICE: 2, REQUEST: 3, SITE: 4, WHY: 5, START: 6, WIDTH: 7 };

/** The number of a device, a request or a statement that there is not. */
const NOBODY = -1;

export class EventLog {
  /** Texts and lists of the events; tables name their own by the same numbers. */
  readonly pool: ValuePool;
  /** How many events are kept: the number of the last one. */
  count = 0;

  #heads = new WholeRows(HEAD.WIDTH);
  #times = new FloatRows(1);
  #values = new FloatRows(1);
  readonly #built: MachineEvent[] = [];
  #valueCount = 0;
  #lastDevice: string | null = null;
  #lastDeviceNumber = NOBODY;
  readonly #layouts: (Layout | undefined)[];
  /** Shape 0 is that of an event without a reason. */
  readonly #shapes: WhyShape[];

  /** @param like Another log of the same machine: what values are numbered by is common to both. */
  constructor(like: EventLog | null = null) {
    this.pool = like?.pool ?? new ValuePool();
    this.#layouts = like === null ? [] : like.#layouts;
    this.#shapes = like === null ? [{ rule: "", names: [], forms: [] }] : like.#shapes;
  }

  /** A log of its own that begins with the same events, up to one. */
  copy(seq: number): EventLog {
    const copied = new EventLog(this);
    copied.count = seq;
    copied.#heads = this.#heads.copy(seq);
    copied.#times = this.#times.copy(seq);
    const isAll = seq === this.count;
    copied.#valueCount = isAll ? this.#valueCount : this.#head(seq + 1, HEAD.START);
    copied.#values = this.#values.copy(copied.#valueCount);
    return copied;
  }

  /**
   * Keeps an event.
   * @param event The next of its machine: its number is one above the last one's.
   * @param kind The number of its name, where the caller knows it.
   * @throws {RangeError} When one before it is missing.
   */
  append(event: MachineEvent, kind: number = eventNumber(event.name)): void {
    if (event.seq !== this.count + 1) {
      throw new RangeError(`Event ${event.seq} comes after ${this.count}: one is missing`);
    }
    const row = this.count++;
    const layout = this.#layouts[kind] ??= layoutOf(kind);
    this.#heads.reach(row);
    this.#times.reach(row);
    const { values: heads } = this.#heads;
    const at = row * HEAD.WIDTH;
    heads[at + HEAD.KIND] = kind;
    heads[at + HEAD.CPU] = event.cpu;
    heads[at + HEAD.DEVICE] = this.#deviceNumber(event.device);
    heads[at + HEAD.REQUEST] = event.request ?? NOBODY;
    heads[at + HEAD.SITE] = event.site ?? NOBODY;
    heads[at + HEAD.START] = this.#valueCount;
    this.#times.values[row] = event.at_ns;
    const fields = event.fields as Readonly<Record<string, FieldValue | undefined>>;
    const { forms, names } = layout;
    this.#values.reach(this.#valueCount + names.length);
    const { values } = this.#values;
    for (let index = 0; index < names.length; index++) {
      const form = forms[index]!;
      if (form === "none") continue;
      const value = fields[names[index]!];
      values[this.#valueCount++] = typeof value === "number"
        ? value
        : this.#numberOf(form, value ?? null);
    }
    heads[at + HEAD.WHY] = event.why === null ? 0 : this.#appendWhy(layout, event.why);
  }

  /** The events of `(after, upTo]`. Those that were asked for once stay built. */
  between(after: number, upTo: number): readonly MachineEvent[] {
    const events: MachineEvent[] = [];
    for (let seq = after + 1; seq <= upTo; seq++) {
      events.push(this.#built[seq] ??= this.event(seq));
    }
    return events;
  }

  /** The event of a number, from 1 on: equal to the one that was kept. */
  event(seq: number): MachineEvent {
    const kind = this.kindAt(seq);
    const { names, forms, width } = this.#layouts[kind]!;
    const start = this.#head(seq, HEAD.START);
    const shape = this.#shapes[this.#head(seq, HEAD.WHY)]!;
    const event = {
      seq,
      at_ns: this.atNs(seq),
      cpu: this.cpuAt(seq),
      device: this.deviceAt(seq),
      request: this.requestAt(seq),
      site: this.siteAt(seq),
      name: EVENT_NAMES[kind]!,
      // What was written by the layout of its kind is read by it: no type can say so.
      fields: this.#read(names, forms, start),
      why: shape.rule === "" ? null : {
        rule: shape.rule,
        inputs: this.#read(shape.names, shape.forms, start + width) as Why["inputs"],
      },
    };
    return event as MachineEvent;
  }

  /** The number of an event's kind, which `eventNumber` gives for its name. */
  kindAt(seq: number): number {
    return this.#head(seq, HEAD.KIND);
  }

  /** Virtual time at an event. */
  atNs(seq: number): number {
    return this.#times.values[this.#rowOf(seq)]!;
  }

  /** The statement that led to an event, or null. */
  siteAt(seq: number): number | null {
    return known(this.#head(seq, HEAD.SITE));
  }

  /** The CPU whose event it is. */
  cpuAt(seq: number): number {
    return this.#head(seq, HEAD.CPU);
  }

  /** The device that an event is about, or null. */
  deviceAt(seq: number): string | null {
    const device = this.#head(seq, HEAD.DEVICE);
    return device === NOBODY ? null : this.pool.value(device) as string;
  }

  /** Whether an event has a reason: something was decided. */
  hasWhy(seq: number): boolean {
    return this.#head(seq, HEAD.WHY) !== 0;
  }

  /** The request that an event belongs to, or null. */
  requestAt(seq: number): number | null {
    return known(this.#head(seq, HEAD.REQUEST));
  }

  /** Bytes of host memory that it takes, room to grow included. */
  get hostBytes(): number {
    return this.#heads.values.byteLength + this.#times.values.byteLength +
      this.#values.values.byteLength + this.pool.hostBytes;
  }

  #rowOf(seq: number): number {
    if (!Number.isInteger(seq) || seq < 1 || seq > this.count) {
      throw new RangeError(`There is no event ${seq}`);
    }
    return seq - 1;
  }

  #head(seq: number, field: number): number {
    return this.#heads.values[this.#rowOf(seq) * HEAD.WIDTH + field]!;
  }

  /** A device's number in the pool; events of one device come together. */
  #deviceNumber(device: string | null): number {
    if (device === this.#lastDevice) return this.#lastDeviceNumber;
    this.#lastDevice = device;
    return this.#lastDeviceNumber = device === null ? NOBODY : this.pool.text(device);
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

  #appendWhy(layout: Layout, { rule, inputs }: Why): number {
    let index = layout.whys.find((each) => fits(this.#shapes[each]!, rule, inputs));
    if (index === undefined) {
      const names = Object.keys(inputs);
      const forms = names.map((name) => formOf(inputs[name]!));
      index = this.#shapes.push({ rule, names, forms }) - 1;
      layout.whys.push(index);
    }
    const { names, forms } = this.#shapes[index]!;
    this.#values.reach(this.#valueCount + names.length);
    const { values } = this.#values;
    for (let at = 0; at < names.length; at++) {
      const value = inputs[names[at]!]!;
      if (value === null) continue;
      values[this.#valueCount++] = typeof value === "number"
        ? value
        : this.#numberOf(forms[at]!, value);
    }
    return index;
  }

  #read(names: readonly string[], forms: readonly Form[], start: number): Record<string, unknown> {
    const read: Record<string, unknown> = {};
    let at = start;
    for (let index = 0; index < names.length; index++) {
      const form = forms[index]!;
      read[names[index]!] = form === "none"
        ? null
        : this.#valueOf(form, this.#values.values[at++]!);
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
  return number === NOBODY ? null : number;
}

function layoutOf(kind: number): Layout {
  const fields = eventFields(EVENT_NAMES[kind]!);
  const names = Object.keys(fields);
  const forms = names.map((name) => formOfField(fields[name]!));
  return { names, forms, width: forms.filter((form) => form !== "none").length, whys: [] };
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

/** How an input of a decision is kept. One that is none here may be something elsewhere. */
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

/** Whether a reason has these inputs, each of this form. */
function fits({ rule, names, forms }: WhyShape, asked: string, inputs: Why["inputs"]): boolean {
  if (rule !== asked) return false;
  let index = 0;
  for (const name in inputs) {
    if (names[index] !== name || forms[index] !== formOf(inputs[name]!)) return false;
    index++;
  }
  return index === names.length;
}
