/** What a kind of device says about itself; `registry.ts` lists the kinds there are. */
import type { DmaDevice } from "../runtime/dma/device/device.ts";
import type { Machine } from "../runtime/machine.ts";
import type { DeviceSettings } from "./lab_config.ts";
import type { Media } from "./nvme/controller/media/media.ts";
import type { NvmeController } from "./nvme/controller/nvme_controller.ts";
import type { NvmeDisk } from "./nvme/nvme_disk.ts";
import type { BarRequest, PciFunction } from "./pci/pci_function.ts";
import type { PciDevice } from "./pci/pci_tree.ts";
import type { RdmaAdapter } from "./rdma/rdma_adapter.ts";
import type { PciTopology } from "./pci/topology.ts";
import type { MigrationDriver } from "./vfio/driver/migration_driver.ts";
import type { MigrationFunction } from "./vfio/function/migration_function.ts";

/** Both sides of a function that can be migrated. */
export interface Migration {
  readonly driver: MigrationDriver;
  readonly function: MigrationFunction;
}

/** A device of a lab, by the name its block gave it. */
export interface LabDevice {
  readonly name: string;
  readonly kind: "nvme" | "endpoint" | "vfio" | "rdma";
  /** What the DMA layer knows of it. */
  readonly dma: DmaDevice;
  /** Its place in the PCI tree. */
  readonly function: PciFunction;
  /** How scripts use it as a disk; null for what is none. */
  readonly disk: NvmeDisk | null;
  /** The device side of a disk: what the host cannot see. */
  readonly controller: NvmeController | null;
  /** What a disk holds. */
  readonly media: Media | null;
  /** How its state is saved and loaded; null for what cannot be migrated. */
  readonly migration: Migration | null;
  /** How scripts use it as an RDMA device; null for what is none. */
  readonly rdma: RdmaAdapter | null;
}

/** A kind of device that a `pci` block can hold. */
export interface DeviceKind {
  readonly kind: LabDevice["kind"];
  /** One sentence for help. */
  readonly doc: string;
  /** The keys its block takes. */
  readonly settings: readonly (keyof DeviceSettings)[];
  /**
   * The BARs it needs.
   * @throws {ConfigError} When its settings contradict each other.
   */
  bars(device: PciDevice): readonly BarRequest[];
  /** Makes it part of a machine and brings it up. @throws {ConfigError} */
  create(machine: Machine, device: PciDevice, topology: PciTopology): LabDevice;
}
