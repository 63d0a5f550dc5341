/**
 * Collects what each device of a trace maps: how much, how often, how long, by which callers, and
 * how these counts change over time.
 *
 * No data about a mapping is kept after its unmap.
 */
import type { MachineFacts } from "../ledger/machine_facts.ts";
import { isUndecided, type Mode, modeOf } from "../ledger/device_mode.ts";
import type { Device, TracedMapping, TraceInstant } from "../ledger/traced_mapping.ts";
import { pageEnd, pageOf } from "../owner/pages.ts";
import type { FlushEvent } from "../line/flush_event.ts";
import { isMappingStep, type ScriptedCall } from "../script/recorder.ts";
import { FlushWindows } from "./flush_windows.ts";
import { IovaSpace, type SpaceUse } from "./iova_space.ts";
import { PowersOfTwo } from "./powers_of_two.ts";

/** Largest number of intervals of a time series: a power of two. */
const MAX_INTERVALS = 256;
const FIRST_SECONDS = 2 ** -20;

/** Counts for an interval of time. */
export class Interval {
  firstLine = 0;
  lastLine = 0;
  maps = 0;
  unmaps = 0;
  mostLiveBytes = 0;
  mostLine = 0;
  mostBouncedBytes = 0;
  /**
   * Bytes that are live at the end of the interval; `liveBouncedBytes`: the bounced ones among
   * them.
   */
  liveBytes = 0;
  liveBouncedBytes = 0;
  /** The IOVA space at the end of the interval; null for a device without translation. */
  space: SpaceUse | null = null;

  /** Adds the counts of the interval that follows. */
  join(later: Interval): void {
    this.lastLine = later.lastLine;
    this.maps += later.maps;
    this.unmaps += later.unmaps;
    this.mostBouncedBytes = Math.max(this.mostBouncedBytes, later.mostBouncedBytes);
    this.liveBytes = later.liveBytes;
    this.liveBouncedBytes = later.liveBouncedBytes;
    this.space = later.space ?? this.space;
    if (later.mostLiveBytes > this.mostLiveBytes) {
      [this.mostLiveBytes, this.mostLine] = [later.mostLiveBytes, later.mostLine];
    }
  }
}

/**
 * Counts over time in a bounded number of intervals. As the total time grows, pairs of neighbouring
 * intervals are joined.
 */
class TimeSeries {
  widthSeconds = FIRST_SECONDS;
  #intervals: (Interval | undefined)[] = [];

  constructor(readonly startSeconds: number) {}

  /** The interval of a time; for a time before the start, the first interval. */
  at(seconds: number): Interval {
    const since = Math.max(0, seconds - this.startSeconds);
    while (since >= MAX_INTERVALS * this.widthSeconds) this.#widen();
    return this.#intervals[Math.floor(since / this.widthSeconds)] ??= new Interval();
  }

  #widen(): void {
    const joined: (Interval | undefined)[] = [];
    this.#intervals.forEach((interval, index) => {
      if (interval === undefined) return;
      const earlier = joined[index >> 1];
      if (earlier === undefined) joined[index >> 1] = interval;
      else earlier.join(interval);
    });
    this.#intervals = joined;
    this.widthSeconds *= 2;
  }

  /** The non-empty intervals, each with its start. */
  get intervals(): readonly (readonly [seconds: number, interval: Interval])[] {
    return [...this.#intervals.entries()].flatMap(([index, interval]) =>
      interval === undefined
        ? []
        : [[this.startSeconds + index * this.widthSeconds, interval] as const]
    );
  }
}

const US_PER_S = 1e6;
/** Callers beyond this number are counted together. */
const MAX_CALLERS = 1000;
const OTHER_CALLERS = "others";
/**
 * The largest number of waiting steps. A step waits until the steps of earlier lines are known,
 * because the map of a two-step range is reported only when the range is unmapped.
 */
const MAX_WAITING = 1 << 14;

/** A count, and the first line that was counted. */
export interface UseTally {
  count: number;
  readonly line: number;
}

/** Line and time of a counted step. */
type UseInstant = Pick<TraceInstant, "line" | "seconds">;

export class DeviceUse {
  maps = 0;
  unmaps = 0;
  mappedBytes = 0;
  liveBytes = 0;
  peakBytes = 0;
  peakSeconds = 0;
  live = 0;
  peakLive = 0;
  /** Counts that apply only if the device turns out to be bounced. */
  bouncedMaps = 0;
  liveBouncedBytes = 0;
  peakBouncedBytes = 0;
  lowest = Infinity;
  highest = 0;
  readonly lifetimesUs = new PowersOfTwo();
  readonly sizesBytes = new PowersOfTwo();
  readonly directions = new Map<string, UseTally>();
  readonly callers = new Map<string, UseTally>();
  readonly overTime: TimeSeries;
  readonly #space = new IovaSpace();
  #interval: Interval | null = null;

  /** @param device Null for two-step ranges, which name no device. */
  constructor(readonly device: Device | null, startSeconds: number) {
    this.overTime = new TimeSeries(startSeconds);
  }

  get mode(): Mode {
    return this.device === null ? "translated" : modeOf(this.device);
  }

  /**
   * A count of bounced maps or bytes. 0 if the device's maps are not bounced, null if it is unknown
   * whether they are bounced.
   */
  bounced(count: number): number | null {
    if (this.device !== null && isUndecided(this.device)) return null;
    return this.mode === "bounced" ? count : 0;
  }

  map(mapping: TracedMapping, site: string | null, now: UseInstant): void {
    const { addr, dir, kind, sizeBytes } = mapping;
    const interval = this.#at(now.seconds);
    interval.maps++;
    this.maps++;
    this.peakLive = Math.max(this.peakLive, ++this.live);
    this.liveBytes += sizeBytes;
    this.mappedBytes += sizeBytes;
    if (this.liveBytes > this.peakBytes) {
      [this.peakBytes, this.peakSeconds] = [this.liveBytes, now.seconds];
    }
    if (isElsewhere(mapping)) {
      this.bouncedMaps++;
      this.liveBouncedBytes += sizeBytes;
      this.peakBouncedBytes = Math.max(this.peakBouncedBytes, this.liveBouncedBytes);
    }
    this.lowest = Math.min(this.lowest, addr);
    this.highest = Math.max(this.highest, addr + sizeBytes);
    this.#changeSpace(mapping, 1);
    this.sizesBytes.add(sizeBytes, [now.line]);
    bump(this.directions, dir ?? "unknown", now.line);
    const task = mapping.task.replace(/^(kworker|ksoftirqd|irq)\/.*$/, "$1");
    const caller = site === null ? `${kind} by ${task}` : `${kind} in ${site}`;
    const isKnown = this.callers.has(caller) || this.callers.size < MAX_CALLERS;
    bump(this.callers, isKnown ? caller : OTHER_CALLERS, now.line);
    this.#note(interval, now.line);
  }

  unmap(mapping: TracedMapping, now: UseInstant): void {
    const interval = this.#at(now.seconds);
    this.#note(interval, now.line);
    interval.unmaps++;
    this.unmaps++;
    this.live--;
    this.liveBytes -= mapping.sizeBytes;
    if (isElsewhere(mapping)) this.liveBouncedBytes -= mapping.sizeBytes;
    this.#note(interval, now.line);
    this.#changeSpace(mapping, -1);
    const { line, seconds } = mapping.mappedAt;
    this.lifetimesUs.add(Math.max(0, now.seconds - seconds) * US_PER_S, [line, now.line]);
  }

  /** Ends the trace: all lines have been read. */
  end(): void {
    if (this.#interval !== null) this.#interval.space = this.#space.use;
  }

  #at(seconds: number): Interval {
    const interval = this.overTime.at(seconds);
    if (interval !== this.#interval && this.#interval !== null) {
      this.#interval.space = this.#space.use;
    }
    return this.#interval = interval;
  }

  #note(interval: Interval, line: number): void {
    interval.firstLine ||= line;
    interval.lastLine = line;
    [interval.liveBytes, interval.liveBouncedBytes] = [this.liveBytes, this.liveBouncedBytes];
    interval.mostBouncedBytes = Math.max(interval.mostBouncedBytes, this.liveBouncedBytes);
    if (this.liveBytes <= interval.mostLiveBytes) return;
    [interval.mostLiveBytes, interval.mostLine] = [this.liveBytes, line];
  }

  #changeSpace({ addr, kind, sizeBytes, tableLine }: TracedMapping, by: 1 | -1): void {
    if (kind !== "two_step" && tableLine === 0) return;
    this.#space.change(pageOf(addr), pageEnd(addr, sizeBytes), by);
  }
}

/**
 * Whether no page-table line belongs to a mapping, and the device's address still differs from the
 * address of the driver's buffer.
 */
function isElsewhere({ addr, kind, phys, tableLine }: TracedMapping): boolean {
  return kind !== "two_step" && tableLine === 0 && phys !== null && phys !== addr;
}

function bump(tallies: Map<string, UseTally>, name: string, line: number): void {
  tallies.getOrInsertComputed(name, () => ({ count: 0, line })).count++;
}

/** A step that waits until the steps of earlier lines are known. */
interface WaitingStep extends UseInstant {
  readonly op: "map" | "unmap" | "flush";
  readonly mapping: TracedMapping | null;
  readonly flush: FlushEvent | null;
  /** The calling function, if the trace has stacks. */
  site: string | null;
}

/** Receives the steps of a ledger and counts them by device. */
export class DeviceUses {
  readonly devices = new Map<string, DeviceUse>();
  readonly flushes = new FlushWindows();
  /** The facts about the machine that are recorded beside the trace. */
  facts: MachineFacts | null = null;
  #waiting: WaitingStep[] = [];
  #startSeconds: number | null = null;
  #newest: WaitingStep | null = null;

  /** @param seconds When the line of the step was written. */
  take(step: ScriptedCall, seconds: number): void {
    if (!isMappingStep(step)) return;
    const { line, mapping, op } = step;
    if (op === "map" || op === "unmap") this.#wait(op, mapping, { line, seconds });
    else if (op === "range") {
      this.#wait("map", mapping, mapping.mappedAt);
      this.#wait("unmap", mapping, mapping.unmappedAt!);
    }
  }

  flush(flush: FlushEvent, now: UseInstant): void {
    this.#add({ op: "flush", mapping: null, flush, site: null, ...now });
  }

  /** Notes that another event begins: following stack lines belong to it. */
  begin(): void {
    this.#newest = null;
  }

  /**
   * Adds a function from the stack of the last event. Functions of the DMA API are not passed to
   * this method.
   */
  calledBy(name: string): void {
    if (this.#newest !== null) this.#newest.site ??= name;
  }

  /** Ends the trace: all lines have been read. */
  end(): void {
    this.#settle(0);
    for (const use of this.devices.values()) use.end();
  }

  #wait(op: "map" | "unmap", mapping: TracedMapping, { line, seconds }: UseInstant): void {
    const step: WaitingStep = { op, mapping, flush: null, site: null, line, seconds };
    this.#newest = op === "map" ? step : null;
    this.#add(step);
  }

  #add(step: WaitingStep): void {
    this.#startSeconds ??= step.seconds;
    if (this.#waiting.push(step) >= 2 * MAX_WAITING) this.#settle(MAX_WAITING);
  }

  /** Counts waiting steps, the oldest first, until only `left` of them wait. */
  #settle(left: number): void {
    const steps = this.#waiting.sort((a, b) => a.line - b.line);
    this.#waiting = steps.splice(Math.max(0, steps.length - left));
    for (const { flush, line, mapping, op, seconds, site } of steps) {
      if (flush !== null) this.flushes.flush(flush, seconds, line);
      if (mapping === null) continue;
      const use = this.#of(mapping);
      if (op === "map") use.map(mapping, site, { line, seconds });
      else {
        use.unmap(mapping, { line, seconds });
        const isTranslated = mapping.tableLine > 0 || mapping.kind === "two_step";
        if (isTranslated) this.flushes.unmap(nameOf(mapping), mapping, seconds, line);
      }
    }
  }

  #of(mapping: TracedMapping): DeviceUse {
    const made = () => new DeviceUse(mapping.device, this.#startSeconds!);
    return this.devices.getOrInsertComputed(nameOf(mapping), made);
  }
}

function nameOf({ device }: TracedMapping): string {
  return device?.name ?? "two-step ranges of no known device";
}
