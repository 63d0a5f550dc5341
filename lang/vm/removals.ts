/**
 * Removals of drivers in C. `remove each` and `unplug each` of {@linkcode Sweeps} decide at which
 * moment a driver is removed; this class removes it.
 *
 * A driver is removed when the machine is at rest, which means that none of the driver's functions
 * is running. A device is pulled out right after an event, even in the middle of a function of its
 * driver; the driver is removed when the machine is next at rest.
 */
import type { DriverModule, MachineEvent } from "@dmalab/runtime";
import type { Preemption } from "../values/execution_context.ts";
import type { Closure } from "../values/value.ts";
import type { Control } from "./control.ts";
import { RemovalStory } from "./removal_story.ts";

/** An open block in which a driver may be removed. */
export interface RemovalWatch {
  /** Number of the last event before the block. */
  readonly seq: number;
  /** The device's actions during the removal; null without any. */
  readonly meanwhile: Closure | null;
  /** Called after the removal. @returns The error that ends the block. */
  ended(): unknown;
}

/** How often the device's actions and queued work run after a removal. */
const ROUNDS_AFTER = 2;

export class Removals implements Preemption {
  /** Summary of the removal in this run; null before the removal. */
  story: RemovalStory | null = null;
  /** Whether a driver was bound while the machine was at rest in a block. */
  wasBound = false;
  readonly #watches: RemovalWatch[] = [];
  /** The site of the last event; undefined if nothing has happened since the last rest. */
  #site: number | null | undefined = undefined;
  /** True while an event is handled, or a driver is removed. */
  #busy = false;
  #pulledOut: readonly string[] = [];
  /** The device's actions during the current removal. */
  #meanwhile: Closure | null = null;

  constructor(readonly vm: Control) {}

  get isOpen(): boolean {
    return this.#watches.length > 0;
  }

  /** Whether the device acts during a removal. */
  get isActing(): boolean {
    return this.#meanwhile !== null;
  }

  /** Opens a block. @returns A function that closes it. */
  open(watch: RemovalWatch): () => void {
    const stop = this.isOpen ? () => {} : this.vm.machine.listen((event) => this.#happened(event));
    this.#watches.push(watch);
    return () => {
      stop();
      this.#watches.splice(this.#watches.indexOf(watch), 1);
    };
  }

  get #modules(): readonly DriverModule[] {
    return this.vm.machine.lab.machine.driverModules;
  }

  get #devices(): readonly string[] {
    return this.#modules.flatMap(({ devices }) => devices);
  }

  #happened({ site }: MachineEvent): void {
    if (this.#busy) return;
    this.#site = site;
    if (this.#pulledOut.length > 0 || this.#devices.length === 0) return;
    this.#busy = true;
    if (this.vm.machine.passRemoval("device.unplug", site)) {
      this.#pulledOut = [...this.#devices];
      for (const name of this.#pulledOut) this.vm.machine.pullOut(name);
    }
    this.#busy = false;
  }

  /** Called when the machine is at rest: removes the drivers, if this is the moment to do so. */
  atRest(): void {
    this.wasBound ||= this.#devices.length > 0;
    if (this.#busy || this.#site === undefined) return;
    if (this.#modules.some(({ isRunning }) => isRunning)) return;
    const site = this.#site;
    this.#site = undefined;
    if (this.#pulledOut.length > 0) throw this.#remove();
    if (this.#devices.length === 0) return;
    this.#busy = true;
    const isNow = this.vm.machine.passRemoval("driver.remove", site);
    this.#busy = false;
    if (isNow) throw this.#remove();
  }

  /** Removes every bound driver, the newest first. @returns The error that ends the block. */
  #remove(): unknown {
    const { machine } = this.vm;
    const watch = this.#watches.at(-1)!;
    const modules = this.#modules.toReversed();
    const isThere = this.#pulledOut.length === 0;
    const story = new RemovalStory(machine.lab, this.vm);
    this.story = story;
    const stop = machine.listen((event) => story.add(event));
    this.#busy = true;
    this.#meanwhile = isThere ? watch.meanwhile : null;
    // Expectations in the block apply to the calls of the block, not to those of the removal.
    const { handlers } = this.vm;
    const awaited = handlers.splice(0);
    for (const module of modules) {
      for (const device of module.devices.toReversed()) module.unbind(device);
      if ((module.loadedSeq ?? 0) > watch.seq) module.unload();
    }
    story.removed();
    for (const name of this.#pulledOut) machine.takeOffBus(name);
    for (let round = 0; round < ROUNDS_AFTER; round++) {
      this.#act();
      this.vm.runPending();
    }
    stop();
    if (!isThere) this.#expectLostAccesses();
    handlers.push(...awaited);
    this.#meanwhile = null;
    this.#busy = false;
    this.#pulledOut = [];
    return watch.ended();
  }

  /**
   * Marks faults of a pulled-out device as expected, because accesses that the device had begun are
   * not a mistake of its driver.
   */
  #expectLostAccesses(): void {
    for (const event of this.vm.machine.incidents) {
      const isLost = event.name === "iommu.fault" && event.fields.reason === "device_gone";
      if (isLost) this.vm.expectedIncidents.add(event);
    }
  }

  #act(): void {
    const acts = this.#meanwhile;
    if (acts === null) return;
    // The field is cleared during the call, so that calls within the actions do not start the
    // actions again.
    this.#meanwhile = null;
    this.vm.call(acts, []);
    this.#meanwhile = acts;
  }

  preemptionPoint(): void {
    this.#act();
  }

  blockForever(): void {}
}
