/**
 * Events of several records in one order: that of the trace's clock.
 *
 * @see rules/traces.md T.61
 */
import type { LineOrigin } from "./line_source.ts";
import type { LoggedEvent } from "./event_log.ts";

/** How times become those of the trace. */
export interface TiedClocks {
  /** The offset that is added to a time of each record with a tied clock. */
  readonly offsets: Partial<Readonly<Record<LineOrigin, number>>>;
  /** Times of lines in an emulator's log that has none: the setups of its commands. */
  readonly emulatorLines: ReadonlyMap<number, number>;
}

/** Of records that have no clock in common. */
export const NO_CLOCKS: TiedClocks = { offsets: {}, emulatorLines: new Map() };

/** An event with its time by the clock of the trace; null where that is not known. */
export type JoinedEvent = LoggedEvent & { readonly at: number | null };

/** To so many parts of a second times are known that are brought from another clock. */
const PARTS = 1e6;

/** @param clocks None where there is no trace. */
export function placeEvent(event: LoggedEvent, clocks: TiedClocks): JoinedEvent {
  const { file, line, origin, seconds, ...others } = event;
  const offset = clocks.offsets[origin];
  const at = seconds === null
    ? origin === "QEMU log" ? clocks.emulatorLines.get(line) ?? null : null
    : offset === undefined
    ? null
    : offset === 0
    ? seconds
    : Math.round((seconds + offset) * PARTS) / PARTS;
  return { file, line, origin, seconds, at, ...others } as JoinedEvent;
}

interface Head {
  readonly events: AsyncIterator<JoinedEvent>;
  next: JoinedEvent;
  /** The latest time in its file so far. */
  at: number;
}

/**
 * All events of some files by their times. A file keeps its own order: an event without a time
 * comes right behind the event before it, and first if that has no time either.
 */
export async function* joinEvents(
  files: readonly AsyncIterable<JoinedEvent>[],
): AsyncGenerator<JoinedEvent> {
  const heads: Head[] = [];
  for (const file of files) {
    const events = file[Symbol.asyncIterator]();
    const { done, value } = await events.next();
    if (done !== true) heads.push({ events, next: value, at: value.at ?? -Infinity });
  }
  while (heads.length > 0) {
    let first = 0;
    for (let index = 1; index < heads.length; index++) {
      if (heads[index]!.at < heads[first]!.at) first = index;
    }
    const head = heads[first]!;
    yield head.next;
    const { done, value } = await head.events.next();
    if (done === true) heads.splice(first, 1);
    else {
      head.next = value;
      head.at = Math.max(head.at, value.at ?? -Infinity);
    }
  }
}
