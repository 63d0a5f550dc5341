/**
 * Stores the events of a run, for later readers.
 *
 * Listening costs time and memory, so a recorder is enabled only if its events may be read: in
 * tests, traces and the REPL, but not in the loops of a bench.
 */
import { countBefore } from "./binary_search.ts";
import type { EventStream, MachineEvent } from "./events.ts";
import type { HostBudget } from "./host_budget.ts";

/**
 * `EVENT_BYTES`: host memory charged for an event, its fields and its reason. `EVENT_UNITS`: units
 * of work charged for an event.
 */
const EVENT_BYTES = 384;
const EVENT_UNITS = 100;

/** Events of a run, stored by an object other than the recorder. */
export interface RecordedEvents {
  readonly count: number;
  /** The events with a number above `after`, up to `upTo`. */
  between(after: number, upTo: number): readonly MachineEvent[];
}

/** Stores the events of a machine, up to a limit. */
export class EventRecorder {
  #events: MachineEvent[] = [];
  #stop: (() => void) | null = null;
  /** Number of the event with which the limit was reached, the last one stored; null until then. */
  #fullSeq: number | null = null;
  /** Source from which events are read instead of being stored here. */
  #source: RecordedEvents | null = null;

  /** Keeps nothing before `start`. */
  constructor(
    readonly stream: EventStream,
    readonly limitEvents: number,
    /**
     * Their storage.
     * @internal
     */
    readonly budget: HostBudget,
  ) {}

  /** Starts keeping events, unless there is no room for more. */
  start(): void {
    if (this.#fullSeq !== null) return;
    if (this.#source !== null) return;
    this.#stop ??= this.stream.listen((event) => {
      this.#charge();
      this.#events.push(event);
      if (this.#events.length < this.limitEvents) return;
      // From now on no events are built, because they cannot be stored; the run continues at full
      // speed.
      this.#fullSeq = event.seq;
      this.stop();
    });
  }

  /** Stops keeping events; those kept stay. */
  stop(): void {
    this.#stop?.();
    this.#stop = null;
  }

  #charge(): void {
    this.budget.holdEvent(EVENT_BYTES);
    this.budget.work(EVENT_UNITS);
  }

  /**
   * Takes events from another store of the same run instead of storing them itself: the events from
   * the first to the current one. The other store may also contain later events.
   *
   * @param charged Number of events that are charged as if this recorder stored them.
   * @internal
   */
  readFrom(source: RecordedEvents, charged: number): void {
    this.stop();
    this.#source = source;
    this.stream.each = charged === 0 ? null : () => {
      this.#charge();
      if (this.stream.seq >= charged) this.stream.each = null;
    };
  }

  /** True while events are stored. */
  get recording(): boolean {
    return this.#source === null ? this.#stop !== null : this.stream.seq < this.limitEvents;
  }

  /** Number of stored events. */
  get count(): number {
    if (this.#source === null) return this.#events.length;
    return Math.min(this.stream.seq, this.#source.count, this.limitEvents);
  }

  /** All events kept, oldest first. */
  get events(): readonly MachineEvent[] {
    return this.#source === null ? this.#events : this.#source.between(0, this.count);
  }

  /** Number of events that are lost because they came after the limit was reached. */
  get droppedEvents(): number {
    if (this.#source !== null) return this.stream.seq - this.count;
    return this.#fullSeq === null ? 0 : this.stream.seq - this.#fullSeq;
  }

  /** The events with a number above `seq`. */
  after(seq: number): readonly MachineEvent[] {
    if (this.#source !== null) return this.#source.between(Math.min(seq, this.count), this.count);
    const events = this.#events;
    return events.slice(countBefore(events.length, (index) => events[index]!.seq <= seq));
  }
}
