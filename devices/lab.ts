/** A machine with its devices, up and running: what scripts and tests work with. */
import {
  alignDown,
  domainName,
  IOMMU_MODELS,
  KIB,
  Machine,
  type MemoryWindow,
  type PhysAddr,
  PoolPlaceError,
} from "@dmalab/runtime";
import { resolveKernel } from "@dmalab/runtime/kernels";
import { checkMachine } from "./config_checks.ts";
import { ConfigError } from "./config_error.ts";
import { attachDevices } from "./device_settings.ts";
import type { LabConfig } from "./lab_config.ts";
import { planAddressWindows } from "./pci/address_windows.ts";
import { iommuGroups } from "./pci/iommu_groups.ts";
import { buildPciTree, type PciTree } from "./pci/pci_tree.ts";
import { PciTopology } from "./pci/topology.ts";
import type { DeviceBase } from "./device_kind.ts";
import {
  type DeviceOf,
  type DeviceRegistry,
  DEVICES,
  type DeviceWord,
  type LabDevice,
} from "./registry.ts";

export type { LabDevice } from "./registry.ts";

/** A machine with its devices, up and running. */
export class Lab {
  /** The configuration of the lab, as given. */
  readonly config: LabConfig;
  /** The machine. `machine.config.windows` includes the PCI windows. */
  readonly machine: Machine;
  /** @internal */
  readonly topology: PciTopology;
  /** Devices by name, in the order of their blocks. */
  readonly devices: ReadonlyMap<string, LabDevice>;
  /**
   * The known kinds of devices.
   * @internal
   */
  readonly registry: DeviceRegistry;

  /** @internal */
  constructor(
    config: LabConfig,
    machine: Machine,
    topology: PciTopology,
    devices: ReadonlyMap<string, LabDevice>,
    registry: DeviceRegistry,
  ) {
    this.registry = registry;
    this.config = config;
    this.machine = machine;
    this.topology = topology;
    this.devices = devices;
  }

  /**
   * The device with this name and kind.
   * @param kind The keyword of a built-in kind; for an added kind, the kind itself.
   * @throws {RangeError} If the lab has no such device.
   */
  device<K extends DeviceWord>(name: string, kind: K): DeviceOf<K>;
  /** For an added kind, which defines the device's type. */
  device<D extends DeviceBase>(
    name: string,
    kind: { readonly kind: string; create(...parts: never): D },
  ): D;
  device(name: string, kind: string | { readonly kind: string }): DeviceBase {
    const word = typeof kind === "string" ? kind : kind.kind;
    const device: DeviceBase | undefined = this.devices.get(name);
    if (device?.kind !== word) throw new RangeError(`No ${word} is called "${name}"`);
    return device;
  }
}

/**
 * Builds the machine and its PCI tree, brings every device up, and starts time and counters at 0.
 *
 * @param registry The kinds of devices; by default the built-in ones.
 * @throws {ConfigError} If the configuration describes an impossible machine.
 */
export function buildLab(config: LabConfig, registry: DeviceRegistry = DEVICES): Lab {
  checkMachine(config);
  const tree = buildPciTree(config.pci, !resolveKernel(config).nvidia_bridges_unlisted, registry);
  const machine = asConfigured(() => buildMachine(config, tree, registry));
  const topology = new PciTopology(machine, tree, config.cpu);
  const attached = asConfigured(() => attachDevices(machine, topology.groups, tree.devices));
  const devices = new Map<string, LabDevice>();
  for (const device of tree.devices) {
    devices.set(
      device.name,
      device.kind.create(
        machine,
        { ...device, dma: attached.get(device.func)! },
        topology.providers,
      ),
    );
  }
  machine.markReady();
  return new Lab(config, machine, topology, devices, registry);
}

/** The name of the IOMMU domain of each device that shares its domain with other devices. */
export function domainSharers(pci: LabConfig["pci"]): ReadonlyMap<string, string> {
  const { devices, ...tree } = buildPciTree(pci);
  return new Map(
    iommuGroups(tree).flatMap(({ functions }) => {
      const members = functions.flatMap((func) =>
        devices.find((each) => each.func === func && !each.settings.ownOps) ?? []
      );
      return members.length < 2
        ? []
        : members.map(({ name }) => [name, domainName(members)] as const);
    }),
  );
}

/** Assigns addresses to all BARs. @returns The memory windows with the BARs. */
function placeBars(config: LabConfig, tree: PciTree): LabConfig["windows"] {
  const bridges = tree.hostBridges.map((bridge) => ({
    name: bridge.name,
    busOffset: bridge.busOffset,
    devices: tree.devices.filter(({ func }) => func.hostBridge === bridge).map((device) => ({
      name: device.name,
      requests: device.kind.bars(device),
    })),
  }));
  const plan = planAddressWindows(config, bridges);
  for (const device of tree.devices) {
    device.func.bars = plan.bars.get(device.name) ?? [];
    const { busOffset, name } = device.func.hostBridge;
    for (const { basePhys } of device.func.bars) {
      const bus = basePhys + busOffset;
      if (bus >= 0) continue;
      throw new ConfigError(
        [name, "bus_offset"],
        `The BAR of "${device.name}" would lie at bus address ${bus}`,
        "choose an offset that keeps bus addresses at 0 or above",
      );
    }
  }
  return plan.windows;
}

/** Size of the register frame of an interrupt controller to which devices write MSIs. */
const DOORBELL_FRAME_BYTES = 64 * KIB;

/**
 * The window for the IOMMU model's MSI doorbell, which is not RAM. Empty if there is no doorbell,
 * or if a configured window or MMIO region contains the doorbell.
 */
function doorbellWindows({ iommu, regions, windows }: LabConfig): readonly MemoryWindow[] {
  const { doorbellPhys } = IOMMU_MODELS[iommu.model];
  if (doorbellPhys === null) return [];
  const phys = iommu.doorbellPhys ?? doorbellPhys;
  const isThere = [...windows, ...regions.filter(({ type }) => type === "mmio")]
    .some(({ basePhys, sizeBytes }) => basePhys <= phys && phys < basePhys + sizeBytes);
  if (isThere) return [];
  const basePhys = alignDown(phys, DOORBELL_FRAME_BYTES) as PhysAddr;
  return [{ name: "iommu.msi_doorbell", basePhys, sizeBytes: DOORBELL_FRAME_BYTES }];
}

function buildMachine(given: LabConfig, tree: PciTree, { events }: DeviceRegistry): Machine {
  const config = { ...given, windows: [...given.windows, ...doorbellWindows(given)] };
  const windows = [...config.windows, ...placeBars(config, tree)];
  return new Machine({ ...config, windows }, events);
}

/** Turns errors about the layout of memory or of a table into configuration errors. */
function asConfigured<T>(build: () => T): T {
  try {
    return build();
  } catch (error) {
    if (error instanceof PoolPlaceError) throw new ConfigError(["swiotlb", "at"], error.message);
    if (error instanceof RangeError) throw new ConfigError([], error.message);
    throw error;
  }
}
