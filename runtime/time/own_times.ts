/**
 * The time of each CPU and of each device, while latencies are in force.
 *
 * Whatever costs time moves the time of who does it, so that two CPUs work side by side. What joins
 * them sets the later of both times: work that one posts for another, an interrupt, and a
 * completion that a CPU takes. The order in which all this is run is the same as without latencies; the times of one CPU, or of one device, never go backwards in it.
 */
import type { Nanoseconds } from "../address.ts";
import { invariant } from "../errno.ts";
import type { EventContext } from "../event_context.ts";

export class OwnTimes {
  /** What an interrupt costs the CPU that takes it. */
  interruptNs: Nanoseconds = 0;
  readonly #context: EventContext;
  readonly #cpus: Float64Array;
  readonly #devices = new Map<string, Nanoseconds>();
  /** The device whose work runs; null while a CPU runs. */
  #running: string | null = null;

  constructor(context: EventContext, cpus: number) {
    this.#context = context;
    this.#cpus = new Float64Array(cpus);
  }

  /** The time of the CPU or the device that runs. */
  get nowNs(): Nanoseconds {
    return this.#running === null
      ? this.#cpus[this.#context.cpu]!
      : this.#devices.get(this.#running) ?? 0;
  }

  set nowNs(toNs: Nanoseconds) {
    invariant(toNs >= this.nowNs, "The time of a CPU or a device goes backwards");
    if (this.#running === null) this.#cpus[this.#context.cpu] = toNs;
    else this.#devices.set(this.#running, toNs);
  }

  /** The latest of all: so long the machine has worked. */
  get latestNs(): Nanoseconds {
    return Math.max(...this.#cpus, ...this.#devices.values());
  }

  /**
   * Charges for an event: to its device for what a device does, else to its CPU. Who has another
   * device do something waits for it.
   *
   * @returns The time of the event.
   */
  charge(byDevice: boolean, costNs: Nanoseconds): Nanoseconds {
    const device = byDevice ? this.#context.device : null;
    if (device === null) return this.#cpus[this.#context.cpu]! += costNs;
    const atNs = Math.max(this.nowNs, this.#devices.get(device) ?? 0) + costNs;
    this.#devices.set(device, atNs);
    this.nowNs = atNs;
    return atNs;
  }

  /**
   * Posted work begins, not before it was posted.
   * @param byDevice Whether the device of the context does it, and no CPU.
   * @returns What goes to `leave`.
   */
  enter(byDevice: boolean, postedNs: Nanoseconds): string | null {
    const outer = this.#running;
    this.#running = byDevice ? this.#context.device : null;
    this.follow(postedNs);
    return outer;
  }

  /**
   * A device interrupts a CPU: the handler begins on it, not before the interrupt. Its events name the
   * CPU of the context, which goes on from the same time.
   * @returns What goes to `leave`.
   */
  interrupt(cpu: number): string | null {
    const raisedNs = this.nowNs;
    const outer = this.#running;
    this.#running = null;
    this.#cpus[cpu] = Math.max(this.#cpus[cpu]!, raisedNs) + this.interruptNs;
    this.followCpu(cpu);
    return outer;
  }

  /** Who ran before runs again. */
  leave(outer: string | null): void {
    this.#running = outer;
  }

  /** Who runs takes up what a CPU has begun. */
  followCpu(cpu: number): void {
    this.follow(this.#cpus[cpu]!);
  }

  /** Who runs takes what a device has done. */
  followDevice(device: string): void {
    this.follow(this.#devices.get(device) ?? 0);
  }

  /** Who runs goes on not before a time. */
  follow(earliestNs: Nanoseconds): void {
    if (earliestNs > this.nowNs) this.nowNs = earliestNs;
  }

  /** Brings all that are behind to a time. */
  meetAt(ns: Nanoseconds): void {
    for (const [cpu, cpuNs] of this.#cpus.entries()) this.#cpus[cpu] = Math.max(cpuNs, ns);
    for (const [device, deviceNs] of this.#devices) {
      this.#devices.set(device, Math.max(deviceNs, ns));
    }
  }
}
