/** What a kind of device says about itself; `registry.ts` lists the kinds there are. */
import type { Bytes, DmaAddr } from "../runtime/address.ts";
import type { DmaDevice } from "../runtime/dma/device/device.ts";
import type { Machine } from "../runtime/machine.ts";
import type { DeviceSettings } from "./lab_config.ts";
import type { BarRequest, PciFunction } from "./pci/pci_function.ts";
import type { PciDevice } from "./pci/pci_tree.ts";
import type { PciTopology } from "./pci/topology.ts";

/** What every device has; each kind adds what it alone has. */
export interface DeviceBase<K extends string = string> {
  /** The name its block gave it. */
  readonly name: string;
  readonly kind: K;
  /** What the DMA layer knows of it. */
  readonly dma: DmaDevice;
  /** Its place in the PCI tree. */
  readonly function: PciFunction;
  /** Hears of each write to memory that a script made the device do. */
  onDmaWrite?(dma: DmaAddr, sizeBytes: Bytes): void;
  /** Nobody will ask what it has done: it need not keep it. */
  onUnrecorded?(): void;
}

/** A kind of device that a `pci` block can hold. */
export interface DeviceKind<D extends DeviceBase = DeviceBase> {
  readonly kind: D["kind"];
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
  create(machine: Machine, device: PciDevice, topology: PciTopology): D;
}
