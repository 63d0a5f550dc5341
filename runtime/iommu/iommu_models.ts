/** The kinds of IOMMU that a machine can have: each is one record here. */
import type { Bytes } from "../address.ts";
import { ArmPageTable } from "./arm_page_table.ts";
import { GenericPageTable } from "./generic_page_table.ts";
import type { HostCharge, PageTable } from "./page_table.ts";

interface TableOptions extends Omit<PageTableConfig, "model"> {
  readonly charge: HostCharge;
}

/** Whose page-table format, invalidations and habits an IOMMU has. */
export interface IommuModelSpec {
  readonly doc: string;
  /** The granules that its page tables can have. @see behaviour/dma.md 5.1 */
  readonly granulesBytes: readonly Bytes[];
  /** A leaf can have any size; else blocks lie one or two levels up, and there are none above. */
  readonly hasAnyPageSize: boolean;
  makeTable(options: TableOptions): PageTable;
  /** A flush names a range as it is, or the smallest aligned block that holds it. */
  readonly flushes: "range" | "aligned_block";
  /**
   * It has a caching mode, in which the IOTLB caches not-present entries: maps need a flush too, and
   * no flush is deferred. @see behaviour/dma.md 1.3
   */
  readonly hasCachingMode: boolean;
  /** Writes to the interrupt window of a PC are interrupts, whatever the tables say. */
  readonly hasInterruptWindow: boolean;
  /** What its interconnect keeps for itself, end exclusive. @see behaviour/dma.md 4.6 */
  readonly reserved: readonly { readonly start: number; readonly end: number }[];
  /** Its kernels are built for devices that do not see the CPU's caches. */
  readonly alignsToCacheLines: boolean;
}

/** What is common to those of a PC. */
const PC = {
  granulesBytes: [4096],
  hasAnyPageSize: false,
  makeTable: (options: TableOptions) => new GenericPageTable({ ...options, growsOnDemand: false }),
  flushes: "aligned_block",
  hasCachingMode: true,
  hasInterruptWindow: true,
  reserved: [],
  alignsToCacheLines: false,
} as const;

const MODELS = {
  vtd: { ...PC, doc: "Intel VT-d." },
  amd: {
    ...PC,
    doc: "AMD-Vi.",
    hasAnyPageSize: true,
    makeTable: (options) => new GenericPageTable({ ...options, growsOnDemand: true }),
    flushes: "range",
    reserved: [{ start: 0xfd_0000_0000, end: 0x100_0000_0000 }],
  },
  arm: {
    doc: "Arm SMMU.",
    granulesBytes: [4096, 16384, 65536],
    hasAnyPageSize: false,
    makeTable: (options) => new ArmPageTable(options),
    flushes: "range",
    hasCachingMode: false,
    hasInterruptWindow: false,
    reserved: [],
    alignsToCacheLines: true,
  },
  x86: { ...PC, doc: "The x86 page-table format shared with the CPU." },
} satisfies Readonly<Record<string, IommuModelSpec>>;

export type IommuModel = keyof typeof MODELS;

export const IOMMU_MODELS: Readonly<Record<IommuModel, IommuModelSpec>> = MODELS;

/** What an IOMMU's page tables are made by. */
export interface PageTableConfig {
  readonly model: IommuModel;
  readonly granuleBytes: Bytes;
  readonly pageSizesBytes: readonly Bytes[];
  readonly addressBits: number;
}

export const IOMMU_MODEL_NAMES = Object.keys(IOMMU_MODELS) as readonly IommuModel[];

/**
 * Makes an empty table, as an IOMMU's model and settings ask for it.
 *
 * @param charge Called with the host memory of each table page.
 * @throws {RangeError} When the granule is not one that the model's format has.
 * @see behaviour/dma.md 5.1
 */
export function makePageTable(config: PageTableConfig, charge: HostCharge = () => {}): PageTable {
  const { model, granuleBytes, addressBits } = config;
  const { granulesBytes, hasAnyPageSize, makeTable } = IOMMU_MODELS[model];
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
  return makeTable({ granuleBytes, pageSizesBytes, addressBits, charge });
}
