/**
 * Virtual time and its timers.
 *
 * Time moves only by the latencies of events and by `advance`; the host's clock is never read. While
 * latencies apply, each CPU and each device has its own clock. A timer fires at its own time when
 * `advance` passes that time. If an activity makes a timer due, the timer fires right after the
 * activity, on the CPU that ran the activity.
 */
import { invariant } from "../errno.ts";
import type { Nanoseconds } from "../address.ts";
import { EventContext } from "../event_context.ts";
import { LocalClocks } from "./local_clocks.ts";

/** The kernel's tick: timers expire on a multiple of it (docs/language/stepping.md). */
export const TICK_NS: Nanoseconds = 1_000_000;

/** Something that waits for a point in virtual time. */
export interface TimerHandler {
  /** Called once, at the timer's time. The method may arm the timer again. */
  timerExpired(): void;
}

interface Timer {
  readonly atNs: Nanoseconds;
  readonly handler: TimerHandler;
  /**
   * The device, request and site of the code that armed the timer. There is no field for a CPU,
   * because the timer runs on the CPU on which it expires.
   */
  readonly device: string | null;
  readonly request: number | null;
  readonly site: number | null;
}

/** The virtual time of a machine, in nanoseconds, independent of the host's clock. */
export class VirtualClock {
  /**
   * The clocks of CPUs and devices; null without latencies, where all share one clock.
   * @internal
   */
  own: LocalClocks | null = null;
  /**
   * The context of the current work. It belongs to the clock because, with timers and queues, work
   * runs later than the code that caused it.
   * @internal
   */
  readonly context = new EventContext();
  #sharedNs: Nanoseconds = 0;
  #timers: Timer[] = [];
  /** When the first timer expires, cached because it is checked after every activity. */
  #nextNs: Nanoseconds = Infinity;

  /** Nanoseconds since the machine was ready, on the clock of the current CPU or device. */
  get nowNs(): Nanoseconds {
    return this.own === null ? this.#sharedNs : this.own.nowNs;
  }

  /** @internal */
  set nowNs(ns: Nanoseconds) {
    if (this.own === null) this.#sharedNs = ns;
    else this.own.nowNs = ns;
  }

  /** Nanoseconds since the machine was ready, on the most advanced clock. */
  get latestNs(): Nanoseconds {
    return this.own === null ? this.#sharedNs : this.own.latestNs;
  }

  /**
   * Gives each CPU and each device its own clock from here on.
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
   * @param tickNs The unit of rounding. It is smaller for a device, because a device has its own
   *   clock.
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
    // Sorting is stable: of timers with the same time, the one armed first stays first.
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
   * Advances time, and fires each timer at the time at which it becomes due. Before that, the
   * clocks of CPUs and devices catch up with the latest clock, so that all have the same time.
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
   * Resets time to zero and drops every timer, when the machine has just started.
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
    // In captures, a timer frees into the caches of the CPU on which it expires.
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
