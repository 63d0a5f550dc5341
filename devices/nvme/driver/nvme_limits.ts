/**
 * The limits that an NVMe driver sets for its queues.
 *
 * @see rules/nvme.md 1.1
 */
import {
  type Bytes,
  deriveLimits,
  KernelError,
  type LimitReason,
  type LimitsInput,
  type Machine,
  PAGE_SIZE_BYTES,
  type QueueLimits,
  SECTOR_SIZE_BYTES,
  softCapSectors,
} from "@dmalab/runtime";
import { type DmaDevice, mappingSizeInputs, SCATTER_TABLE_ENTRIES } from "@dmalab/runtime/dma";
import { CTRL_PAGE_BYTES, MAX_SEGMENTS, MAX_TRANSFER_BYTES } from "./protocol.ts";

/** The facts from Identify Controller that mapping needs. */
export interface ControllerFacts {
  /** The controller's largest transfer; 0 for no limit. */
  readonly mdtsBytes: Bytes;
  /** SGLs for data. */
  readonly sgl: boolean;
  readonly metadataSgl: boolean;
  readonly discard: boolean;
  readonly writeZeroes: boolean;
  readonly volatileWriteCache: boolean;
}

/** The facts from Identify Namespace that mapping needs. */
export interface NamespaceFacts {
  readonly nsid: number;
  readonly blockCount: number;
  readonly blockSizeBytes: Bytes;
  /** Size of a block's separate metadata; 0 for none. */
  readonly metadataBytes: Bytes;
  /** Preferred boundary in blocks (NOIOB); 0 for none. */
  readonly boundaryBlocks: number;
}

/** Largest number of ranges in a discard command. */
const MAX_DISCARD_RANGES = 256;
/**
 * Largest number of data block descriptors for metadata in a small list, besides the segment
 * descriptor.
 */
const MAX_METADATA_SEGMENTS = 15;
const ALL_ONES_32 = 2 ** 32 - 1;

/** The largest transfer in bytes, and the limit that determines it. */
function hardwareLimit(
  machine: Machine,
  dev: DmaDevice,
  mdtsBytes: Bytes,
): LimitReason {
  const { transfer_4_mib: isShort, transfers_not_cut_to_iova_caches: isWhole } = machine.kernel;
  const mappingBytes = isWhole
    ? machine.dma.dmaMaxMappingSize(dev)
    : machine.dma.dmaOptMappingSize(dev);
  const driverBytes = isShort ? MAX_TRANSFER_BYTES / 2 : MAX_TRANSFER_BYTES;
  let bytes = Math.min(driverBytes, mappingBytes);
  if (mdtsBytes !== 0) bytes = Math.min(bytes, mdtsBytes);
  const setBy = bytes === mdtsBytes
    ? "controller"
    : bytes === mappingBytes
    ? "dma_mapping"
    : "driver";
  return {
    limit: "maxHwSectors",
    value: Math.floor(bytes / SECTOR_SIZE_BYTES),
    rule: "nvme.1.1",
    inputs: {
      set_by: setBy,
      driver_bytes: driverBytes,
      optimal_mapping_bytes: mappingBytes,
      mdts_bytes: mdtsBytes,
      ...mappingSizeInputs(machine, dev),
    },
  };
}

/**
 * The largest number of data segments of a request. It is the number of SGL descriptors that fit
 * into a page, or the number of entries of a scatterlist's table.
 */
function listEntriesOf({ kernel }: Machine): number {
  if (!kernel.nvme_scatterlists) return MAX_SEGMENTS;
  return kernel.scatter_table_127 ? SCATTER_TABLE_ENTRIES - 1 : SCATTER_TABLE_ENTRIES;
}

/**
 * Limits that all queues of a driver have in common. The number of segments is also limited by the
 * number of pages of the largest request.
 */
function driverLimits(machine: Machine, maxHwSectors: number) {
  const pages = maxHwSectors / (PAGE_SIZE_BYTES / SECTOR_SIZE_BYTES);
  return {
    maxHwSectors,
    maxSegments: Math.floor(Math.min(listEntriesOf(machine), pages + 1)),
    maxSegmentSizeBytes: ALL_ONES_32,
    segBoundaryMask: ALL_ONES_32,
    dmaAlignmentMask: 3,
  };
}

/** A limit that the driver sets to the same value for every controller. */
function byDriver(limit: LimitReason["limit"], value: number): LimitReason {
  return { limit, value, rule: "nvme.1.1", inputs: { set_by: "driver" } };
}

function derive(input: LimitsInput, { kernel }: Machine, name: string): QueueLimits {
  const limits = deriveLimits(
    { ...input, joinsInsideBio: !kernel.vectors_stay_apart },
    softCapSectors(kernel),
  );
  if (typeof limits === "number") {
    throw new KernelError("EINVAL", `Cannot use the limits that ${name} reports`);
  }
  return limits;
}

/**
 * Limits of the admin queue, which never takes SGLs.
 * @param mdtsBytes The controller's largest transfer; 0 if the controller has no limit, or if its
 *   limit is not known yet.
 */
export function adminLimits(machine: Machine, dev: DmaDevice, mdtsBytes: Bytes): QueueLimits {
  const hardware = hardwareLimit(machine, dev, mdtsBytes);
  return derive(
    {
      ...driverLimits(machine, hardware.value),
      virtBoundaryMask: CTRL_PAGE_BYTES - 1,
      maxIntegritySegments: 1,
      reasons: [hardware],
    },
    machine,
    dev.name,
  );
}

/**
 * Limits of a namespace's I/O queues.
 * @param maxUserSectors The user's soft limit (`max_sectors_kb`), in sectors; 0 for none.
 */
export function ioLimits(
  machine: Machine,
  dev: DmaDevice,
  facts: ControllerFacts,
  namespace: NamespaceFacts,
  maxUserSectors = 0,
): QueueLimits {
  const hardware = hardwareLimit(machine, dev, facts.mdtsBytes);
  const common = driverLimits(machine, hardware.value);
  const { maxHwSectors, maxSegments } = common;
  const listEntries = listEntriesOf(machine);
  const meetsOnPages = !facts.sgl || machine.kernel.virt_boundary_with_sgl;
  const virtBoundaryMask = meetsOnPages ? CTRL_PAGE_BYTES - 1 : 0;
  const maxIntegritySegments = machine.kernel.integrity_segments_by_format
    ? Math.min(namespace.metadataBytes, 1)
    : facts.metadataSgl
    ? MAX_METADATA_SEGMENTS
    : 1;
  const block = namespace.blockSizeBytes;
  const chunkSectors = (namespace.boundaryBlocks * block) / SECTOR_SIZE_BYTES;
  const reasons: LimitReason[] = [
    hardware,
    {
      limit: "maxSegments",
      value: maxSegments,
      rule: "nvme.1.1",
      inputs: {
        set_by: maxSegments === listEntries ? "driver" : "max_transfer",
        list_entries: listEntries,
        hardware_sectors: maxHwSectors,
      },
    },
    {
      limit: "virtBoundaryMask",
      value: virtBoundaryMask,
      rule: "nvme.1.1",
      inputs: { set_by: "driver", controller_sgl: facts.sgl, kernel: machine.config.kernel },
    },
    byDriver("dmaAlignmentMask", 3),
    byDriver("maxSegmentSizeBytes", ALL_ONES_32),
    byDriver("segBoundaryMask", ALL_ONES_32),
    {
      limit: "maxIntegritySegments",
      value: maxIntegritySegments,
      rule: "nvme.1",
      inputs: { set_by: "driver", controller_metadata_sgl: facts.metadataSgl },
    },
    {
      limit: "logicalBlockSizeBytes",
      value: block,
      rule: "nvme.5.2",
      inputs: { set_by: "controller", metadata_bytes: namespace.metadataBytes },
    },
  ];
  if (chunkSectors !== 0) {
    reasons.push({
      limit: "chunkSectors",
      value: chunkSectors,
      rule: "nvme.5.2",
      inputs: {
        set_by: "controller",
        boundary_blocks: namespace.boundaryBlocks,
        block_bytes: block,
      },
    });
  }
  return derive(
    {
      ...common,
      logicalBlockSizeBytes: block,
      maxUserSectors,
      virtBoundaryMask,
      chunkSectors,
      maxIntegritySegments,
      metadataBytes: namespace.metadataBytes,
      maxDiscardSegments: MAX_DISCARD_RANGES,
      maxDiscardSectors: facts.discard ? ALL_ONES_32 : 0,
      discardGranularityBytes: block,
      maxWriteZeroesSectors: facts.writeZeroes ? maxHwSectors : 0,
      p2pdma: dev.ownOps ? 0 : 1,
      reasons,
    },
    machine,
    dev.name,
  );
}
