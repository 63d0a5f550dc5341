/** The IOMMU models that a machine can have, one record each. */
import type { Bytes, Nanoseconds, PhysAddr } from "../address.ts";
import { ArmPageTable } from "./arm_page_table.ts";
import { GenericPageTable } from "./generic_page_table.ts";
import { HostMappings } from "./host_mappings.ts";
import type { HostRequests } from "./host_requests.ts";
import type { HostCharge, PageTable } from "./page_table.ts";
import {
  AMD_V1,
  AMD_V2,
  ARM_STAGE_1,
  type EntryFormat,
  VTD_FIRST_STAGE,
  VTD_SECOND_STAGE,
} from "./table_entries.ts";

interface TableOptions extends Omit<PageTableConfig, "model"> {
  readonly charge: HostCharge;
  /** The request queue of a virtio-iommu. */
  readonly requests: HostRequests | null;
}

/** Properties of an IOMMU model: page-table format, invalidations, and behaviour. */
export interface IommuModelSpec {
  readonly doc: string;
  /** The granules that the model's page tables can have. @see rules/dma.md 5.1 */
  readonly granulesBytes: readonly Bytes[];
  /**
   * True if a leaf can have any size. False if blocks lie only one or two levels above the lowest
   * level.
   */
  readonly hasAnyPageSize: boolean;
  /**
   * Supported page sizes if a machine block lists no page sizes and the granule is the default.
   * Null if the general default of the key `page_sizes` applies.
   */
  readonly usualPageSizesBytes: readonly Bytes[] | null;
  /**
   * Number of address bits that the IOMMU translates: `usual` is the default if a machine block
   * does not set the number, `most` is the maximum.
   */
  readonly addressBits: { readonly usual: number; readonly most: number };
  makeTable(options: TableOptions): PageTable;
  /** The format of an entry's bits; null if the tables are a host's. */
  readonly entries: EntryFormat | null;
  /** The structure from which the hardware finds a device's top table. */
  readonly root: string;
  /** Page-table entries have no separate read permission: writable memory is readable (dma.md 1.6). */
  readonly writableIsReadable: boolean;
  /**
   * Half of the addresses lie at the end of the 64-bit space, with the top bit extended, and are
   * never allocated. Therefore the aperture has one bit fewer than the tables.
   * @see rules/dma.md 4.2
   */
  readonly extendsTopBit: boolean;
  /**
   * The range that a flush command covers: the exact range (`range`), or the smallest aligned block
   * that contains it (`block`). If that range is too large for one command, a model with a word
   * that ends in `_or_domain` covers the whole domain, and any other model still covers the same
   * range.
   * @see rules/dma.md 5.2
   */
  readonly flushes: "range" | "range_or_domain" | "block_or_domain" | "block";
  /**
   * The kernel's driver: those of the two PC IOMMUs differ where their hardware does not. That of
   * virtio-iommu has no tables and sends requests to the host (rules/dma.md 5.5).
   */
  readonly driver: "amd" | "arm" | "intel" | "virtio";
  /**
   * Supports caching mode, in which the IOTLB caches not-present entries. In this mode maps need a
   * flush too, and no flush is deferred. @see rules/dma.md 1.3
   */
  readonly hasCachingMode: boolean;
  /** Writes to a PC's interrupt window are interrupts, whatever the tables contain. */
  readonly hasInterruptWindow: boolean;
  /**
   * Address of the MSI doorbell, if writes to it are translated like any write; null if interrupts
   * are remapped. @see rules/dma.md 4.7
   */
  readonly doorbellPhys: PhysAddr | null;
  /**
   * How long an unmap waits for the answer of a device with ATS; null if invalidations of
   * device-TLBs are not simulated. @see rules/dma.md 5.4
   */
  readonly deviceTlbTimeoutNs: Nanoseconds | null;
  /** Removing a function clears the context entries of all its aliases. @see rules/dma.md 9.7 */
  readonly clearsAliases: boolean;
  /** Format of the kernel's log lines for this IOMMU's faults. */
  readonly faultLog: "vtd" | "vtd_scalable" | "vtd_first_stage" | "amd" | "smmu" | "virtio";
  /** Address ranges reserved by the model's interconnect, end exclusive. @see rules/dma.md 4.6 */
  readonly reserved: readonly { readonly start: number; readonly end: number }[];
  /**
   * Kernels for machines with this IOMMU are built for non-coherent devices, and therefore align
   * their allocations to cache lines.
   */
  readonly alignsToCacheLines: boolean;
}

/** Every power of two up to 2^51. */
const ALL_PAGE_SIZES: readonly Bytes[] = Array.from({ length: 40 }, (_, bit) => 2 ** (12 + bit));
/** Every power of two up to 2^51, except 512 GiB. @see rules/dma.md 5.1 */
const EVERY_PAGE_SIZE: readonly Bytes[] = ALL_PAGE_SIZES.filter((size) => size !== 2 ** 39);

/** The common part of a PC's IOMMUs. */
const PC = {
  granulesBytes: [4096],
  hasAnyPageSize: false,
  usualPageSizesBytes: null,
  addressBits: { usual: 48, most: 57 },
  writableIsReadable: false,
  extendsTopBit: false,
  makeTable: (options: TableOptions) => new GenericPageTable({ ...options, growsOnDemand: false }),
  entries: VTD_SECOND_STAGE,
  root: "the SSPTPTR of the PASID table entry (VT-d 9.6)",
  flushes: "block_or_domain",
  driver: "intel",
  hasCachingMode: true,
  hasInterruptWindow: true,
  doorbellPhys: null,
  deviceTlbTimeoutNs: 60_000_000_000,
  clearsAliases: false,
  reserved: [],
  alignsToCacheLines: false,
} as const;

/** Tables in the format of the x86 CPU. */
const X86_TABLES = {
  writableIsReadable: true,
  extendsTopBit: true,
  makeTable: (options: TableOptions) =>
    new GenericPageTable({
      ...options,
      ...x86Widths(options.addressBits),
      growsOnDemand: false,
    }),
} as const;

const AMD = {
  ...PC,
  flushes: "range",
  driver: "amd",
  deviceTlbTimeoutNs: 100_000_000,
  reserved: [{ start: 0xfd_0000_0000, end: 0x100_0000_0000 }],
  faultLog: "amd",
} as const;

const MODELS = {
  vtd: {
    ...PC,
    doc: "Intel VT-d in legacy mode: second-stage tables.",
    root: "the SSPTPTR of the context entry (VT-d 9.3)",
    clearsAliases: true,
    faultLog: "vtd",
  },
  vtd_scalable: {
    ...PC,
    doc: "Intel VT-d in scalable mode, with second-stage tables.",
    faultLog: "vtd_scalable",
  },
  vtd_first_stage: {
    ...PC,
    ...X86_TABLES,
    doc: "Intel VT-d in scalable mode, with first-stage tables: those of the x86 CPU.",
    entries: VTD_FIRST_STAGE,
    root: "the FSPTPTR of the PASID table entry (VT-d 9.6)",
    flushes: "block",
    // The hardware has a caching mode, but it concerns second-stage tables only.
    hasCachingMode: false,
    faultLog: "vtd_first_stage",
  },
  amd: {
    ...AMD,
    doc: "AMD-Vi with its first table format (v1): pages of any power of two.",
    hasAnyPageSize: true,
    usualPageSizesBytes: EVERY_PAGE_SIZE,
    addressBits: { usual: 64, most: 64 },
    entries: AMD_V1,
    root: "the page table root of the device table entry (AMD IOMMU 2.2.2)",
    makeTable: (options) => new GenericPageTable({ ...options, growsOnDemand: true }),
  },
  amd_v2: {
    ...AMD,
    ...X86_TABLES,
    doc: "AMD-Vi with its second table format: the x86 CPU's.",
    entries: AMD_V2,
    root: "the GCR3 of PASID 0 (AMD IOMMU 2.2.6)",
  },
  smmu: {
    doc: "Arm SMMU, stage 1.",
    granulesBytes: [4096, 16384, 65536],
    hasAnyPageSize: false,
    usualPageSizesBytes: null,
    addressBits: { usual: 48, most: 52 },
    writableIsReadable: true,
    extendsTopBit: false,
    makeTable: (options) => new ArmPageTable(options),
    entries: ARM_STAGE_1,
    root: "TTB0 of the context descriptor (SMMUv3 5.4)",
    flushes: "range_or_domain",
    driver: "arm",
    hasCachingMode: false,
    hasInterruptWindow: false,
    doorbellPhys: 0x0808_0040 as PhysAddr,
    deviceTlbTimeoutNs: null,
    clearsAliases: false,
    faultLog: "smmu",
    reserved: [],
    alignsToCacheLines: true,
  },
  virtio: {
    ...PC,
    doc: "A virtio-iommu, as QEMU has it: requests to the host, which has the tables.",
    hasAnyPageSize: true,
    usualPageSizesBytes: ALL_PAGE_SIZES,
    addressBits: { usual: 64, most: 64 },
    entries: null,
    root: "the host",
    makeTable: (options) => new HostMappings(options),
    flushes: "range",
    driver: "virtio",
    hasCachingMode: false,
    deviceTlbTimeoutNs: null,
    faultLog: "virtio",
  },
} satisfies Readonly<Record<string, IommuModelSpec>>;

export type IommuModel = keyof typeof MODELS;

export const IOMMU_MODELS: Readonly<Record<IommuModel, IommuModelSpec>> = MODELS;

/** The settings from which page tables are created. */
export interface PageTableConfig {
  readonly model: IommuModel;
  readonly granuleBytes: Bytes;
  readonly pageSizesBytes: readonly Bytes[];
  readonly addressBits: number;
}

export const IOMMU_MODEL_NAMES = Object.keys(IOMMU_MODELS) as readonly IommuModel[];

/**
 * Tables have four or five levels; allocations use the lower half of the addresses that the levels
 * reach.
 */
function x86Widths(asked: number): { readonly addressBits: number; readonly apertureBits: number } {
  const addressBits = asked <= 48 ? 48 : 57;
  return { addressBits, apertureBits: Math.min(asked, addressBits - 1) };
}

/**
 * Creates an empty table for an IOMMU's model and settings.
 *
 * @param charge Called with the host memory of each table page.
 * @param requests The request queue of a virtio-iommu; null for a queue of the table's own.
 * @throws {RangeError} When the model's format does not support the granule or the width.
 * @see rules/dma.md 5.1
 */
export function makePageTable(
  config: PageTableConfig,
  charge: HostCharge = () => {},
  requests: HostRequests | null = null,
): PageTable {
  const { model, granuleBytes, addressBits } = config;
  const { addressBits: { most }, granulesBytes, hasAnyPageSize, makeTable } = IOMMU_MODELS[model];
  if (addressBits > most) {
    throw new RangeError(
      `Cannot build an IOMMU of model "${model}" with ${addressBits} address bits: ${most} at most`,
    );
  }
  if (!granulesBytes.includes(granuleBytes)) {
    throw new RangeError(
      `Cannot build an IOMMU of model "${model}" with a granule of ${granuleBytes} bytes: ` +
        `it has ${granulesBytes.join(", ")}`,
    );
  }
  const entries = granuleBytes / 8;
  const isLeaf = (ratio: number) =>
    hasAnyPageSize || ratio === entries ||
    (ratio === entries * entries && granuleBytes === 4096);
  const larger = config.pageSizesBytes.filter((sizeBytes) =>
    sizeBytes > granuleBytes && isLeaf(sizeBytes / granuleBytes)
  );
  const pageSizesBytes = [granuleBytes, ...larger.sort((a, b) => a - b)];
  return makeTable({ granuleBytes, pageSizesBytes, addressBits, charge, requests });
}
