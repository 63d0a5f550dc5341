/** A small machine with one device, for the tests of the mapping layer. */
import type { PhysAddr } from "../address.ts";
import type { EventFields, EventName } from "../event_vocabulary.ts";
import type { MachineEvent } from "../events.ts";
import { Machine } from "../machine.ts";
import { testConfig, type TestConfigOptions } from "../testing_config.ts";
import { DmaDevice, type DmaDeviceOptions } from "./device/device.ts";

/** A number as a physical address. */
export const at = (phys: number): PhysAddr => phys as PhysAddr;

export interface TestBenchOptions extends TestConfigOptions {
  readonly device?: DmaDeviceOptions;
}

/** A type with addresses replaced by plain numbers, as tests write them. */
type Plain<T> = T extends number ? number
  : T extends object ? { readonly [K in keyof T]: Plain<T[K]> }
  : T;

/** A machine with its events, and functions to query them. */
export interface TestBench {
  readonly machine: Machine;
  readonly dev: DmaDevice;
  /** Every event since the bench was built or `forget` was called. */
  readonly seen: MachineEvent[];
  /**
   * The names of the events seen. If names are given in `only`, the result has only those names.
   */
  names(...only: EventName[]): EventName[];
  /** The fields of the events of one name, in order. */
  fields<N extends EventName>(name: N): Plain<EventFields<N>>[];
  forget(): void;
}

/** Builds a machine with a device on it, and starts its audit. */
export function testBench(options: TestBenchOptions = {}): TestBench {
  const machine = new Machine(testConfig(options));
  machine.startAudit();
  const dev = new DmaDevice("dev", options.device);
  machine.iommu.attach(dev);
  const seen: MachineEvent[] = [];
  machine.events.listen((event) => seen.push(event));
  return {
    machine,
    dev,
    seen,
    names: (...only) =>
      seen.map(({ name }) => name).filter((name) => only.length === 0 || only.includes(name)),
    fields: <N extends EventName>(name: N) =>
      seen.filter((event) => event.name === name).map(({ fields }) =>
        fields as Plain<EventFields<N>>
      ),
    forget: () => {
      seen.length = 0;
    },
  };
}
