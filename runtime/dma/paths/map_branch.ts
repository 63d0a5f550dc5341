/**
 * The branch that a map takes, as a value: the action, and the reason as a row of a table in
 * rules/dma.md.
 *
 * The mapping code executes the branch, and passes it to the code that emits the event.
 *
 * @see rules/dma.md 1.6, 2.1
 */
import { type Bytes, DMA_MAPPING_ERROR, type DmaAddr, lastAddressOfBits } from "../../address.ts";
import type { MappingPath } from "../../vocabulary/shared_words.ts";
import { DMA_ATTR } from "../attributes.ts";
import type { DmaDevice } from "../device/device.ts";

const { MMIO, REQUIRE_COHERENT } = DMA_ATTR;
const ERROR = DMA_MAPPING_ERROR;

export type MapOutcome =
  /** The buffer's address on the device's bus. */
  | "direct"
  /** MMIO: its physical address, or its address on the device's bus. */
  | "mmio"
  /** A copy in the pool. */
  | "bounce"
  /** An IOVA range. */
  | "translate"
  /** The map fails without a warning. */
  | "refuse"
  /** The map fails, and the kernel warns. */
  | "overflow";

export interface MapBranch {
  /** The path by which the mapping reaches memory. */
  readonly path: MappingPath;
  readonly name: string;
  readonly outcome: MapOutcome;
  /** Chapter and row of `docs/rules/`. */
  readonly rule: string;
  /** The condition of the branch and its result, as a sentence. */
  readonly doc: string;
}

function branch(
  name: string,
  outcome: MapOutcome,
  rule: string,
  doc: string,
  path: MappingPath = outcome === "bounce"
    ? "swiotlb"
    : outcome === "translate"
    ? "iommu"
    : "direct",
): MapBranch {
  return { name, outcome, rule, doc, path };
}

const BRANCH = {
  NEEDS_COHERENT: branch(
    "needs_coherent",
    "refuse",
    "dma.1.4.3",
    "Coherent memory is required for a device that is not coherent: mapping fails.",
  ),
  FORCED_BOUNCE_FORBIDDEN: branch(
    "forced_bounce_forbidden",
    "refuse",
    "dma.2.1.1",
    "Bouncing is forced, and MMIO or required coherence forbids it: mapping fails.",
  ),
  FORCED_BOUNCE: branch("forced_bounce", "bounce", "dma.2.1.2", "Bouncing is forced: bounced."),
  SHARED_WITHOUT_ENCRYPTION: branch(
    "shared_without_encryption",
    "refuse",
    "dma.2.1.3",
    "DMA_ATTR_CC_SHARED where bouncing is not forced: mapping fails.",
  ),
  MMIO_REACHED: branch(
    "mmio_reached",
    "mmio",
    "dma.2.1.4",
    "MMIO in reach of the device: its own address.",
  ),
  MMIO_UNREACHABLE: branch(
    "mmio_unreachable",
    "overflow",
    "dma.2.1.5",
    "MMIO out of reach of the device, never bounced: mapping fails with a warning.",
  ),
  SHARED_REACHED: branch(
    "shared_reached",
    "direct",
    "dma.2.1.6",
    "Shared memory in reach of the device: its unencrypted address.",
  ),
  SHARED_UNREACHABLE: branch(
    "shared_unreachable",
    "overflow",
    "dma.2.1.6",
    "Shared memory out of reach of the device: mapping fails with a warning.",
  ),
  MEMORY_REACHED: branch(
    "memory_reached",
    "direct",
    "dma.2.1.7",
    "Memory in reach of the device: its address on the device's bus.",
  ),
  BOUNCE_UNREACHABLE: branch(
    "bounce_unreachable",
    "bounce",
    "dma.2.1.8",
    "Memory out of reach of the device: bounced.",
  ),
  BOUNCE_CACHE_LINE: branch(
    "bounce_cache_line",
    "bounce",
    "dma.2.1.8",
    "A small buffer that shares a cache line with its neighbours: bounced.",
  ),
  MEMORY_UNREACHABLE: branch(
    "memory_unreachable",
    "overflow",
    "dma.2.1.9",
    "Memory that would have to bounce, without a pool or where bouncing is forbidden: mapping fails with a warning.",
  ),
  SHARED_ON_IOMMU: branch(
    "shared_on_iommu",
    "refuse",
    "dma.1.4.5",
    "DMA_ATTR_CC_SHARED on a device behind an IOMMU, or with its own dma_map_ops: mapping fails.",
  ),
  OWN_OPS: branch(
    "own_ops",
    "direct",
    "dma.1.4.7",
    "The device has its own dma_map_ops, which return the address.",
  ),
  OWN_OPS_UNREACHABLE: branch(
    "own_ops_unreachable",
    "refuse",
    "dma.1.4.7",
    "The device has its own dma_map_ops, whose table cannot reach the memory: mapping fails.",
  ),
  TRANSLATED: branch(
    "translated",
    "translate",
    "dma.1.6",
    "Translated by an IOMMU: an IOVA range is allocated.",
  ),
  TRANSLATED_BOUNCE: branch(
    "translated_bounce",
    "bounce",
    "dma.1.6.1",
    "Translated, and the buffer shares a granule with other memory: bounced, then mapped.",
  ),
  TRANSLATED_BOUNCE_FORBIDDEN: branch(
    "translated_bounce_forbidden",
    "refuse",
    "dma.1.6.1",
    "The same, but required coherence forbids it, or in 7.2.6 MMIO: mapping fails.",
  ),
} as const;

/** The branches of links, and of a list's entries with peer memory. */
export const PART_BRANCH = {
  PEER_BUS: branch("peer_bus", "direct", "dma.1.1", "A peer's memory: its bus address.", "bus"),
  LINKED: branch("linked", "translate", "dma.3.3.6", "Linked into an IOVA range."),
  LINKED_BOUNCE: branch(
    "linked_bounce",
    "bounce",
    "dma.3.4",
    "Linked, and the buffer shares a granule with other memory: that part is bounced.",
  ),
} as const;

/** The branches of a call that maps one buffer, by name in capitals. */
export const MAP_BRANCH = BRANCH;

/** Possible failures on a branch that otherwise succeeds. */
export const MAP_FAILURE = {
  PAGE_WITH_MMIO: branch(
    "page_with_mmio",
    "refuse",
    "dma.1.4",
    "A page is mapped with DMA_ATTR_MMIO: mapping fails.",
  ),
  PAGE_OF_A_DEVICE: branch(
    "page_of_a_device",
    "refuse",
    "dma.1.4",
    "A page of a device's memory is mapped on a kernel with debugging: mapping fails.",
  ),
  VMALLOC: branch(
    "vmalloc_memory",
    "refuse",
    "dma.1.4",
    "Memory that is contiguous only for the CPU (vmalloc) is mapped as one buffer: mapping fails.",
  ),
  POOL_FULL: branch("no_bounce_buffer", "refuse", "dma.6.2", "No slots fit: mapping fails."),
  POOL_UNREACHABLE: branch(
    "bounce_buffer_unreachable",
    "overflow",
    "dma.2.1",
    "The bounce buffer is out of the device's reach too: mapping fails with a warning.",
  ),
  PEER_NOT_BOUNCED: branch(
    "peer_memory_not_bounced",
    "overflow",
    "dma.7.3",
    "Peer memory that would have to bounce, in 6.12: mapping fails with a warning.",
  ),
  PEER_UNREACHABLE: branch(
    "peer_memory_unreachable",
    "refuse",
    "dma.1.8",
    "A list has peer memory that the device cannot reach: mapping fails.",
  ),
  LIST_TOO_LONG: branch(
    "list_too_long",
    "refuse",
    "dma.7.2",
    "The length of a padded list entry exceeds 32 bits: mapping fails, since 7.3.4.",
  ),
  MIN_ALIGN: branch(
    "min_align_beyond_granule",
    "refuse",
    "dma.1.6.3",
    "The device requires more preserved address bits (min_align_mask) than a granule has: " +
      "mapping fails with a warning.",
  ),
  NO_IOVA: branch(
    "no_iova",
    "refuse",
    "dma.1.6.4",
    "No IOVA range was available: mapping fails.",
  ),
  PAGE_TABLE: branch(
    "page_table_refuses",
    "refuse",
    "dma.1.6.5",
    "The page table cannot be written: mapping fails.",
  ),
} as const;

/** Attributes that forbid touching the data, so that nothing is bounced or maintained. */
export const UNTOUCHABLE = MMIO | REQUIRE_COHERENT;

/** The bus address of a byte of memory, for a device without translation. @see rules/dma.md 1.1 */
export function directAddress(dev: DmaDevice, phys: number): DmaAddr {
  return dev.rangeMap === null ? phys as DmaAddr : dev.rangeMap.dmaOf(phys);
}

/** The limit that makes a buffer unreachable for a device. */
export type ReachLimit = "mask" | "bus_limit" | "bus_ranges";

/**
 * A buffer that a device cannot reach: its memory, the address that the device would use, and the
 * limit that makes the buffer unreachable.
 */
export interface OutOfReach {
  readonly phys: number;
  readonly dma: number;
  readonly limit: ReachLimit;
}

/**
 * The limit that makes a buffer unreachable for a device.
 * @param dma The buffer's address for the device; the error value if the buffer lies in no range of
 *   the bus.
 */
export function reachLimit(dev: DmaDevice, dma: number): ReachLimit {
  if (dma === ERROR) return "bus_ranges";
  return dev.lastAddress < lastAddressOfBits(dev.maskBits) ? "bus_limit" : "mask";
}

/** True when the device can address all of a buffer. @see rules/dma.md ch. 2 (`reach`) */
export function reaches(dev: DmaDevice, dma: number, sizeBytes: Bytes): boolean {
  return dma !== ERROR && dma + sizeBytes - 1 <= dev.lastAddress;
}
