/**
 * Keeps the events of a run, for those who ask afterwards.
 *
 * Listening costs time and memory, so a recorder is switched on only where somebody may ask: in
 * tests, traces and the REPL, not in the loops of a bench.
 */
import type { EventStream, MachineEvent } from "./events.ts";

/** Events kept when the owner names no other limit. */
const DEFAULT_LIMIT_EVENTS = 1_000_000;

export class EventRecorder {
  #events: MachineEvent[] = [];
  #stop: (() => void) | null = null;
  #dropped = 0;

  constructor(
    readonly stream: EventStream,
    readonly limitEvents: number = DEFAULT_LIMIT_EVENTS,
  ) {}

  /** Starts keeping events. */
  start(): void {
    this.#stop ??= this.stream.listen((event) => {
      if (this.#events.length < this.limitEvents) this.#events.push(event);
      else this.#dropped++;
    });
  }

  /** Stops keeping events; those kept stay. */
  stop(): void {
    this.#stop?.();
    this.#stop = null;
  }

  get recording(): boolean {
    return this.#stop !== null;
  }

  /** All events kept, oldest first. */
  get events(): readonly MachineEvent[] {
    return this.#events;
  }

  /** How many events came after the limit was reached and are lost. */
  get droppedEvents(): number {
    return this.#dropped;
  }

  /** The events with a number above `seq`. */
  after(seq: number): readonly MachineEvent[] {
    let low = 0;
    let high = this.#events.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#events[middle]!.seq <= seq) low = middle + 1;
      else high = middle;
    }
    return this.#events.slice(low);
  }
}
