/**
 * Virtual time and its timers.
 *
 * Time moves only by the latencies of events and by `advance`; the host's clock is never read. While
 * latencies are in force each CPU and each device has its own. A timer fires at its own time when
 * `advance` passes it, or right after the activity that made it due on the CPU that runs.
 */
import { invariant } from "../errno.ts";
import type { Nanoseconds } from "../address.ts";
import { EventContext } from "../event_context.ts";
import { LocalClocks } from "./local_clocks.ts";

/** The kernel's tick: timers expire on a multiple of it (docs/language/stepping.md). */
export const TICK_NS: Nanoseconds = 1_000_000;

/** Something that waits for a point in virtual time. */
export interface TimerHandler {
  /** Called once, at the timer's time. The timer may be armed again from here. */
  timerExpired(): void;
}

interface Timer {
  readonly atNs: Nanoseconds;
  readonly handler: TimerHandler;
  /** The origin is that of the code that armed it; the CPU is the one that takes the timer. */
  readonly device: string | null;
  readonly request: number | null;
  readonly site: number | null;
}

/** The time of a machine, in nanoseconds; nothing of it is the host's. */
export class VirtualClock {
  /**
   * The times of CPUs and devices; null without latencies, where all have the same.
   * @internal
   */
  own: LocalClocks | null = null;
  /**
   * Whose work is being done. It belongs to the clock because time is what parts work from its cause.
   * @internal
   */
  readonly context = new EventContext();
  #sharedNs: Nanoseconds = 0;
  #timers: Timer[] = [];
  /** When the first timer expires: asked after every activity, and mostly far away. */
  #nextNs: Nanoseconds = Infinity;

  /** Nanoseconds since the machine was ready, by the CPU or the device that runs. */
  get nowNs(): Nanoseconds {
    return this.own === null ? this.#sharedNs : this.own.nowNs;
  }

  /** @internal */
  set nowNs(ns: Nanoseconds) {
    if (this.own === null) this.#sharedNs = ns;
    else this.own.nowNs = ns;
  }

  /** Nanoseconds since the machine was ready, by the CPU or the device that is furthest. */
  get latestNs(): Nanoseconds {
    return this.own === null ? this.#sharedNs : this.own.latestNs;
  }

  /**
   * Gives each CPU and each device its own time from here on.
   * @internal
   */
  startOwn(cpus: number): void {
    invariant(this.nowNs === 0, "Own times begin while time has passed");
    this.own = new LocalClocks(this.context, cpus);
  }

  /** The number of timers waiting. */
  get pendingTimers(): number {
    return this.#timers.length;
  }

  /**
   * When the first timer expires; Infinity where none waits.
   * @internal
   */
  get nextTimerNs(): Nanoseconds {
    return this.#nextNs;
  }

  /**
   * Arms a timer that expires `delayNs` from now, rounded up to the next tick as the kernel does. A
   * handler may be armed only once at a time.
   *
   * @param tickNs The unit of rounding: a device has a separate clock.
   * @internal
   */
  arm(handler: TimerHandler, delayNs: Nanoseconds, tickNs: Nanoseconds = TICK_NS): void {
    invariant(
      delayNs >= 0,
      `Cannot arm a timer ${delayNs} ns from now: the delay must not be negative`,
    );
    const atNs = Math.ceil((this.nowNs + delayNs) / tickNs) * tickNs;
    invariant(atNs >= this.nowNs, "A timer is set in the past");
    const { device, request, site } = this.context;
    this.#timers.push({ atNs, handler, device, request, site });
    // Sorting is stable: of those of one time the one that was armed first stays first.
    this.#timers.sort((a, b) => a.atNs - b.atNs);
    this.#noteNext();
  }

  /**
   * Disarms a handler's timer; does nothing when it is not armed.
   * @internal
   */
  disarm(handler: TimerHandler): void {
    this.#timers = this.#timers.filter((timer) => timer.handler !== handler);
    this.#noteNext();
  }

  /**
   * Fires every timer that is due now, in the order of their times.
   * @internal
   */
  runDue(): void {
    while (this.#nextNs <= this.nowNs) this.#fireNext();
  }

  /**
   * Moves time forward, firing each timer on the way at its own time. CPUs and devices that are behind
   * catch up first: all have the same time then.
   */
  advance(durationNs: Nanoseconds): void {
    invariant(durationNs >= 0, `Cannot advance by ${durationNs} ns: time never runs backwards`);
    const targetNs = this.latestNs + durationNs;
    this.#reach(this.latestNs);
    while (this.#nextNs <= targetNs) {
      this.#reach(this.#nextNs);
      this.#fireNext();
    }
    this.#reach(Math.max(targetNs, this.latestNs));
  }

  #reach(ns: Nanoseconds): void {
    if (this.own === null) this.#sharedNs = Math.max(this.#sharedNs, ns);
    else this.own.meetAt(ns);
  }

  /**
   * Time zero again, with every timer dropped: the machine has just come up.
   * @internal
   */
  reset(): void {
    this.own = null;
    this.#sharedNs = 0;
    this.#timers = [];
    this.#noteNext();
  }

  #fireNext(): void {
    const next = this.#timers.shift();
    this.#noteNext();
    if (next === undefined) return;
    invariant(next.atNs <= this.nowNs, "A timer fires before its time");
    const { cpu, device, request, site } = this.context;
    // Captures show what a timer frees in the caches of the CPU that takes it.
    this.context.become(cpu, next.device, next.request, next.site);
    try {
      next.handler.timerExpired();
    } finally {
      this.context.become(cpu, device, request, site);
    }
  }

  #noteNext(): void {
    this.#nextNs = this.#timers[0]?.atNs ?? Infinity;
  }
}
