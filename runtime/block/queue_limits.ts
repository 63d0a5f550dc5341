/**
 * Queue limits: the limits of a device, and their origin.
 *
 * A driver sets the limits that it knows. `deriveLimits` computes the others, and refuses limits
 * that make no sense.
 *
 * @see rules/block.md 1.1
 */
import { type Bytes, KIB, MIB, PAGE_SIZE_BYTES, SECTOR_SIZE_BYTES } from "../address.ts";
import { alignDown, isPowerOfTwo } from "../address.ts";
import { ERRNO } from "../errno.ts";
import type { FieldValue } from "../event_vocabulary.ts";
import type { Kernel } from "../kernels/kernels.ts";
import type { SegmentLimits } from "./segment_iterator.ts";

/**
 * The origin of a limit: the rule that decided, and the rule's inputs. The input `set_by` names
 * what set the value: `controller`, `driver`, `dma_mapping`, `block_layer`, `user`, or the name of
 * another limit.
 */
export interface LimitReason {
  readonly limit: keyof LimitValues;
  readonly value: number;
  /** Page and number in `docs/rules/`. */
  readonly rule: string;
  readonly inputs: Readonly<Record<string, FieldValue>>;
}

/** The limits themselves. Sectors are 512 bytes whatever the logical block size is. */
interface LimitValues extends SegmentLimits {
  readonly logicalBlockSizeBytes: Bytes;
  readonly physicalBlockSizeBytes: Bytes;
  readonly ioMinBytes: Bytes;
  readonly ioOptBytes: Bytes;
  /** The hardware limit of one transfer, in sectors. */
  readonly maxHwSectors: number;
  /** The soft limit at which reads and writes are cut, in sectors. */
  readonly maxSectors: number;
  readonly maxSegments: number;
  readonly maxIntegritySegments: number;
  /** Metadata of a logical block, kept apart from the data; 0 is none. */
  readonly metadataBytes: Bytes;
  readonly maxDiscardSegments: number;
  readonly maxDiscardSectors: number;
  readonly discardGranularityBytes: Bytes;
  readonly maxWriteZeroesSectors: number;
  readonly virtBoundaryMask: number;
  /** Mask of address bits that must be 0 in a vector's offset and length. */
  readonly dmaAlignmentMask: number;
  /** A transfer may not cross a multiple of this; 0 means no such boundary. */
  readonly chunkSectors: number;
  /** A lone vector with offset plus length up to this size needs no splitting check. */
  readonly maxFastSegmentSizeBytes: Bytes;
  /** 1 if peer memory may be mapped for this queue, else 0. */
  readonly p2pdma: number;
}

export interface QueueLimits extends LimitValues {
  /** One entry for each limit that was chosen, in the order in which they were settled. */
  readonly why: readonly LimitReason[];
}

/** A driver's limits; 0 or absent means the default. */
export interface LimitsInput extends Partial<Omit<LimitValues, "maxSectors">> {
  /** A limit of the medium's own protocol, in sectors. */
  readonly maxDevSectors?: number;
  /** The user's soft limit (`max_sectors_kb`), in sectors. */
  readonly maxUserSectors?: number;
  /** Reasons the driver gives for the values it states. */
  readonly reasons?: readonly LimitReason[];
}

/** The smallest transfer a queue must take: one page. */
const MIN_SECTORS = PAGE_SIZE_BYTES / SECTOR_SIZE_BYTES;
/** An optimal or minimal I/O size above this replaces the default soft limit. */
const OWN_SIZE_ABOVE_BYTES = 4 * MIB;
/** Larger logical blocks need support that the model does not have. */
const MAX_LOGICAL_BLOCK_BYTES = 64 * KIB;
/** @see rules/block.md 1.2 */
const MAX_METADATA_BYTES = 2 * MIB;
const ALL_ONES_32 = 2 ** 32 - 1;

/** The lower of two limits, where 0 means no limit. */
function minNotZero(a: number, b: number): number {
  if (a === 0) return b;
  return b === 0 ? a : Math.min(a, b);
}

/**
 * Derives the full set of limits.
 *
 * @param input The limits that the driver sets.
 * @param softCapSectors The release's default soft limit, in sectors.
 * @returns The limits, or -EINVAL; on -EINVAL the caller keeps its previous limits.
 * @see rules/block.md 1.1
 */
export function deriveLimits(input: LimitsInput, softCapSectors: number): QueueLimits | number {
  const why: LimitReason[] = [...(input.reasons ?? [])];
  const note = (
    limit: keyof LimitValues,
    value: number,
    rule: string,
    inputs: Readonly<Record<string, FieldValue>>,
  ): void => {
    why.push({ limit, value, rule, inputs });
  };

  const logical = input.logicalBlockSizeBytes || SECTOR_SIZE_BYTES;
  if (!isPowerOfTwo(logical) || logical < SECTOR_SIZE_BYTES || logical > MAX_LOGICAL_BLOCK_BYTES) {
    return -ERRNO.EINVAL;
  }
  const physical = Math.max(input.physicalBlockSizeBytes ?? logical, logical);
  if (!isPowerOfTwo(physical)) return -ERRNO.EINVAL;
  const ioMin = Math.max(input.ioMinBytes ?? physical, physical);
  const ioOpt = alignDown(input.ioOptBytes ?? 0, physical);

  const logicalSectors = logical / SECTOR_SIZE_BYTES;
  const hwAsked = input.maxHwSectors || 255;
  if (hwAsked < MIN_SECTORS || hwAsked < logicalSectors) return -ERRNO.EINVAL;
  const maxHwSectors = alignDown(hwAsked, logicalSectors);
  if (!input.maxHwSectors) {
    note("maxHwSectors", maxHwSectors, "block.1.1", { set_by: "block_layer" });
  }

  const bound = minNotZero(maxHwSectors, input.maxDevSectors ?? 0);
  const soft = softLimit(bound, input.maxUserSectors ?? 0, ioOpt, ioMin, softCapSectors);
  if (soft < 0) return soft;
  const softSectors = alignDown(soft, logicalSectors);
  note("maxSectors", softSectors, "block.1.1", {
    set_by: softSetter(soft, bound, input.maxUserSectors ?? 0, ioOpt, ioMin),
    hardware_sectors: maxHwSectors,
    device_sectors: input.maxDevSectors ?? 0,
    user_sectors: input.maxUserSectors ?? 0,
    io_opt_bytes: ioOpt,
    io_min_bytes: ioMin,
    default_sectors: softCapSectors,
  });

  const segBoundaryMask = input.segBoundaryMask || ALL_ONES_32;
  if (segBoundaryMask < PAGE_SIZE_BYTES - 1) return -ERRNO.EINVAL;

  const virtBoundaryMask = input.virtBoundaryMask ?? 0;
  const maxSegmentSizeBytes = input.maxSegmentSizeBytes ||
    (virtBoundaryMask === 0 ? 65536 : ALL_ONES_32);
  if (virtBoundaryMask === 0 && maxSegmentSizeBytes < PAGE_SIZE_BYTES) return -ERRNO.EINVAL;
  if (!input.maxSegmentSizeBytes) {
    note("maxSegmentSizeBytes", maxSegmentSizeBytes, "block.1.1", {
      set_by: "block_layer",
      virt_boundary_mask: virtBoundaryMask,
    });
  }

  const dmaAlignmentMask = input.dmaAlignmentMask || SECTOR_SIZE_BYTES - 1;
  if (dmaAlignmentMask > PAGE_SIZE_BYTES) return -ERRNO.EINVAL;

  const maxSegments = input.maxSegments || 128;
  if (!input.maxSegments) {
    note("maxSegments", maxSegments, "block.1.1", { set_by: "block_layer" });
  }

  const metadataBytes = input.metadataBytes ?? 0;
  const maxSectors = Math.min(
    softSectors,
    metadataLimitSectors(metadataBytes, logical, maxSegmentSizeBytes),
  );
  if (maxSectors < softSectors) {
    note("maxSectors", maxSectors, "block.1.2", {
      set_by: "metadata",
      metadata_bytes: metadataBytes,
    });
  }

  const maxDiscardSectors = input.maxDiscardSectors ?? 0;
  return {
    logicalBlockSizeBytes: logical,
    physicalBlockSizeBytes: physical,
    ioMinBytes: ioMin,
    ioOptBytes: ioOpt,
    maxHwSectors,
    maxSectors,
    maxSegments,
    maxIntegritySegments: input.maxIntegritySegments ?? 0,
    metadataBytes,
    maxDiscardSegments: input.maxDiscardSegments || 1,
    maxDiscardSectors,
    discardGranularityBytes: maxDiscardSectors === 0 ? 0 : input.discardGranularityBytes ?? 0,
    maxWriteZeroesSectors: input.maxWriteZeroesSectors ?? 0,
    segBoundaryMask,
    maxSegmentSizeBytes,
    virtBoundaryMask,
    dmaAlignmentMask,
    chunkSectors: input.chunkSectors ?? 0,
    joinsInsideBio: input.joinsInsideBio ?? true,
    maxFastSegmentSizeBytes: Math.min(PAGE_SIZE_BYTES, maxSegmentSizeBytes, segBoundaryMask + 1),
    p2pdma: input.p2pdma ?? 0,
    why,
  };
}

/**
 * Names what set the soft limit that `softLimit` returned. The name is the input `set_by` in the
 * reason of that limit.
 */
function softSetter(
  soft: number,
  bound: number,
  userSectors: number,
  ioOptBytes: Bytes,
  ioMinBytes: Bytes,
): string {
  if (soft === bound) return "max_transfer";
  if (userSectors !== 0) return "user";
  return Math.max(ioOptBytes, ioMinBytes) > OWN_SIZE_ABOVE_BYTES ? "controller" : "block_layer";
}

/** The limit for the metadata of one transfer: the metadata's buffer has 2 MiB at most. */
function metadataLimitSectors(
  metadataBytes: Bytes,
  logicalBlockBytes: Bytes,
  maxSegmentSizeBytes: Bytes,
): number {
  if (metadataBytes === 0) return Infinity;
  const blocks = Math.floor(MAX_METADATA_BYTES / metadataBytes);
  return Math.floor(Math.min(maxSegmentSizeBytes, blocks * logicalBlockBytes) / SECTOR_SIZE_BYTES);
}

/** The soft limit before rounding to the logical block, or -EINVAL when the user's limit is too small. */
function softLimit(
  bound: number,
  userSectors: number,
  ioOptBytes: Bytes,
  ioMinBytes: Bytes,
  softCapSectors: number,
): number {
  if (userSectors !== 0) {
    return userSectors < MIN_SECTORS ? -ERRNO.EINVAL : Math.min(bound, userSectors);
  }
  if (ioOptBytes > OWN_SIZE_ABOVE_BYTES) return Math.min(bound, ioOptBytes / SECTOR_SIZE_BYTES);
  if (ioMinBytes > OWN_SIZE_ABOVE_BYTES) return Math.min(bound, ioMinBytes / SECTOR_SIZE_BYTES);
  return Math.min(bound, softCapSectors);
}

/** The default soft limit of a request. @see rules/block.md 1.1 */
export function softCapSectors(kernel: Kernel): number {
  return kernel.soft_cap_1280_kib ? 2560 : 8192;
}
