/** Ranges of one space that are taken, each with the event that took it. */
import type { MachineEvent } from "../events.ts";

/** A range `[start, end)`. */
export interface Held {
  readonly start: number;
  readonly end: number;
  readonly event: MachineEvent;
}

/** Ranges that are taken, apart from each other. */
export class RangeBook {
  readonly #held = new Map<number, Held>();

  /** Nothing is taken by a size of 0, such as a link of no bytes, which succeeds. */
  take(start: number, size: number, event: MachineEvent): void {
    if (size === 0) return;
    this.#held.set(start, { start, end: start + size, event });
  }

  /** Releases what is taken of a range; the rest of it was taken before the watch began. */
  give(start: number, size: number): void {
    const end = start + size;
    // As a rule what was taken goes back as it was, and of many only one is looked at.
    if (this.#held.get(start)?.end === end) {
      this.#held.delete(start);
      return;
    }
    for (const held of [...this.#held.values()]) {
      if (held.end <= start || held.start >= end) continue;
      this.#held.delete(held.start);
      if (held.start < start) this.#held.set(held.start, { ...held, end: start });
      if (held.end > end) this.#held.set(end, { ...held, start: end });
    }
  }

  /** The size of what was taken at an address; 0 where nothing was. */
  sizeAt(start: number): number {
    const held = this.#held.get(start);
    return held === undefined ? 0 : held.end - held.start;
  }

  /** Forgets what was taken after an event. */
  forgetAfter(seq: number): void {
    for (const { event, start } of [...this.#held.values()]) {
      if (event.seq > seq) this.#held.delete(start);
    }
  }

  /** What is left, neighbours of one statement joined, in the order of their addresses. */
  left(): Held[] {
    const joined: Held[] = [];
    for (const held of [...this.#held.values()].sort((a, b) => a.start - b.start)) {
      const last = joined.at(-1);
      if (last !== undefined && last.end === held.start && sameWork(last.event, held.event)) {
        const event = last.event.seq <= held.event.seq ? last.event : held.event;
        joined[joined.length - 1] = { start: last.start, end: held.end, event };
      } else joined.push(held);
    }
    return joined;
  }
}

/** Both were taken by one statement for one request. */
function sameWork(one: MachineEvent, other: MachineEvent): boolean {
  return one.site === other.site && one.request === other.request;
}
