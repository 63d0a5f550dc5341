/**
 * Interrupt coalescing: one interrupt for several completions (features 08h and 09h of the Base
 * Specification 1.4, 5.21.1.8 and .9). It concerns I/O queues only.
 */
import { invariant } from "../../../runtime/errno.ts";
import type { Nanoseconds } from "../../../runtime/address.ts";
import type { TimerHandler, VirtualClock } from "../../../runtime/time/clock.ts";
import type { CompletionQueue } from "./queues.ts";

/** The unit of the aggregation time. */
const TIME_UNIT_NS: Nanoseconds = 100_000;
const NO_ROUNDING_NS: Nanoseconds = 1;

/** Completions of a vector whose interrupt is still held back. */
class HeldVector implements TimerHandler {
  count = 0;

  constructor(readonly vector: number, readonly expired: (held: HeldVector) => void) {}

  timerExpired(): void {
    invariant(this.count > 0, "A coalescing timer expires without completions");
    this.expired(this);
  }
}

export class InterruptCoalescing {
  readonly #clock: VirtualClock;
  readonly #raise: (vector: number) => void;
  readonly #held = new Map<number, HeldVector>();
  readonly #excepted = new Set<number>();
  #thresholdEntries = 0;
  #timeNs: Nanoseconds = 0;

  /** @param raise Interrupts the host. */
  constructor(clock: VirtualClock, raise: (vector: number) => void) {
    this.#clock = clock;
    this.#raise = raise;
  }

  /**
   * Takes the value of feature 08h: the threshold, zero-based, below; the time in units of 100 µs
   * above it. A time of 0 is no delay, so that nothing is held back.
   */
  set(value: number): void {
    this.#thresholdEntries = (value & 0xff) + 1;
    this.#timeNs = (value >>> 8 & 0xff) * TIME_UNIT_NS;
    if (!this.#isOn) this.#releaseAll();
  }

  /** Takes the value of feature 09h: a vector, and whether it is excepted. */
  setVector(value: number): void {
    const vector = value & 0xffff;
    if ((value >>> 16 & 1) === 0) this.#excepted.delete(vector);
    else {
      this.#excepted.add(vector);
      const held = this.#held.get(vector);
      if (held !== undefined && held.count > 0) this.#release(held);
    }
  }

  /** Nothing is coalesced, and no interrupt is held back. */
  reset(): void {
    for (const held of this.#held.values()) this.#clock.disarm(held);
    this.#held.clear();
    this.#excepted.clear();
    this.#thresholdEntries = 0;
    this.#timeNs = 0;
  }

  /** An entry was posted: interrupts now or later. */
  posted({ vector }: CompletionQueue): void {
    if (!this.#isOn || this.#excepted.has(vector)) {
      this.#raise(vector);
      return;
    }
    let held = this.#held.get(vector);
    if (held === undefined) {
      held = new HeldVector(vector, (each) => this.#release(each));
      this.#held.set(vector, held);
    }
    held.count++;
    invariant(held.count <= this.#thresholdEntries, "More completions are held than the threshold");
    if (held.count >= this.#thresholdEntries) this.#release(held);
    else if (held.count === 1) this.#clock.arm(held, this.#timeNs, NO_ROUNDING_NS);
  }

  /** The host has taken everything without having been interrupted. */
  taken({ vector }: CompletionQueue): void {
    const held = this.#held.get(vector);
    if (held === undefined || held.count === 0) return;
    held.count = 0;
    this.#clock.disarm(held);
  }

  get #isOn(): boolean {
    return this.#timeNs > 0 && this.#thresholdEntries > 1;
  }

  #releaseAll(): void {
    for (const held of this.#held.values()) if (held.count > 0) this.#release(held);
  }

  #release(held: HeldVector): void {
    invariant(held.count > 0, "No completions are released");
    held.count = 0;
    this.#clock.disarm(held);
    this.#raise(held.vector);
  }
}
