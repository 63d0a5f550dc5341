/**
 * Deferred work of a driver: queued work, interrupt threads, and timers. Work is an activity of the
 * machine. It runs when the running context waits and so lets others run, or when the script makes
 * the machine run it.
 *
 * Deferred work does not run under a spin lock, with interrupts off or in an interrupt handler,
 * because a kernel's CPU would not run it there either. It waits for the next tick instead.
 *
 * @see rules/c-api.md 11 (request_threaded_irq), 14 (INIT_WORK, timer_setup)
 */
import type { ActivityHandler, TimerHandler } from "@dmalab/runtime";
import { PlacedKernelError } from "@dmalab/lang/builtins";
import type { CKernel, Waiting } from "./c_kernel.ts";

/**
 * Least delay of a timer. A timer with this delay expires at the next tick, because the current
 * tick may be over.
 */
const NEXT_TICK_NS = 1;
export const NS_PER_JIFFY = 1_000_000;
/** Size of the function pointer at the start of `struct work_struct` and `struct timer_list`. */
const FUNCTION_BYTES = 8;

/** A piece of work that waits to run. */
interface Job {
  readonly key: string;
  /** Address of the work's structure in C's memory; 0 without a structure. */
  readonly at: number;
  readonly site: number | null;
  run(): void;
}

/** Work that runs in process context. The same work never waits twice. */
export class CDeferred implements ActivityHandler, TimerHandler {
  readonly #waiting = new Map<string, number>();
  readonly #jobs = new Map<number, Job>();
  #held: number[] = [];
  #next = 0;

  constructor(private readonly kernel: CKernel) {
    kernel.deferred.push((at, end) => this.#waitingIn(at, end));
  }

  #waitingIn(at: number, end: number): Waiting | null {
    for (const job of this.#jobs.values()) {
      if (job.at >= at && job.at < end) return { what: "work", site: job.site };
    }
    return null;
  }

  /** Queues work. @param at Address of its structure. @returns False if it is already waiting. */
  post(key: string, run: () => void, at = 0): boolean {
    if (this.waits(key)) return false;
    const number = this.#next++;
    this.#waiting.set(key, number);
    const { site } = this.kernel.machine.events.context;
    this.#jobs.set(number, { key, at, site, run });
    this.kernel.machine.activities.post(this, 0, number);
    return true;
  }

  waits(key: string): boolean {
    return this.#waiting.has(key);
  }

  /**
   * Removes waiting work.
   * @returns The function that the work would have run; null if the work is not waiting.
   */
  take(key: string): (() => void) | null {
    const number = this.#waiting.get(key);
    if (number === undefined) return null;
    const { run } = this.#jobs.get(number)!;
    this.#waiting.delete(key);
    this.#jobs.delete(number);
    return run;
  }

  runActivity(_kind: number, number: number): void {
    const job = this.#jobs.get(number);
    if (job === undefined) return;
    if (!this.kernel.machine.context.isAtomic) {
      this.take(job.key)!();
      return;
    }
    this.#held.push(number);
    if (this.#held.length === 1) this.kernel.machine.clock.arm(this, NEXT_TICK_NS);
  }

  timerExpired(): void {
    const held = this.#held;
    this.#held = [];
    for (const number of held) this.kernel.machine.activities.post(this, 0, number);
  }
}

/**
 * Calls the function of a work or timer structure, with the structure's address as argument.
 *
 * @param run The function. 0 means the function pointer that is at the structure's start at the
 *   time of the call.
 */
export function callOwn(
  kernel: CKernel,
  what: string,
  at: number,
  site: number | null,
  run = 0,
): void {
  if (!kernel.memory.isOpen(at, FUNCTION_BYTES)) {
    const span = site === null ? null : kernel.context.siteSpan(site);
    const text = `${what} that waits to run lies in freed memory`;
    throw new PlacedKernelError("EFAULT", text, span);
  }
  kernel.callBack(run === 0 ? kernel.memory.wordAt(at) : run, [BigInt(at)]);
}

/** A timer of the driver; its function runs in the context of an interrupt handler. */
class CTimer implements TimerHandler {
  isArmed = false;
  site: number | null = null;

  constructor(readonly kernel: CKernel, readonly at: number, readonly run: number) {}

  timerExpired(): void {
    const { clock, context, interrupts } = this.kernel.machine;
    if (context.isAtomic) {
      clock.arm(this, NEXT_TICK_NS);
      return;
    }
    this.isArmed = false;
    context.enterInterrupt();
    try {
      callOwn(this.kernel, "A timer", this.at, this.site, this.run);
    } finally {
      context.leaveInterrupt();
    }
    interrupts.deliverWaiting();
  }
}

/** The timers of a driver, by the address of their structure. */
export class CTimers {
  readonly #timers = new Map<number, CTimer>();

  constructor(private readonly kernel: CKernel) {
    kernel.deferred.push((at, end) => this.#waitingIn(at, end));
  }

  #waitingIn(at: number, end: number): Waiting | null {
    for (const { at: timerAt, isArmed, site } of this.#timers.values()) {
      if (isArmed && timerAt >= at && timerAt < end) return { what: "a timer", site };
    }
    return null;
  }

  /**
   * Starts a timer that expires at a tick, or at the next tick if the given tick has passed.
   *
   * @param run As in {@linkcode callOwn}.
   * @returns Whether the timer was already running.
   */
  arm(at: number, expiresJiffies: number, run = 0): boolean {
    const wasArmed = this.disarm(at);
    const { clock, events } = this.kernel.machine;
    const timer = new CTimer(this.kernel, at, run);
    timer.isArmed = true;
    timer.site = events.context.site;
    this.#timers.set(at, timer);
    const delayNs = expiresJiffies * NS_PER_JIFFY - clock.nowNs;
    // A larger delay never expires: no clock runs for so long.
    if (delayNs < Number.MAX_SAFE_INTEGER) clock.arm(timer, Math.max(NEXT_TICK_NS, delayNs));
    return wasArmed;
  }

  /** Stops a timer. @returns Whether it was running. */
  disarm(at: number): boolean {
    const timer = this.#timers.get(at);
    if (timer === undefined || !timer.isArmed) return false;
    timer.isArmed = false;
    this.kernel.machine.clock.disarm(timer);
    this.#timers.delete(at);
    return true;
  }
}
