/**
 * The stream of events. Every event is counted, but an event object is built only for a listener.
 *
 * A producer writes
 *
 *     if (events.tick(IOVA_ALLOC)) events.emit(IOVA_ALLOC, { start, size_bytes, limit, source });
 *
 * With no listener and no latencies, an event costs one addition and one load. `tick` counts the event
 * and, if there are listeners or latencies, numbers it and advances virtual time by its latency. `emit`
 * delivers the event.
 */
import type { Nanoseconds } from "./address.ts";
import { invariant } from "./errno.ts";
import type { VirtualClock } from "./time/clock.ts";
import type { EventContext, EventOrigin } from "./event_context.ts";
import {
  CORE_EVENTS,
  type EventFields,
  type EventId,
  type EventName,
  type EventVocabulary,
  type FieldValue,
  type KernelCall,
} from "./event_vocabulary.ts";
import type { AllHold, EventEntry, EventTable, Field } from "./vocabulary/fields.ts";
import { zeros } from "./zeros.ts";

/** The reason of a decision: the rule that applied, and its inputs. */
export interface Why {
  /** Page and number in `docs/rules/`, such as `nvme.2.1`. */
  readonly rule: string;
  /** The numbers and words that the decision used, by name. */
  readonly inputs: Readonly<Record<string, FieldValue>>;
}

/** @internal */
export interface EventOf<N extends EventName> {
  /** Number in the machine's life, from 1. */
  readonly seq: number;
  /** Virtual time. */
  readonly at_ns: Nanoseconds;
  /** The CPU on which the event happened. */
  readonly cpu: number;
  /** The device concerned, by name, or null. */
  readonly device: string | null;
  /** The request concerned, by number, or null. */
  readonly request: number | null;
  /**
   * The script's statement that led to the event, as a number that the statement's owner
   * understands, or null.
   */
  readonly site: number | null;
  /** What happened. */
  readonly name: N;
  /** The values that describe the event. */
  readonly fields: EventFields<N>;
  /**
   * The rule and inputs of the decision that the event reports; null for an event without a
   * decision.
   */
  readonly why: Why | null;
  /**
   * The event's row in its table, if this table was added. Absent for other events, as their rows
   * are found by name.
   * @internal
   */
  readonly row?: EventEntry;
}

/**
 * One event of the names `N`; its name determines its fields. Events are immutable once delivered.
 */
export type MachineEvent<N extends EventName = EventName> = N extends EventName ? EventOf<N>
  : never;

/** A field of an event, or the common field of that name; null when there is no such field. */
export function fieldOf({ name: event, row }: MachineEvent, name: string): Field | null {
  if (row !== undefined && Object.hasOwn(row.fields, name)) return row.fields[name]!;
  return CORE_EVENTS.field(event, name);
}

/** True for the event of a function that was entered. */
export function isCall(event: MachineEvent): event is MachineEvent<`call.${KernelCall}`> {
  return event.name.startsWith("call.");
}

/** True for the event of a function that was left. */
export function isReturn(event: MachineEvent): event is MachineEvent<`ret.${KernelCall}`> {
  return event.name.startsWith("ret.");
}

/** Called with an event and the number of its name. It must not change the machine. */
export type EventListener<N extends EventName = EventName> = (
  event: MachineEvent<N>,
  number: number,
) => void;

/**
 * Stores every event in a separate form. It receives the parts of an event, so no event object is
 * built for it.
 * @internal
 */
export interface EventKeeper {
  /**
   * Stores the next event.
   * @param seq The event's number.
   * @param atNs Virtual time.
   * @param origin The context of the work. It changes later, so it must be read during the call.
   * @param kind The number of the event's name.
   */
  keep(
    seq: number,
    atNs: Nanoseconds,
    origin: EventOrigin,
    kind: number,
    fields: object,
    why: Why | null,
  ): void;
}

/** Bit of `#wanted`: the event must be built for a listener. */
const LISTENED = 1;
/** Bit of `#wanted`: a keeper stores the event. */
const KEPT = 2;

/** The events of one machine: always counted, and delivered to listeners. */
export class EventStream {
  /**
   * How often each event happened, by the number of its name. Read through `count`.
   * @internal
   */
  readonly counts: Float64Array;
  /**
   * The names and fields of the events that the machine can have.
   * @internal
   */
  readonly vocabulary: EventVocabulary;
  /**
   * The context of the current work, copied into every event.
   * @internal
   */
  readonly context: EventContext;
  /**
   * Number of the request made last. Requests of all devices are numbered together.
   * @internal
   */
  lastRequest = 0;

  readonly #clock: VirtualClock;
  readonly #byDevice: readonly boolean[];
  readonly #latenciesNs: Float64Array;
  readonly #wanted: Uint8Array;
  #timed = false;
  /**
   * True if events have latencies or there is a listener; each event then gets a number when it
   * happens.
   */
  #attentive = false;
  /** Number and time of the last event; updated only while attentive. */
  #seq = 0;
  #atNs: Nanoseconds = 0;
  /** The event after which `#wake` is called; 0 for none. */
  #wakeSeq = 0;
  #wake: () => void = () => {};
  #each: (() => void) | null = null;
  #listeners: { readonly wants: Uint8Array; readonly listener: EventListener }[] = [];
  #keeper: EventKeeper | null = null;

  /** @internal */
  constructor(clock: VirtualClock, vocabulary: EventVocabulary = CORE_EVENTS) {
    this.#clock = clock;
    this.context = clock.context;
    this.vocabulary = vocabulary;
    const { byDevice, names } = vocabulary;
    this.#byDevice = byDevice;
    this.counts = zeros(Float64Array, names.length);
    this.#latenciesNs = zeros(Float64Array, names.length);
    this.#wanted = zeros(Uint8Array, names.length);
  }

  /**
   * True when events have latencies or there is a listener. If false, nothing reads the fields of
   * events.
   */
  get attentive(): boolean {
    return this.#attentive;
  }

  /** Number of the last event, which is also the number of events so far. */
  get seq(): number {
    return this.#attentive ? this.#seq : this.#countAll();
  }

  /**
   * Counts an event, numbers it and charges its latency.
   * @returns True when there is a listener; the caller must then build and emit the event.
   * @internal
   */
  tick(id: EventId): boolean {
    this.counts[id]!++;
    return this.#attentive && this.#notice(id);
  }

  /**
   * Counts several events of one kind at once. May be called only while there is neither a listener
   * nor a latency.
   * @internal
   */
  tickUnseen(id: EventId, times: number): void {
    invariant(!this.#attentive, "Events that are asked for are counted at once");
    this.counts[id]! += times;
  }

  #notice(id: EventId): boolean {
    this.#seq++;
    const { own } = this.#clock;
    this.#atNs = own === null
      ? this.#clock.nowNs += this.#latenciesNs[id]!
      : own.charge(this.#byDevice[id]!, this.#latenciesNs[id]!);
    this.#each?.();
    return this.#wanted[id] !== 0 || this.#seq === this.#wakeSeq;
  }

  #countAll(): number {
    let all = 0;
    for (let id = 0; id < this.counts.length; id++) all += this.counts[id]!;
    return all;
  }

  /**
   * Increases the latency that each event of a kind adds to virtual time. Fractions of a nanosecond
   * are kept.
   * @internal
   */
  addLatency(id: EventId, latencyNs: Nanoseconds): void {
    this.#latenciesNs[id]! += latencyNs;
    if (latencyNs > 0) this.#timed = true;
    this.#refreshAttention();
  }

  /**
   * A function to call for each event when it is numbered. The function receives no event, so no
   * event object is built for it.
   * @internal
   */
  set each(each: (() => void) | null) {
    this.#each = each;
    this.#refreshAttention();
  }

  #refreshAttention(): void {
    const attentive = this.#timed || this.#each !== null ||
      this.#wakeSeq > 0 || this.#keeper !== null || this.#listeners.length > 0;
    if (attentive && !this.#attentive) this.#seq = this.#countAll();
    this.#attentive = attentive;
  }

  /**
   * Delivers the event that `tick` has just counted.
   * @internal
   */
  emit<N extends EventName>(id: EventId<N>, fields: EventFields<N>, why: Why | null = null): void {
    this.#keeper?.keep(this.#seq, this.#atNs, this.context, id, fields, why);
    if ((this.#wanted[id]! & LISTENED) !== 0) this.#deliver(id, fields, why);
    if (this.#seq === this.#wakeSeq) this.#wake();
  }

  #deliver<N extends EventName>(id: EventId<N>, fields: EventFields<N>, why: Why | null): void {
    const event: EventOf<N> = this.vocabulary.withRow(id, {
      seq: this.#seq,
      at_ns: this.#atNs,
      cpu: this.context.cpu,
      device: this.context.device,
      request: this.context.request,
      site: this.context.site,
      name: this.vocabulary.names[id] as N,
      fields,
      why,
    });
    for (const { wants, listener } of this.#listeners) {
      // The number `id` determines the event's name, and `fields` has the type of that name. The
      // type system cannot express this.
      if (wants[id] !== 0) listener(event as unknown as MachineEvent, id);
    }
  }

  /**
   * Calls a function after the event numbered `seq`. The function must not change the machine.
   * Earlier events are not built for it.
   *
   * @param seq 0 for no event.
   * @internal
   */
  wakeAt(seq: number, wake: () => void): void {
    this.#wakeSeq = seq;
    this.#wake = wake;
    this.#refreshAttention();
  }

  /**
   * How often an event happened since the machine was ready.
   * @internal
   */
  count(id: EventId): number {
    return this.counts[id]!;
  }

  /**
   * The number of events of each kind, by name, since the counts were copied into `before`. Kinds
   * that did not occur are left out.
   * @internal
   */
  countsSince(before: Float64Array): ReadonlyMap<EventName, number> {
    const since = new Map<EventName, number>();
    for (let id = 0; id < before.length; id++) {
      const count = this.counts[id]! - before[id]!;
      if (count > 0) since.set(this.vocabulary.names[id]!, count);
    }
    return since;
  }

  /**
   * Starts delivering events to a listener. Listeners are called in the order of their
   * subscription.
   *
   * @param listener Called for each event; must not change the machine.
   * @param names The events to deliver; default: all.
   * @returns A function that ends the subscription.
   */
  listen<N extends EventName = EventName>(
    listener: EventListener<N>,
    names: readonly N[] | null = null,
  ): () => void {
    const wants = zeros(Uint8Array, this.vocabulary.names.length);
    if (names === null) wants.fill(1);
    else for (const name of names) wants[this.vocabulary.number(name)] = 1;
    const entry = { wants, listener: listener as EventListener };
    this.#listeners = [...this.#listeners, entry];
    this.#refreshWanted();
    return () => {
      this.#listeners = this.#listeners.filter((other) => other !== entry);
      this.#refreshWanted();
    };
  }

  /**
   * The events of a table that was added to the vocabulary, with the table's types.
   * @param device Device to which the events belong; default: the device of the current work.
   * @throws {RangeError} When the machine was built without the table.
   */
  of<T extends EventTable>(table: T, device: string | null = null): TableEvents<T> {
    return new TableEvents(this, table, device);
  }

  /**
   * Passes the parts of every event to a keeper, before any listener is called.
   *
   * @returns A function that removes the keeper.
   * @internal
   */
  keepIn(keeper: EventKeeper): () => void {
    invariant(this.#keeper === null, "Events have one keeper at a time");
    this.#keeper = keeper;
    this.#refreshWanted();
    return () => {
      this.#keeper = null;
      this.#refreshWanted();
    };
  }

  /**
   * Forgets all events so far, including counters, when the machine has just started.
   * @internal
   */
  reset(): void {
    this.counts.fill(0);
    this.#seq = 0;
    this.lastRequest = 0;
    this.context.reset();
  }

  #refreshWanted(): void {
    this.#refreshAttention();
    this.#wanted.fill(this.#keeper !== null ? KEPT : 0);
    for (const { wants } of this.#listeners) {
      for (let id = 0; id < wants.length; id++) if (wants[id] !== 0) this.#wanted[id]! |= LISTENED;
    }
  }
}

/** The fields of an event of a table. */
export type TableFieldsOf<T extends EventTable, N extends keyof T> = AllHold<T[N]["fields"]>;

/** An event of a table that was added to the vocabulary. */
export interface EventOfTable<T extends EventTable, N extends keyof T = keyof T>
  extends Omit<EventOf<EventName>, "name" | "fields"> {
  /** What happened. */
  readonly name: N;
  /** The values that describe the event. */
  readonly fields: TableFieldsOf<T, N>;
}

/**
 * The events of one added table on one machine. They are emitted, counted and listened to by name,
 * with the fields that the table defines.
 */
export class TableEvents<T extends EventTable> {
  readonly #stream: EventStream;
  readonly #ids: ReadonlyMap<string, EventId>;
  readonly #device: string | null;

  /** @internal */
  constructor(stream: EventStream, table: T, device: string | null) {
    this.#device = device;
    const { vocabulary } = stream;
    for (const name of Object.keys(table)) {
      if (vocabulary.entry(name) === table[name]) continue;
      throw new RangeError(`The machine has no event "${name}": its table was not added`);
    }
    this.#stream = stream;
    this.#ids = new Map(Object.keys(table).map((name) => [name, vocabulary.number(name)]));
  }

  /** Emits an event. @param why The rule of the decision that the event reports, if it reports one. */
  emit<N extends keyof T & string>(
    name: N,
    fields: TableFieldsOf<T, N>,
    why: Why | null = null,
  ): void {
    // The table determines the fields of the name; the stream's own types do not contain this name.
    const id = this.#ids.get(name) as EventId<never> | undefined;
    invariant(id !== undefined, "what is emitted is in the table");
    const { context } = this.#stream;
    const outer = context.enterDevice(this.#device ?? context.device);
    if (this.#stream.tick(id)) this.#stream.emit(id, fields as never, why);
    context.leaveDevice(outer);
  }

  /** How often an event has happened since the machine was ready. */
  count(name: keyof T & string): number {
    return this.#stream.count(this.#ids.get(name)!);
  }

  /** Delivers the table's events to a listener. @returns A function that ends the subscription. */
  listen(listener: (event: EventOfTable<T>) => void): () => void {
    return this.#stream.listen(
      listener as unknown as EventListener,
      [...this.#ids.keys()] as EventName[],
    );
  }
}
