/** The record of a kind of device; `registry.ts` lists the kinds. */
import type { Bytes, DmaAddr, Machine, SettingRows, SettingsOf } from "@dmalab/runtime";
import type { DmaDevice } from "@dmalab/runtime/dma";
import type { AnyTableSpec } from "@dmalab/runtime/recording";
import type { EventTable } from "@dmalab/runtime/vocabulary";
import type { DescribedRegisters } from "./described_registers.ts";
import type { BarRequest, PciFunction, PciRole } from "./pci/pci_function.ts";
import type { PeerProviders } from "./pci/peers/peer_providers.ts";

/** What every device has; each kind adds what it alone has. */
export interface DeviceBase<K extends string = string> {
  /** The name its block gave it. */
  readonly name: string;
  /** The word of its block. */
  readonly kind: K;
  /** The DMA layer's data of it. */
  readonly dma: DmaDevice;
  /**
   * Its place in the PCI tree.
   * @internal
   */
  readonly function: PciFunction;
  /**
   * The window with registers that a scenario describes: null for a device that was given none,
   * left out by kinds that have their own.
   * @internal
   */
  readonly registers?: DescribedRegisters | null;
  /**
   * Called after each write to memory that a script made the device do.
   * @internal
   */
  onDmaWrite?(dma: DmaAddr, sizeBytes: Bytes): void;
  /**
   * Numbers of the requests that it has and has not answered.
   * @internal
   */
  sentRequests?(): readonly number[];
  /**
   * The run is not recorded: it need not keep what it has done.
   * @internal
   */
  onUnrecorded?(): void;
}

/** A device as its block describes it. */
export interface DeviceBlock<S> {
  /** The name its block gave it. */
  readonly name: string;
  /** The path of block names to it, its own last. */
  readonly path: readonly string[];
  /** Its place in the PCI tree. */
  readonly func: PciFunction;
  /** A port above faces outwards. */
  readonly external: boolean;
  /** Its keys, and the defaults of missing ones. */
  readonly settings: S;
}

/** A device's block once the device is known to the DMA layer and the IOMMU. */
export interface AttachedBlock<S> extends DeviceBlock<S> {
  /** The DMA layer's data of it. */
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
  /** What its function is in the PCI tree. */
  readonly role: PciRole;
  /** Whether a scenario says what its registers do: such devices have `registers`. */
  readonly hasRegisters: D extends { readonly registers: DescribedRegisters | null } ? true : false;
  /** Events of it and its driver only. */
  readonly events: EventTable;
  /** The tables of a recording for it. */
  readonly tables: readonly AnyTableSpec[];
  /** The keys its block takes, `deviceSettings` among them. */
  readonly settings: R;
  /**
   * The BARs it needs.
   * @throws {ConfigError} When its settings contradict each other.
   */
  bars(device: DeviceBlock<SettingsOf<R>>): readonly BarRequest[];
  /** Makes it part of a machine and brings it up. @throws {ConfigError} */
  create(machine: Machine, device: AttachedBlock<SettingsOf<R>>, providers: PeerProviders): D;
}
