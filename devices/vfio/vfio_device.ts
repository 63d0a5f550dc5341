/** A device whose state can be migrated to another of its kind: function and driver. */
import type { Bytes } from "../../runtime/address.ts";
import { KIB } from "../../runtime/address.ts";
import { KernelError } from "../../runtime/errno.ts";
import type { Machine } from "../../runtime/machine.ts";
import { ConfigError } from "../config_error.ts";
import type { DeviceBase, DeviceKind } from "../device_kind.ts";
import { attachDmaDevice, checkSettings, COMMON_SETTINGS } from "../device_settings.ts";
import type { BarRequest } from "../pci/pci_function.ts";
import type { PciDevice } from "../pci/pci_tree.ts";
import { MigrationDriver } from "./driver/migration_driver.ts";
import { MigrationFunction } from "./function/migration_function.ts";

const DEFAULT_STATE_BYTES: Bytes = 64 * KIB;

/** A device of a lab whose state can be saved and loaded: both sides of it. */
export interface VfioDevice extends DeviceBase<"vfio"> {
  readonly driver: MigrationDriver;
  readonly migration: MigrationFunction;
}

export const VFIO: DeviceKind<VfioDevice> = {
  kind: "vfio",
  doc: "A function whose state can be saved, and loaded into another one.",
  settings: [...COMMON_SETTINGS, "stateBytes"],

  bars(device: PciDevice): readonly BarRequest[] {
    checkSettings(device, VFIO.settings);
    return [];
  },

  create(machine: Machine, device: PciDevice): VfioDevice {
    const { name, settings } = device.node;
    const dma = attachDmaDevice(machine, device, {
      minAlignBytes: 1,
      maxSegmentSizeBytes: 2 ** 32 - 1,
    });
    const stateBytes = settings.stateBytes ?? DEFAULT_STATE_BYTES;
    // Each function has a state of its own, the same in every run.
    const seed = machine.config.seed + device.func.address.key;
    const migrating = new MigrationFunction(machine, dma, stateBytes, seed);
    return {
      name,
      kind: "vfio",
      dma,
      function: device.func,
      driver: bringUp(machine, device, dma, migrating),
      migration: migrating,
      onDmaWrite: (dma, sizeBytes) => migrating.noteWrite(dma, sizeBytes),
    };
  },
};

/** What the kernel cannot bring up on this machine is a machine that cannot be. */
function bringUp(
  machine: Machine,
  device: PciDevice,
  dma: VfioDevice["dma"],
  migrating: MigrationFunction,
): MigrationDriver {
  try {
    return new MigrationDriver(machine, dma, migrating);
  } catch (error) {
    if (!(error instanceof KernelError)) throw error;
    throw new ConfigError(
      device.path,
      `"${device.node.name}" does not come up: ${error.message}`,
      "give the machine more RAM or the device a wider mask",
    );
  }
}
