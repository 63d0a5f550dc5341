/**
 * Merges the events of several files into one order: by the trace's clock.
 *
 * @see rules/traces.md T.61
 */
import type { LineOrigin } from "./line_source.ts";
import type { LoggedEvent } from "./event_log.ts";

/** How times of each file are converted into times of the trace. */
export interface TiedClocks {
  /** By origin: the offset added to the file's times. Absent if the file's clock is not tied. */
  readonly offsets: Partial<Readonly<Record<LineOrigin, number>>>;
  /**
   * Times for the lines of an emulator's log that has no times. By line, the time when the line's
   * command was set up.
   */
  readonly emulatorLines: ReadonlyMap<number, number>;
}

/** For files that have no clock in common. */
export const NO_CLOCKS: TiedClocks = { offsets: {}, emulatorLines: new Map() };

/** An event with its time by the clock of the trace; null if that time is not known. */
export type JoinedEvent = LoggedEvent & { readonly at: number | null };

/** Converted times are rounded to a second divided by this number. */
const PARTS = 1e6;

/** Adds the converted time to an event. @param clocks `NO_CLOCKS` if there is no trace. */
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
  /** The latest time so far in the file of these events. */
  at: number;
}

/**
 * All events of some files, sorted by their times. The events of one file keep their order. An
 * event without a time directly follows the event before it in its file. If no event before it has
 * a time, it comes first.
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
