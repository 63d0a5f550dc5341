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
import { floats, shorts, signed, wholes } from "./columns.ts";
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

/** The number of a device, a request or a statement that there is not. */
const NOBODY = -1;

export class EventLog {
  /** Texts and lists of the events; tables name their own by the same numbers. */
  readonly pool = new ValuePool();
  /** How many events are kept: the number of the last one. */
  count = 0;

  readonly #kind = shorts();
  readonly #atNs = floats();
  readonly #cpu = shorts();
  readonly #device = signed();
  readonly #request = signed();
  readonly #site = signed();
  readonly #whys = shorts();
  /** Where the values of an event begin. */
  readonly #start = wholes();
  readonly #values = floats();
  #valueCount = 0;
  readonly #layouts: (Layout | undefined)[] = [];
  /** Shape 0 is that of an event without a reason. */
  readonly #shapes: WhyShape[] = [{ rule: "", names: [], forms: [] }];

  /**
   * Keeps an event.
   * @param event The next of its machine: its number is one above the last one's.
   * @throws {RangeError} When one before it is missing.
   */
  append(event: MachineEvent): void {
    if (event.seq !== this.count + 1) {
      throw new RangeError(`Event ${event.seq} comes after ${this.count}: one is missing`);
    }
    const row = this.count++;
    const kind = eventNumber(event.name);
    const layout = this.#layouts[kind] ??= layoutOf(kind);
    this.#kind.set(row, kind);
    this.#atNs.set(row, event.at_ns);
    this.#cpu.set(row, event.cpu);
    this.#device.set(row, event.device === null ? NOBODY : this.pool.text(event.device));
    this.#request.set(row, event.request ?? NOBODY);
    this.#site.set(row, event.site ?? NOBODY);
    this.#start.set(row, this.#valueCount);
    const fields = event.fields as Readonly<Record<string, FieldValue | undefined>>;
    for (let index = 0; index < layout.names.length; index++) {
      this.#push(layout.forms[index]!, fields[layout.names[index]!] ?? null);
    }
    this.#whys.set(row, event.why === null ? 0 : this.#appendWhy(layout, event.why));
  }

  /** The event of a number, from 1 on: equal to the one that was kept. */
  event(seq: number): MachineEvent {
    const row = this.#rowOf(seq);
    const kind = this.#kind.get(row);
    const { names, forms, width } = this.#layouts[kind]!;
    const start = this.#start.get(row);
    const shape = this.#shapes[this.#whys.get(row)]!;
    const device = this.#device.get(row);
    const event = {
      seq,
      at_ns: this.#atNs.get(row),
      cpu: this.#cpu.get(row),
      device: device === NOBODY ? null : this.pool.value(device),
      request: known(this.#request.get(row)),
      site: known(this.#site.get(row)),
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
    return this.#kind.get(this.#rowOf(seq));
  }

  /** Virtual time at an event. */
  atNs(seq: number): number {
    return this.#atNs.get(this.#rowOf(seq));
  }

  /** The statement that led to an event, or null. */
  siteAt(seq: number): number | null {
    return known(this.#site.get(this.#rowOf(seq)));
  }

  /** The request that an event belongs to, or null. */
  requestAt(seq: number): number | null {
    return known(this.#request.get(this.#rowOf(seq)));
  }

  /** Bytes of host memory that it takes, room to grow included. */
  get hostBytes(): number {
    const columns = [
      this.#kind,
      this.#atNs,
      this.#cpu,
      this.#device,
      this.#request,
      this.#site,
      this.#whys,
      this.#start,
      this.#values,
    ];
    return columns.reduce((sum, { hostBytes }) => sum + hostBytes, this.pool.hostBytes);
  }

  #rowOf(seq: number): number {
    if (!(seq >= 1 && seq <= this.count)) throw new RangeError(`There is no event ${seq}`);
    return seq - 1;
  }

  #push(form: Form, value: FieldValue): void {
    if (form === "none") return;
    this.#values.set(this.#valueCount++, value === null ? NaN : this.#numberOf(form, value));
  }

  #numberOf(form: Form, value: Exclude<FieldValue, null>): number {
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
    for (let at = 0; at < names.length; at++) this.#push(forms[at]!, inputs[names[at]!]!);
    return index;
  }

  #read(names: readonly string[], forms: readonly Form[], start: number): Record<string, unknown> {
    const read: Record<string, unknown> = {};
    let at = start;
    for (let index = 0; index < names.length; index++) {
      const form = forms[index]!;
      read[names[index]!] = form === "none" ? null : this.#valueOf(form, this.#values.get(at++));
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
