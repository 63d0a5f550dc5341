/** A machine with two migratable functions, for tests, with counts of its events. */
import type { DmaDevice } from "@dmalab/runtime/dma";
import {
  ArmedInjection,
  type ErrnoName,
  type EventName,
  eventNumber,
  type InjectedError,
  INJECTION,
  type InjectionPointName,
  type IommuConfig,
  KernelError,
  type Machine,
  type MachineEvent,
  ResourceTracker,
} from "@dmalab/runtime";
import { LAB_TABLES } from "../lab_tables.ts";
import type { QuirkName } from "@dmalab/runtime/kernels";
import { buildLab } from "../lab.ts";
import { type BlockSettings, defaultLabConfig, type LabConfig } from "../lab_config.ts";
import type { MigrationDriver } from "./driver/migration_driver.ts";
import type { MigrationFunction } from "./function/migration_function.ts";
import type { VfioDevice } from "./vfio_device.ts";

/** The defects that 7.2 has. */
const DEFECTS: readonly QuirkName[] = ["vfio_page_array_crash", "vfio_partial_destroy"];

interface BenchOptions extends Partial<Omit<LabConfig, "iommu" | "pci" | "quirks">> {
  readonly iommu?: Partial<IommuConfig>;
  readonly quirks?: readonly QuirkName[];
  readonly settings?: BlockSettings<"vfio">;
}

export class MigrationBench {
  readonly machine: Machine;
  readonly dev: DmaDevice;
  readonly driver: MigrationDriver;
  readonly function: MigrationFunction;
  /** The other one. */
  readonly peer: VfioDevice;
  readonly events: MachineEvent[] = [];

  constructor({ iommu, quirks, settings = {}, ...more }: BenchOptions = {}) {
    const defaults = defaultLabConfig();
    const lab = buildLab({
      ...defaults,
      ...more,
      quirks: new Set(quirks ?? DEFECTS),
      iommu: { ...defaults.iommu, mode: "strict", ...iommu },
      pci: [{
        kind: "root_port",
        name: "rp0",
        settings: {},
        children: [{ kind: "vfio", name: "vf", settings, children: [] }],
      }, {
        kind: "root_port",
        name: "rp1",
        settings: {},
        children: [{ kind: "vfio", name: "vg", settings, children: [] }],
      }],
    });
    const vf = lab.device("vf", "vfio");
    this.machine = lab.machine;
    this.dev = vf.dma;
    this.driver = vf.driver;
    this.function = vf.migration;
    this.peer = lab.device("vg", "vfio");
    lab.machine.events.listen((event) => this.events.push(event));
  }

  count(name: EventName): number {
    return this.machine.events.count(eventNumber(name));
  }

  /** How often each of several events happened, in the order of `names`. */
  counts(...names: EventName[]): number[] {
    return names.map((name) => this.count(name));
  }

  fields(name: EventName, field: string): unknown[] {
    return this.events.filter((event) => event.name === name)
      .map(({ fields }) => Reflect.get(fields, field));
  }

  /** Runs `act` while some hits of an injection point fail. */
  failing<T>(
    point: InjectionPointName,
    [first, last]: readonly [number, number],
    act: () => T,
    error: InjectedError | null = null,
  ): T {
    const fault = new ArmedInjection(INJECTION[point], first, last, error);
    this.machine.armInjection(fault);
    try {
      return act();
    } finally {
      this.machine.disarmFault(fault);
    }
  }

  /** The resources that `act` leaks: kinds and amounts. */
  leaksOf(act: () => void): (readonly [string, number])[] {
    const held = new ResourceTracker(this.machine, LAB_TABLES);
    act();
    held.stop();
    return held.leaks().map(({ kind, amount }) => [kind, amount]);
  }
}

/** The errno of the error that `act` throws. @throws {Error} If it throws none. */
export function errnoOf(act: () => unknown): ErrnoName {
  try {
    act();
  } catch (error) {
    if (error instanceof KernelError) return error.errno;
    throw error;
  }
  throw new Error("Nothing was raised");
}
