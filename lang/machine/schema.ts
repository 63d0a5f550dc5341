/**
 * The machine block as a table: every block and key with its kind, range, default and meaning.
 *
 * Checking, "did you mean" and the reference page come from here; `build_config.ts` gives the
 * values their place in the machine's configuration. To add a key, add one row and read it there.
 */
import { KIB, MIB, TIB } from "../../runtime/address.ts";
import { IOMMU_MODEL_NAMES } from "../../runtime/iommu/iommu_models.ts";
import { DEFAULT_KERNEL, KERNEL_NAMES } from "../../runtime/kernels/kernels.ts";

/** What a key's value must be. Numbers have a range, both ends included. */
export type ValueShape =
  | { readonly kind: "int"; readonly min: number; readonly max: number }
  | {
    readonly kind: "size";
    readonly min: number;
    readonly max: number;
    readonly powerOfTwo?: boolean;
    /** `none` may stand for "no such limit" or "has none". */
    readonly orNone?: boolean;
    readonly multipleOf?: number;
  }
  | { readonly kind: "duration" }
  | { readonly kind: "phys" }
  | { readonly kind: "bool" }
  | { readonly kind: "string"; readonly choices: readonly string[] }
  | { readonly kind: "word"; readonly choices: readonly string[] }
  | {
    readonly kind: "words";
    readonly choices: readonly string[];
    /** A word that may stand in place of a list. */
    readonly orWord?: string;
    /** `none` may stand in place of a list. */
    readonly orNone?: boolean;
  }
  | { readonly kind: "vendor_device" }
  | { readonly kind: "pci_place" }
  | { readonly kind: "sizes"; readonly min: number; readonly max: number }
  | { readonly kind: "ranges" }
  | { readonly kind: "dma_ranges" }
  | { readonly kind: "quirks" };

export interface SettingSpec {
  readonly key: string;
  readonly shape: ValueShape;
  /** The default as a reader sees it; null when the key must be given. */
  readonly default: string | null;
  readonly doc: string;
}

/** Whether a block has a name: `iommu { }`, `region low { }`. */
export type Naming = "none" | "required";

export interface BlockSpec {
  readonly keyword: string;
  readonly naming: Naming;
  /** May stand more than once in the same block. */
  readonly repeats: boolean;
  readonly settings: readonly SettingSpec[];
  /** Keywords of the blocks that may stand inside. */
  readonly children: readonly string[];
  readonly doc: string;
}

function int(min: number, max: number): ValueShape {
  return { kind: "int", min, max };
}

function size(min: number, max: number, more: { powerOfTwo?: boolean; orNone?: boolean } = {}) {
  return { kind: "size", min, max, ...more } satisfies ValueShape;
}

const BOOL: ValueShape = { kind: "bool" };
const MAX_BYTES = 2 ** 52;

const ACS_BITS = [
  "source_validation",
  "translation_blocking",
  "request_redirect",
  "completion_redirect",
  "upstream_forwarding",
  "egress_control",
  "direct_translated",
] as const;

const ACS: SettingSpec = {
  key: "acs",
  shape: { kind: "words", choices: ACS_BITS, orWord: "unknown", orNone: true },
  default: "none",
  doc: "Access control services that are switched on; none: it has no such capability.",
};

const ACS_CAPABLE: SettingSpec = {
  key: "acs_capable",
  shape: { kind: "words", choices: ACS_BITS },
  default: "all",
  doc: "Access control services that its capability implements.",
};

const AT: SettingSpec = {
  key: "at",
  shape: { kind: "pci_place" },
  default: "where firmware would put it",
  doc: "Where the function is: bus, device, function.",
};

/** Keys of every block that stands for a function. */
const FUNCTION_SETTINGS: readonly SettingSpec[] = [ACS, ACS_CAPABLE, AT];

/** Keys of everything that does DMA. */
const DEVICE_SETTINGS: readonly SettingSpec[] = [
  {
    key: "dma_mask_bits",
    shape: int(1, 64),
    default: "64",
    doc: "How many address bits the device can drive.",
  },
  {
    key: "bus_limit_bits",
    shape: int(0, 64),
    default: "0",
    doc: "How many address bits the bus carries; 0 is no limit.",
  },
  {
    key: "coherent",
    shape: BOOL,
    default: "true",
    doc: "The device sees the CPU's caches.",
  },
  {
    key: "untrusted",
    shape: BOOL,
    default: "true below an external port",
    doc: "Always translated and strict, and partial pages are bounced.",
  },
  {
    key: "min_align",
    shape: size(1, 64 * KIB, { powerOfTwo: true }),
    default: "the driver's",
    doc: "Bounce buffers keep the address modulo this.",
  },
  {
    key: "max_segment_size",
    shape: size(1, 2 ** 32 - 1),
    default: "the driver's",
    doc: "Longest segment the device takes.",
  },
  {
    key: "segment_boundary",
    shape: size(4 * KIB, MAX_BYTES, { powerOfTwo: true }),
    default: "the driver's",
    doc: "No segment crosses a multiple of this.",
  },
  {
    key: "ranges",
    shape: { kind: "dma_ranges" },
    default: "one to one",
    doc: "Where the device's bus has memory: a list of { cpu, dma, size }.",
  },
];

const P2PMEM: SettingSpec = {
  key: "p2pmem",
  shape: { kind: "size", min: 4 * KIB, max: TIB, multipleOf: 4 * KIB, orNone: true },
  default: "none",
  doc: "Memory of the device that peers may use.",
};

/** Blocks that stand for a function of a device, and may hang on any bus. */
const DEVICE_BLOCKS = ["nvme", "endpoint", "vfio", "rdma"] as const;

const BLOCKS = [
  {
    keyword: "machine",
    naming: "none",
    repeats: false,
    doc: "The machine: its kernel, memory, IOMMU and devices.",
    children: ["ram", "region", "iommu", "swiotlb", "prices", "pci"],
    settings: [
      {
        key: "kernel",
        shape: { kind: "string", choices: KERNEL_NAMES },
        default: `"${DEFAULT_KERNEL}"`,
        doc: "The release whose behaviour is modelled.",
      },
      {
        key: "quirks",
        shape: { kind: "quirks" },
        default: "the profile's",
        doc: "Defects of releases: `x` adds, `not x` removes, `none` first clears the profile's.",
      },
      { key: "cpus", shape: int(1, 64), default: "1", doc: "How many CPUs the machine has." },
      {
        key: "cpu_vendor",
        shape: { kind: "word", choices: ["amd", "intel", "hygon", "arm", "other"] },
        default: "other",
        doc: "Who made the CPU: some host bridges carry peer traffic because of it.",
      },
      { key: "cpu_family", shape: int(0, 0xfff), default: "0", doc: "The CPU's family." },
      {
        key: "seed",
        shape: int(0, Number.MAX_SAFE_INTEGER),
        default: "1",
        doc: "Where everything random starts from.",
      },
      {
        key: "page_size",
        shape: { kind: "size", min: 4 * KIB, max: 64 * KIB, powerOfTwo: true },
        default: "4KiB",
        doc: "The host's page.",
      },
      {
        key: "checker",
        shape: { kind: "word", choices: ["report", "fail", "off"] },
        default: "report",
        doc: "What happens when the checker finds a driver's mistake.",
      },
      {
        key: "dma_debug",
        shape: BOOL,
        default: "false",
        doc: "A kernel built with DMA debugging, with its effects.",
      },
      {
        key: "memory_encryption",
        shape: BOOL,
        default: "false",
        doc: "A confidential guest: devices reach only what is shared, so everything is bounced.",
      },
    ],
  },
  {
    keyword: "ram",
    naming: "none",
    repeats: false,
    doc: "Main memory. It fills from 0 around windows, the rest goes above 4 GiB.",
    children: [],
    settings: [
      {
        key: "size",
        shape: { kind: "size", min: 16 * MIB, max: 64 * TIB, multipleOf: 4 * KIB },
        default: "4GiB",
        doc: "How much there is.",
      },
    ],
  },
  {
    keyword: "region",
    naming: "required",
    repeats: true,
    doc: "A named part of the RAM, or a window of MMIO.",
    children: [],
    settings: [
      { key: "at", shape: { kind: "phys" }, default: null, doc: "Where it starts." },
      {
        key: "size",
        shape: { kind: "size", min: 4 * KIB, max: 64 * TIB, multipleOf: 4 * KIB },
        default: null,
        doc: "How long it is.",
      },
      {
        key: "type",
        shape: { kind: "word", choices: ["ram", "mmio"] },
        default: "ram",
        doc: "A part of the RAM, or no RAM at all.",
      },
    ],
  },
  {
    keyword: "iommu",
    naming: "none",
    repeats: false,
    doc: "The unit that translates what devices address.",
    children: [],
    settings: [
      {
        key: "mode",
        shape: { kind: "word", choices: ["off", "passthrough", "strict", "lazy"] },
        default: "off",
        doc: "Whether devices are translated, and when translations are invalidated.",
      },
      {
        key: "model",
        shape: { kind: "word", choices: IOMMU_MODEL_NAMES },
        default: "vtd",
        doc: "Whose page tables and invalidations.",
      },
      {
        key: "granule",
        shape: { kind: "size", min: 4 * KIB, max: 64 * KIB, powerOfTwo: true },
        default: "4KiB",
        doc: "The smallest page it maps.",
      },
      {
        key: "page_sizes",
        shape: { kind: "sizes", min: 4 * KIB, max: 2 ** 51 },
        default: "[4KiB, 2MiB, 1GiB]",
        doc: "The pages it maps.",
      },
      {
        key: "address_bits",
        shape: int(32, 52),
        default: "48",
        doc: "How many address bits it translates.",
      },
      {
        key: "caching_mode",
        shape: BOOL,
        default: "false",
        doc: "Absent entries are cached too, so that new mappings need an invalidation.",
      },
      {
        key: "forcedac",
        shape: BOOL,
        default: "false",
        doc: "Do not look for addresses below 4 GiB first.",
      },
      {
        key: "iotlb_entries",
        shape: int(1, 65536),
        default: "256",
        doc: "How many translations it caches.",
      },
      {
        key: "reserved",
        shape: { kind: "ranges" },
        default: "the model's",
        doc: "Ranges of device addresses that are never given out.",
      },
    ],
  },
  {
    keyword: "swiotlb",
    naming: "none",
    repeats: false,
    doc: "The pool of bounce buffers.",
    children: [],
    settings: [
      {
        key: "size",
        shape: { kind: "size", min: 0, max: 2 ** 40, multipleOf: 2 * KIB },
        default: "64MiB",
        doc: "How large the pool is; 0B is no pool.",
      },
      {
        key: "at",
        shape: { kind: "phys" },
        default: "below 2 GiB",
        doc: "Where the pool starts.",
      },
      { key: "force", shape: BOOL, default: "false", doc: "Bounce everything." },
      {
        key: "areas",
        shape: int(1, 1024),
        default: "from cpus",
        doc: "Parts with a lock of their own.",
      },
    ],
  },
  {
    keyword: "prices",
    naming: "none",
    repeats: false,
    doc: "What events cost in virtual time. Any event's name is a key too.",
    children: [],
    settings: [
      ["iotlb_sync", "One invalidation of cached translations."],
      ["table_write", "One write to the page table."],
      ["iova_alloc", "One allocation of IO addresses."],
      ["map_call", "One call of a mapping function."],
      ["copy_per_kib", "Copying 1 KiB into or out of a bounce buffer."],
      ["alloc", "One allocation of memory."],
      ["doorbell", "One write to a doorbell."],
      ["interrupt", "One interrupt."],
    ].map(([key, doc]) => ({ key: key!, shape: { kind: "duration" }, default: "0ns", doc: doc! })),
  },
  {
    keyword: "pci",
    naming: "none",
    repeats: false,
    doc: "The PCI tree.",
    children: ["host_bridge", "root_port", "bridge", "device", ...DEVICE_BLOCKS],
    settings: [],
  },
  {
    keyword: "host_bridge",
    naming: "required",
    repeats: true,
    doc: "A host bridge with root ports. Root ports outside of one share a bridge.",
    children: ["root_port", "bridge", "device", ...DEVICE_BLOCKS],
    settings: [
      {
        key: "whitelisted",
        shape: BOOL,
        default: "as vendor_device is listed",
        doc: "The kernel's list allows peer traffic across it, or does not.",
      },
      {
        key: "vendor_device",
        shape: { kind: "vendor_device" },
        default: "one that is not listed",
        doc: "The first device on its root bus, which the kernel's list is asked about.",
      },
      {
        key: "domain",
        shape: int(0, 0xffff_ffff),
        default: "0",
        doc: "Its PCI domain, which counts bus numbers for itself.",
      },
      {
        key: "bus",
        shape: int(0, 0xff),
        default: "the next that is free",
        doc: "Its root bus.",
      },
      {
        key: "bus_offset",
        shape: { kind: "size", min: -MAX_BYTES, max: MAX_BYTES },
        default: "0B",
        doc: "Bus address minus CPU address of the memory below it.",
      },
    ],
  },
  {
    keyword: "root_port",
    naming: "required",
    repeats: true,
    doc: "A root port.",
    children: ["switch", "bridge", "device", ...DEVICE_BLOCKS],
    settings: [
      ...FUNCTION_SETTINGS,
      {
        key: "external",
        shape: BOOL,
        default: "false",
        doc: "It leads outside the case: what is below is untrusted.",
      },
      {
        key: "whitelisted",
        shape: BOOL,
        default: "false",
        doc: "The kernel's list allows peer traffic across its host bridge.",
      },
    ],
  },
  {
    keyword: "switch",
    naming: "required",
    repeats: true,
    doc: "A switch; each block inside hangs on a downstream port of its own.",
    children: ["port", "switch", "bridge", "device", ...DEVICE_BLOCKS],
    settings: [
      ...FUNCTION_SETTINGS,
      { ...ACS, key: "upstream_acs", doc: "The same of the port that leads up." },
    ],
  },
  {
    keyword: "port",
    naming: "required",
    repeats: true,
    doc: "A downstream port of a switch, with access control of its own.",
    children: ["switch", "bridge", "device", ...DEVICE_BLOCKS],
    settings: FUNCTION_SETTINGS,
  },
  {
    keyword: "bridge",
    naming: "required",
    repeats: true,
    doc: "A bridge to conventional PCI: what is below it passes for the bridge.",
    children: ["bridge", "device", ...DEVICE_BLOCKS],
    settings: FUNCTION_SETTINGS,
  },
  {
    keyword: "device",
    naming: "required",
    repeats: true,
    doc: "A device of several functions: each block inside is one of them.",
    children: [...DEVICE_BLOCKS],
    settings: [],
  },
  {
    keyword: "nvme",
    naming: "required",
    repeats: true,
    doc: "An NVMe controller with one disk.",
    children: [],
    settings: [
      {
        key: "queues",
        shape: int(1, 1024),
        default: "1",
        doc: "Queues for reads and writes.",
      },
      {
        key: "poll_queues",
        shape: int(0, 1024),
        default: "0",
        doc: "Further queues, without interrupts: who submits to one polls it.",
      },
      {
        key: "depth",
        shape: int(2, 4096),
        default: "1024",
        doc: "Entries of a queue; one stays empty.",
      },
      {
        key: "mdts",
        // 4 KiB cannot be said: MDTS is a power of two of 4 KiB, and 2^0 means "no limit".
        shape: { kind: "size", min: 8 * KIB, max: MAX_BYTES, powerOfTwo: true, orNone: true },
        default: "none",
        doc: "Longest transfer of one command.",
      },
      { key: "sgl", shape: BOOL, default: "false", doc: "The controller reads SGLs." },
      {
        key: "sgl_threshold",
        shape: size(0, 2 ** 32 - 1),
        default: "32KiB",
        doc: "Average segment size from which the driver prefers an SGL; 0B: never prefers.",
      },
      {
        key: "metadata",
        shape: size(1, 64 * KIB - 1, { orNone: true }),
        default: "none",
        doc: "Metadata that goes with each block, in a buffer of its own.",
      },
      {
        key: "metadata_sgl",
        shape: BOOL,
        default: "false",
        doc: "The controller reads SGLs for metadata.",
      },
      {
        key: "protection",
        shape: int(0, 3),
        default: "0",
        doc: "Type of the protection information that ends each block's metadata; 0: none.",
      },
      {
        key: "block_size",
        shape: { kind: "size", min: 512, max: 64 * KIB, powerOfTwo: true },
        default: "512B",
        doc: "The disk's block.",
      },
      P2PMEM,
      {
        key: "cmb_queues",
        shape: BOOL,
        default: "false",
        doc: "Commands lie in the disk's own memory (`p2pmem`), which it reads without the bus.",
      },
      {
        key: "hmb",
        shape: { kind: "size", min: 4 * KIB, max: TIB, multipleOf: 4 * KIB, orNone: true },
        default: "none",
        doc: "Memory of the host that the controller would like to use.",
      },
      {
        key: "hmb_min",
        shape: { kind: "size", min: 0, max: TIB, multipleOf: 4 * KIB },
        default: "0B",
        doc: "How much of it the controller needs at least.",
      },
      {
        key: "hmb_min_chunk",
        shape: { kind: "size", min: 0, max: TIB, multipleOf: 4 * KIB },
        default: "0B",
        doc: "The smallest piece of it that the controller can use.",
      },
      {
        key: "hmb_max_chunks",
        shape: int(0, 65535),
        default: "0",
        doc: "How many pieces of it the controller can use; 0: any number.",
      },
      {
        key: "shadow_doorbells",
        shape: BOOL,
        default: "false",
        doc: "The controller takes doorbells from memory, so that few registers are written.",
      },
      {
        key: "timeout",
        shape: { kind: "duration" },
        default: "30s",
        doc: "How long a read or write may take before the driver does something about it.",
      },
      {
        key: "nodes",
        shape: int(1, 1024),
        default: "1",
        doc: "NUMA nodes with pools of their own.",
      },
      {
        key: "capacity",
        shape: size(64 * KIB, MAX_BYTES),
        default: "1TiB",
        doc: "How much the disk holds.",
      },
      ...FUNCTION_SETTINGS,
      ...DEVICE_SETTINGS,
    ],
  },
  {
    keyword: "endpoint",
    naming: "required",
    repeats: true,
    doc: "Any other PCI function that does DMA.",
    children: [],
    settings: [
      {
        key: "bar",
        shape: { kind: "size", min: 4 * KIB, max: TIB, multipleOf: 4 * KIB, orNone: true },
        default: "none",
        doc: "Its window of memory that CPUs and peers can address.",
      },
      P2PMEM,
      ...FUNCTION_SETTINGS,
      ...DEVICE_SETTINGS,
    ],
  },
  {
    keyword: "vfio",
    naming: "required",
    repeats: true,
    doc: "A function whose state can be saved, and loaded into another one.",
    children: [],
    settings: [
      {
        key: "state",
        shape: size(1, 64 * MIB),
        default: "64KiB",
        doc: "How much of it there is to migrate.",
      },
      ...FUNCTION_SETTINGS,
      ...DEVICE_SETTINGS,
    ],
  },
  {
    keyword: "rdma",
    naming: "required",
    repeats: true,
    doc: "An RDMA device whose memory regions are paged on demand.",
    children: [],
    settings: [
      {
        key: "software",
        shape: BOOL,
        default: "false",
        doc: "It is nothing but software: the CPU moves its bytes, and nothing is mapped.",
      },
      {
        key: "update",
        shape: { kind: "size", min: 64, max: 16 * MIB, multipleOf: 64 },
        default: "64KiB",
        doc: "How much of its table one update writes, 8 bytes for a page.",
      },
      ...FUNCTION_SETTINGS,
      ...DEVICE_SETTINGS,
    ],
  },
] as const satisfies readonly BlockSpec[];

/** Every block by its keyword. */
export const MACHINE_SCHEMA: ReadonlyMap<string, BlockSpec> = new Map(
  BLOCKS.map((block): [string, BlockSpec] => [block.keyword, block]),
);

/** The spec of a block that is known to exist. */
export function blockSpec(keyword: string): BlockSpec {
  const spec = MACHINE_SCHEMA.get(keyword);
  if (spec === undefined) throw new RangeError(`No machine block is called "${keyword}"`);
  return spec;
}
