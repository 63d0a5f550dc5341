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

export class LocalClocks {
  /** The cost of an interrupt for the CPU that takes it. */
  interruptNs: Nanoseconds = 0;
  readonly #context: EventContext;
  readonly #cpus: Float64Array;
  readonly #devices = new Map<string, Nanoseconds>();
  /** How long each has waited for others so far. */
  readonly #idleCpus: Float64Array;
  readonly #idleDevices = new Map<string, Nanoseconds>();
  /** The device with the running work; null while a CPU runs. */
  #running: string | null = null;

  constructor(context: EventContext, cpus: number) {
    this.#context = context;
    this.#cpus = new Float64Array(cpus);
    this.#idleCpus = new Float64Array(cpus);
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

  /** How long each CPU and each device has worked so far: its time without what it waited. */
  busyNs(): {
    readonly cpus: readonly Nanoseconds[];
    readonly devices: ReadonlyMap<string, Nanoseconds>;
  } {
    return {
      cpus: [...this.#cpus].map((ns, cpu) => ns - this.#idleCpus[cpu]!),
      devices: new Map(
        [...this.#devices].map(([name, ns]) => [name, ns - (this.#idleDevices.get(name) ?? 0)]),
      ),
    };
  }

  /** The latest of all: so long the machine has worked. */
  get latestNs(): Nanoseconds {
    return Math.max(...this.#cpus, ...this.#devices.values());
  }

  /**
   * Charges for an event: to its device for a device's action, else to its CPU. A requester of
   * another device's action waits for it.
   *
   * @returns The time of the event.
   */
  charge(byDevice: boolean, costNs: Nanoseconds): Nanoseconds {
    const device = byDevice ? this.#context.device : null;
    if (device === null) return this.#cpus[this.#context.cpu]! += costNs;
    const startNs = Math.max(this.nowNs, this.#devices.get(device) ?? 0);
    this.#followTo(device, startNs);
    this.#devices.set(device, startNs + costNs);
    if (this.#running !== device) this.follow(startNs + costNs);
    return startNs + costNs;
  }

  /** A device waits until a time, where it is before it. */
  #followTo(device: string, ns: Nanoseconds): void {
    const waitedNs = ns - (this.#devices.get(device) ?? 0);
    if (waitedNs <= 0) return;
    this.#devices.set(device, ns);
    this.#idleDevices.set(device, (this.#idleDevices.get(device) ?? 0) + waitedNs);
  }

  #followCpuTo(cpu: number, ns: Nanoseconds): void {
    const waitedNs = ns - this.#cpus[cpu]!;
    if (waitedNs <= 0) return;
    this.#cpus[cpu] = ns;
    this.#idleCpus[cpu]! += waitedNs;
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
    this.#followCpuTo(cpu, raisedNs);
    this.#cpus[cpu]! += this.interruptNs;
    this.followCpu(cpu);
    return outer;
  }

  /** Who ran before runs again. */
  leave(outer: string | null): void {
    this.#running = outer;
  }

  /** The running context takes over the work of a CPU. */
  followCpu(cpu: number): void {
    this.follow(this.#cpus[cpu]!);
  }

  /** The running context takes the results of a device. */
  followDevice(device: string): void {
    this.follow(this.#devices.get(device) ?? 0);
  }

  /** The running context goes on not before a time. */
  follow(earliestNs: Nanoseconds): void {
    if (this.#running === null) this.#followCpuTo(this.#context.cpu, earliestNs);
    else this.#followTo(this.#running, earliestNs);
  }

  /** Brings all that are behind to a time. */
  meetAt(ns: Nanoseconds): void {
    for (const cpu of this.#cpus.keys()) this.#followCpuTo(cpu, ns);
    for (const device of this.#devices.keys()) this.#followTo(device, ns);
  }
}
