/** The description of a kind of device; `registry.ts` lists the kinds. */
import type { Bytes, DmaAddr, Machine, SettingRows, SettingsOf } from "@dmalab/runtime";
import type { DmaDevice } from "@dmalab/runtime/dma";
import type { AnyTableSpec } from "@dmalab/runtime/recording";
import type { EventTable } from "@dmalab/runtime/vocabulary";
import type { DescribedRegisters } from "./described_registers.ts";
import type { BarRequest, PciFunction, PciRole } from "./pci/pci_function.ts";
import type { PeerProviders } from "./pci/peers/peer_providers.ts";

/** Properties common to all devices; each kind adds further ones. */
export interface DeviceBase<K extends string = string> {
  /** The device's name, from its block. */
  readonly name: string;
  /** The keyword of the device's block. */
  readonly kind: K;
  /** The device's state in the DMA layer. */
  readonly dma: DmaDevice;
  /**
   * The device's place in the PCI tree.
   * @internal
   */
  readonly function: PciFunction;
  /**
   * The window with registers that a scenario describes; null for a device without such a window.
   * Kinds that implement their registers themselves leave this property out.
   * @internal
   */
  readonly registers?: DescribedRegisters | null;
  /**
   * The registers of a BAR, to be described: of the first one for null.
   * @internal
   */
  registersOf?(bar: number | null): DescribedRegisters | null;
  /**
   * Called after each DMA write that a script makes the device do.
   * @internal
   */
  onDmaWrite?(dma: DmaAddr, sizeBytes: Bytes): void;
  /**
   * Numbers of the requests that have been sent to the device and are not answered yet.
   * @internal
   */
  sentRequests?(): readonly number[];
  /**
   * Called if the run is not recorded. The device then need not keep data about past commands.
   * @internal
   */
  onUnrecorded?(): void;
}

/** A device's block, before the device exists. */
export interface DeviceBlock<S> {
  /** The device's name, from its block. */
  readonly name: string;
  /** Names of the blocks from the outermost block to the device's own block, inclusive. */
  readonly path: readonly string[];
  /** The device's place in the PCI tree. */
  readonly func: PciFunction;
  /** Whether a port above the device is external-facing. */
  readonly external: boolean;
  /** Values of the block's keys; defaults for missing keys. */
  readonly settings: S;
}

/** A device's block once the device is known to the DMA layer and the IOMMU. */
export interface AttachedBlock<S> extends DeviceBlock<S> {
  /** The device's state in the DMA layer. */
  readonly dma: DmaDevice;
}

/** A kind of device that a `pci` block can hold. */
export interface DeviceKind<
  R extends SettingRows = SettingRows,
  D extends DeviceBase = DeviceBase,
> {
  /** Its block's keyword. */
  readonly kind: D["kind"];
  /** One sentence for help. */
  readonly doc: string;
  /** The role in the PCI tree of such a device's function. */
  readonly role: PciRole;
  /**
   * Whether a scenario describes the registers of such a device. If so, the device has the properties
   * `registers` and `registersOf`.
   */
  readonly hasRegisters: D extends { readonly registers: DescribedRegisters | null } ? true : false;
  /** Events that only such a device and its driver emit. */
  readonly events: EventTable;
  /** The tables of a recording for this kind of device. */
  readonly tables: readonly AnyTableSpec[];
  /** The keys of the device's block, including those of `deviceSettings`. */
  readonly settings: R;
  /**
   * The BARs that a device needs.
   * @throws {ConfigError} If its settings contradict each other.
   */
  bars(device: DeviceBlock<SettingsOf<R>>): readonly BarRequest[];
  /** Adds a device to a machine and brings it up. @throws {ConfigError} */
  create(machine: Machine, device: AttachedBlock<SettingsOf<R>>, providers: PeerProviders): D;
}
