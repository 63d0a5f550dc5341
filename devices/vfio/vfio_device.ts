/**
 * A device with a state that can be migrated to another device of its kind. It consists of a
 * function and its driver.
 */
import { VFIO_EVENTS } from "@dmalab/runtime/vocabulary";
import { KIB, MIB, setting, size } from "@dmalab/runtime";
import type { DeviceBase, DeviceKind } from "../device_kind.ts";
import { bringUp, deviceSettings } from "../device_settings.ts";
import { MigrationDriver } from "./driver/migration_driver.ts";
import { MigrationFunction } from "./function/migration_function.ts";
import { VFIO_TABLES } from "./recording/vfio_tables.ts";

/** A migratable device of a lab: its driver and its function. */
export interface VfioDevice extends DeviceBase<"vfio"> {
  /** @internal */
  readonly driver: MigrationDriver;
  /** @internal */
  readonly migration: MigrationFunction;
}

const SETTINGS = {
  stateBytes: setting("state", size(1, 64 * MIB), 64 * KIB, {
    doc: "Size of the device state that is migrated.",
  }),
  ...deviceSettings({ minAlignBytes: 1, maxSegmentSizeBytes: 2 ** 32 - 1 }),
};

export const VFIO: DeviceKind<typeof SETTINGS, VfioDevice> = {
  kind: "vfio",
  doc: "A function whose state can be saved, and loaded into another one.",
  role: "endpoint",
  hasRegisters: false,
  events: VFIO_EVENTS,
  tables: VFIO_TABLES,
  settings: SETTINGS,

  bars: () => [],

  create(machine, device) {
    const { dma } = device;
    // Each function has a different initial state, which is the same in every run.
    const seed = machine.config.seed + device.func.address.key;
    const migration = new MigrationFunction(machine, dma, device.settings.stateBytes, seed);
    return {
      name: device.name,
      kind: "vfio",
      dma,
      function: device.func,
      driver: bringUp(machine, device, () => new MigrationDriver(machine, dma, migration)),
      migration,
      onDmaWrite: (at, sizeBytes) => migration.noteWrite(at, sizeBytes),
    };
  },
};
