/**
 * The clock of each CPU and of each device, while latencies apply.
 *
 * A latency advances only the clock of the CPU or device that does the work, so two CPUs work in parallel. Three events synchronise two clocks to the later time:
 * work that is posted to another CPU or device, an interrupt, and a CPU's handling of a completion. The order of execution is the same as without latencies; in
 * that order, the clock of one CPU, or of one device, never goes backwards.
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
  /** Time that each CPU, and each device, has spent waiting so far. */
  readonly #idleCpus: Float64Array;
  readonly #idleDevices = new Map<string, Nanoseconds>();
  /** The device with the running work; null while a CPU runs. */
  #running: string | null = null;

  constructor(context: EventContext, cpus: number) {
    this.#context = context;
    this.#cpus = new Float64Array(cpus);
    this.#idleCpus = new Float64Array(cpus);
  }

  /** The clock of the current CPU or device. */
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

  /** Time that each CPU and each device has worked so far, without waiting. */
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

  /** The latest of all clocks: the machine's running time. */
  get latestNs(): Nanoseconds {
    return Math.max(...this.#cpus, ...this.#devices.values());
  }

  /**
   * Charges an event to its device if a device caused it, else to its CPU. If the device acts for a
   * CPU or for another device that is now running, that CPU or device waits until the action ends.
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

  /** Makes a device wait until a time, if its clock is earlier. */
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
   * Begins posted work, no earlier than the time when it was posted.
   * @param byDevice True if the context's device does the work, false if a CPU does.
   * @returns The argument for `leave`.
   */
  enter(byDevice: boolean, postedNs: Nanoseconds): string | null {
    const outer = this.#running;
    this.#running = byDevice ? this.#context.device : null;
    this.follow(postedNs);
    return outer;
  }

  /**
   * A device interrupts a CPU. The handler begins on that CPU, no earlier than the interrupt. The
   * handler's events are charged to the context's CPU; the clock of that CPU is advanced to the
   * beginning of the handler.
   * @returns The argument for `leave`.
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

  /** Switches back to the previous CPU or device. */
  leave(outer: string | null): void {
    this.#running = outer;
  }

  /**
   * Advances the current CPU's or device's clock to the clock of another CPU. Called when the
   * current CPU or device continues the other CPU's work.
   */
  followCpu(cpu: number): void {
    this.follow(this.#cpus[cpu]!);
  }

  /** Advances the current CPU's or device's clock to a device's, when it uses that device's results. */
  followDevice(device: string): void {
    this.follow(this.#devices.get(device) ?? 0);
  }

  /** Advances the current CPU's or device's clock to a time, if the clock is earlier. */
  follow(earliestNs: Nanoseconds): void {
    if (this.#running === null) this.#followCpuTo(this.#context.cpu, earliestNs);
    else this.#followTo(this.#running, earliestNs);
  }

  /** Advances all clocks to a time, except clocks that are later. */
  meetAt(ns: Nanoseconds): void {
    for (const cpu of this.#cpus.keys()) this.#followCpuTo(cpu, ns);
    for (const device of this.#devices.keys()) this.#followTo(device, ns);
  }
}
