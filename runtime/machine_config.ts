/**
 * The configuration of a machine as plain data. Each key has a row with its range, its default and
 * its description. To add a key to a block, add one row.
 *
 * The language's `machine` block, the tests and the conformance runs all produce such a
 * configuration. Devices and the PCI topology are described in a higher layer; their physical
 * memory is passed to the runtime as `windows`.
 */
import { IOMMU_MODEL_NAMES } from "./iommu/iommu_models.ts";
import { DEFAULT_KERNEL } from "./kernels/behaviours.ts";
import type { KernelConfig } from "./kernels/kernels.ts";
import { type Bytes, GIB, KIB, MIB, type Nanoseconds, type PhysAddr, TIB } from "./address.ts";
import {
  BOOL,
  defaultsOf,
  int,
  optional,
  pages,
  type PartialSettings,
  PHYS,
  RANGES,
  required,
  setting,
  type SettingsOf,
  size,
  sizes,
  word,
} from "./settings.ts";

/** A span of physical addresses that RAM must leave free: MMIO or a PCI window. */
export interface MemoryWindow {
  /** The window's name in events and messages. */
  readonly name: string;
  /** Its first byte. */
  readonly basePhys: PhysAddr;
  /** Its size. */
  readonly sizeBytes: Bytes;
  /** The offset that a PCI bus adds to CPU addresses to get the device's address. Default 0. */
  readonly busOffset?: number;
  /**
   * The host bridge of the window, by name; without a host bridge, the window belongs to every
   * device.
   */
  readonly hostBridge?: string;
}

/** A `region` of the machine block: a named part of the RAM, or an MMIO window. */
export interface MemoryRegionConfig extends MemoryWindow {
  /** RAM, or registers of a device. */
  readonly type: "ram" | "mmio";
}

export const IOMMU_SETTINGS = {
  mode: setting("mode", word("off", "passthrough", "strict", "lazy"), "off", {
    doc: "Whether devices are translated, and when translations are invalidated.",
  }),
  model: setting("model", word(...IOMMU_MODEL_NAMES), "vtd", {
    doc: "IOMMU hardware model: page-table format and invalidation commands.",
  }),
  granuleBytes: setting("granule", size(4 * KIB, 64 * KIB, { powerOfTwo: true }), 4 * KIB, {
    doc: "The smallest page it maps.",
  }),
  pageSizesBytes: setting("page_sizes", sizes(4 * KIB, 2 ** 51), [4 * KIB, 2 * MIB, 1 * GIB], {
    doc:
      "The pages it maps, the smallest of them the granule. Of a larger granule the default is that " +
      "granule, and what one table of it spans; of virtio every power of two up to 2^51, and of AMD's v1 too, but 512GiB.",
  }),
  addressBits: setting("address_bits", int(32, 64), 48, {
    doc:
      "How many address bits it translates: 64 of AMD's v1 and of virtio when left out, and 57 at most of other " +
      "models, 52 of Arm. Of first-stage tables and AMD's v2 one bit fewer: half of their addresses " +
      "are never allocated.",
  }),
  cachingMode: setting("caching_mode", BOOL, false, {
    doc:
      "Absent entries are cached too, so that new mappings need an invalidation, and no mode is " +
      "lazy. Without effect on first-stage tables, on Arm and on virtio.",
  }),
  forcedac: setting("forcedac", BOOL, false, {
    doc: "Do not look for addresses below 4 GiB first.",
  }),
  iotlbEntries: setting("iotlb_entries", int(1, 65536), 256, {
    doc: "How many translations it caches. A virtio-iommu caches none.",
  }),
  flushQueueFits: setting("flush_queue", BOOL, true, {
    doc: "False: there is no memory for flush queues. A warning, and lazy devices are strict.",
  }),
  flushAllAbovePages: setting("flush_all_above", int(0, 2 ** 30), 0, {
    doc:
      "Arm: invalidations of more pages than this invalidate the whole address space; 0: never. Real " +
      "hardware has a limit.",
  }),
  debugPagealloc: setting("debug_pagealloc", BOOL, false, {
    doc:
      "A kernel with `iommu.debug_pagealloc`: it warns when pages that are mapped are freed, and when " +
      "they are allocated again. From 7.2 on: 6.12 never does.",
  }),
  doorbellPhys: optional("msi_doorbell", PHYS, {
    leftOut: "0x0808_0040",
    doc:
      "Arm: where devices write for interrupts (MSI). The 64 KiB around it are no RAM, and drivers that " +
      "set up interrupts have its page mapped.",
  }),
  reserved: setting("reserved", RANGES, null, {
    doc: "Ranges of device addresses that are never allocated.",
    defaultText: "the model's",
  }),
};

/** @internal */
export type IommuRows = typeof IOMMU_SETTINGS;

/** Configuration of a machine's IOMMU. */
export type IommuConfig = SettingsOf<IommuRows>;

/** How devices reach memory. @see rules/dma.md 1.3 */
export type IommuMode = IommuConfig["mode"];

export const SWIOTLB_SETTINGS = {
  // The size is rounded up as `sizePool` describes.
  sizeBytes: setting("size", size(0, TIB, { multipleOf: 2 * KIB }), 64 * MIB, {
    doc:
      "How large the pool is, rounded up to a power of two and to 256KiB in each area; 0B is no pool.",
  }),
  force: setting("force", BOOL, false, { doc: "Bounce everything that is not translated." }),
  // rules/dma.md 6.4
  dynamic: setting("dynamic", BOOL, false, {
    doc:
      "The pool grows: what does not fit gets a transient pool, and a worker adds a lasting one.",
  }),
  areas: setting("areas", int(1, 1024), null, {
    doc: "Number of swiotlb areas, each with its own lock.",
    defaultText: "from cpus",
  }),
  basePhys: optional("at", PHYS, {
    leftOut: "below 2 GiB",
    doc: "Where the pool starts.",
  }),
};

/** @internal */
export type SwiotlbRows = typeof SWIOTLB_SETTINGS;

/** Configuration of a machine's bounce buffers. */
export type SwiotlbConfig = SettingsOf<SwiotlbRows>;

/** A configuration with defaults for the settings that are not given. */
export function swiotlbConfig(given: PartialSettings<typeof SWIOTLB_SETTINGS> = {}): SwiotlbConfig {
  return { ...defaultsOf(SWIOTLB_SETTINGS), ...given };
}

/** Keys of the machine itself. */
export const MACHINE_SETTINGS = {
  cpus: setting("cpus", int(1, 64), 1, { doc: "How many CPUs the machine has." }),
  seed: setting("seed", int(0, Number.MAX_SAFE_INTEGER), 1, {
    doc: "Seed of the machine's random generator.",
  }),
  pageSizeBytes: setting("page_size", size(4 * KIB, 64 * KIB, { powerOfTwo: true }), 4 * KIB, {
    doc: "The host's page.",
  }),
  checker: setting("checker", word("fail", "report", "off"), "fail", {
    doc: "What a report of the checker that nothing expects does to its test.",
  }),
  faults: setting("faults", word("fail", "report", "allow"), "fail", {
    doc: "What a fault that nothing expects does to its test.",
  }),
  leaks: setting("leaks", word("fail", "report", "allow"), "fail", {
    doc: "What a leak, a resource left unreleased, does to its test.",
  }),
  // rules/dma.md 8.2
  dmaDebug: setting("dma_debug", BOOL, false, {
    doc: "A kernel built with DMA debugging, with its effects.",
  }),
  // rules/p2p.md 9.1, 9.3
  pciP2pdma: setting("pci_p2pdma", BOOL, true, {
    doc: "A kernel built with peer-to-peer DMA, which takes 64 bits: a 32-bit kernel has none.",
  }),
  memoryEncryption: setting("memory_encryption", BOOL, false, {
    doc: "A confidential guest: devices reach only what is shared, so everything is bounced.",
  }),
};

export const RAM_SETTINGS = {
  ramSizeBytes: setting("size", pages(16 * MIB, 64 * TIB), 4 * GIB, { doc: "Size of the RAM." }),
};

export const REGION_SETTINGS = {
  basePhys: required("at", PHYS, "Where it starts."),
  sizeBytes: required("size", pages(4 * KIB, 64 * TIB), "Its size."),
  type: setting("type", word("ram", "mmio"), "ram", {
    doc: "A part of the RAM, or no RAM at all.",
  }),
};

/** @internal */
export type MachineRows = typeof MACHINE_SETTINGS;
/** @internal */
export type RamRows = typeof RAM_SETTINGS;

/** The configuration of a machine: plain data, with the keys of the tables above. */
export interface MachineConfig extends KernelConfig, SettingsOf<MachineRows>, SettingsOf<RamRows> {
  /**
   * MMIO regions and PCI windows. RAM fills the addresses from 0 around them; the remaining RAM
   * goes above 4 GiB.
   */
  readonly windows: readonly MemoryWindow[];
  /** Named parts of memory. */
  readonly regions: readonly MemoryRegionConfig[];
  /** Configuration of the IOMMU; its mode can be off. */
  readonly iommu: IommuConfig;
  /** The bounce buffers. */
  readonly swiotlb: SwiotlbConfig;
  /** Latencies by the keys of language.md's `latencies`, or by event names. @see latencies.ts */
  readonly latenciesNs: Readonly<Record<string, Nanoseconds>>;
}

/** The machine of a script without a `machine` block: 1 CPU, 4 GiB, no devices (language.md). */
export function defaultMachineConfig(): MachineConfig {
  return {
    ...defaultsOf(MACHINE_SETTINGS),
    ...defaultsOf(RAM_SETTINGS),
    kernel: DEFAULT_KERNEL,
    quirks: null,
    windows: [],
    regions: [],
    iommu: defaultsOf(IOMMU_SETTINGS),
    swiotlb: defaultsOf(SWIOTLB_SETTINGS),
    latenciesNs: {},
  };
}
