/**
 * What a machine is built from: plain data, with every default in one place.
 *
 * The language's `machine` block, the tests and the conformance runs all end here. Devices and the
 * PCI topology are described above the runtime; what they need of physical memory reaches it as
 * `windows`.
 */
import { type Bytes, GIB, KIB, MIB, type Nanoseconds, type PhysAddr } from "./address.ts";
import type { PageTableConfig } from "./iommu/iommu_models.ts";
import { DEFAULT_KERNEL, type KernelConfig } from "./kernels/kernels.ts";

/** How devices reach memory. @see behaviour/dma.md 1.3 */
export type IommuMode = "off" | "passthrough" | "strict" | "lazy";

/** A span of physical addresses that RAM must leave free: MMIO or a PCI window. */
export interface MemoryWindow {
  readonly name: string;
  readonly basePhys: PhysAddr;
  readonly sizeBytes: Bytes;
  /** What a PCI bus adds to CPU addresses: devices see the window there. Default 0. */
  readonly busOffset?: number;
  /** The host bridge whose window it is, by name; left out, it is every device's. */
  readonly hostBridge?: string;
}

/** A `region` of the machine block: a named part of the RAM, or an MMIO window. */
export interface MemoryRegion extends MemoryWindow {
  readonly type: "ram" | "mmio";
}

export interface IommuConfig extends PageTableConfig {
  readonly mode: IommuMode;
  /** VT-d caching mode: flush after mapping too, and no lazy mode. */
  readonly cachingMode: boolean;
  /** Do not look below 4 GiB first. */
  readonly forcedac: boolean;
  readonly iotlbEntries: number;
  /** Address ranges never handed out, end exclusive; null means the model's own. */
  readonly reserved: readonly { readonly start: number; readonly end: number }[] | null;
}

export interface SwiotlbConfig {
  /** Size asked for; 0 means no pool. Rounded as `swiotlbGeometry` says. */
  readonly sizeBytes: Bytes;
  /** Bounce every streaming mapping of a device without translation. */
  readonly force: boolean;
  /** Areas asked for; null takes the number of CPUs. */
  readonly areas: number | null;
  /** First byte of the pool, where a captured machine must be matched; chosen when left out. */
  readonly basePhys?: PhysAddr;
}

export interface MachineConfig extends KernelConfig {
  readonly cpus: number;
  readonly seed: number;
  readonly pageSizeBytes: Bytes;
  readonly checker: "report" | "fail" | "off";
  /** A kernel built with DMA debugging. @see behaviour/dma.md 8.2 */
  readonly dmaDebug: boolean;
  readonly ramSizeBytes: Bytes;
  /** A confidential guest: memory is encrypted, and devices reach only what is shared with them. */
  readonly memoryEncryption: boolean;
  /** MMIO regions and PCI windows: RAM fills from 0 around them, the rest goes above 4 GiB. */
  readonly windows: readonly MemoryWindow[];
  readonly regions: readonly MemoryRegion[];
  readonly iommu: IommuConfig;
  readonly swiotlb: SwiotlbConfig;
  /** Keys of language.md's `prices`, or event names. @see prices.ts */
  readonly pricesNs: Readonly<Record<string, Nanoseconds>>;
}

/** The machine of a script without a `machine` block: 1 CPU, 4 GiB, no devices (language.md). */
export function defaultMachineConfig(): MachineConfig {
  return {
    kernel: DEFAULT_KERNEL,
    quirks: null,
    cpus: 1,
    seed: 1,
    pageSizeBytes: 4 * KIB,
    checker: "report",
    dmaDebug: false,
    ramSizeBytes: 4 * GIB,
    memoryEncryption: false,
    windows: [],
    regions: [],
    iommu: {
      mode: "off",
      model: "vtd",
      granuleBytes: 4 * KIB,
      pageSizesBytes: [4 * KIB, 2 * MIB, 1 * GIB],
      addressBits: 48,
      cachingMode: false,
      forcedac: false,
      iotlbEntries: 256,
      reserved: null,
    },
    swiotlb: { sizeBytes: 64 * MIB, force: false, areas: null },
    pricesNs: {},
  };
}
