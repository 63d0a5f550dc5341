/**
 * How releases differ in the block layer, as strategies chosen once when a queue is built.
 *
 * @see rules/block.md 1.1, 1.6, 2.3 and rules/defects.md
 */
import type { DmaDevice } from "../dma/device/device.ts";
import type { DmaDirection } from "../dma/attributes.ts";
import type { DmaIovaState } from "../dma/iova_state.ts";
import type { Bytes } from "../address.ts";
import { BLK_STS, type BlkStatus } from "../errno.ts";
import { type Bio, vecOffset, vecsSizeBytes } from "./bio.ts";
import { lowerGap, pairGap } from "./gap_bit.ts";
import type { Kernel, KernelStrategies } from "../kernels/kernels.ts";
import type { QuirkSet } from "../kernels/quirks.ts";
import type { BlockRequest } from "./request.ts";

/** Where the gap bit goes that the walk over a bio found. */
export interface GapRule {
  /** The bio fits whole. */
  whole(bio: Bio, walkedGap: number): void;
  /** The bio is cut; `walkedGap` counts the join with the vector that no longer fitted. */
  cut(front: Bio, rest: Bio, walkedGap: number): void;
  /**
   * Bios join a request.
   * @param gapBit Theirs.
   * @param joinGap That of the two vectors that meet, 0 if they touch.
   */
  joined(request: BlockRequest, gapBit: number, joinGap: number): void;
  /** The same is done for bios that have no vectors: a defect. */
  readonly looksAtDataless: boolean;
}

/** The mapping calls a failed range is freed with; `runtime/dma/calls/mapping.ts` has them. */
export interface RangeCalls {
  dmaIovaUnlink(
    dev: DmaDevice,
    state: DmaIovaState,
    offset: Bytes,
    sizeBytes: Bytes,
    dir: DmaDirection,
    attrs: number,
  ): void;
  dmaIovaDestroy(
    dev: DmaDevice,
    state: DmaIovaState,
    mappedBytes: Bytes,
    dir: DmaDirection,
    attrs: number,
  ): void;
  dmaIovaFree(dev: DmaDevice, state: DmaIovaState): void;
}

/** How a range of which only the first `mappedBytes` are linked is freed. */
export type PartialRangeRule = (
  calls: RangeCalls,
  dev: DmaDevice,
  state: DmaIovaState,
  mappedBytes: Bytes,
  dir: DmaDirection,
  attrs: number,
) => void;

/** What the release's record says, and what its defects make of the rest. */
export interface BlockRules extends Readonly<KernelStrategies["block"]> {
  readonly gap: GapRule;
  /** After a failing link or sync. */
  readonly releasePartialRange: PartialRangeRule;
  /** Whether metadata may become one range is decided by this gap bit. */
  readonly metadataGap: (request: BlockRequest) => number;
  /** How many bytes a range for metadata is reserved for. */
  readonly metadataRangeBytes: (request: BlockRequest) => Bytes;
  /** How long one range of metadata is said to be. */
  readonly metadataLengthBytes: (request: BlockRequest) => Bytes;
  /** A request by bus address clears the IOVA state that the tag's last request left. */
  readonly busAddressClearsState: boolean;
  /** So does a request whose segments are mapped one by one because of its gaps. */
  readonly gapClearsState: boolean;
  /** What a request ends with whose peer memory the device cannot reach. */
  readonly peerRefused: BlkStatus;
}

/** The gap bit of a bio's own joins. */
export function bioGap(bio: Bio): number {
  if (bio.vecs.length === 0) return 0;
  let gap = 0;
  let leftBytes = bio.sizeBytes;
  let doneBytes = bio.vecDoneBytes;
  let end = -1;
  for (let index = bio.vecIndex; leftBytes > 0; index++) {
    const vec = bio.vecs[index]!;
    const sizeBytes = Math.min(vec.sizeBytes - doneBytes, leftBytes);
    const offset = vecOffset(vec.phys) + doneBytes;
    if (end >= 0) gap = lowerGap(gap, pairGap(end, offset));
    end = offset + sizeBytes;
    leftBytes -= sizeBytes;
    doneBytes = 0;
  }
  return gap;
}

const NO_GAP_BIT: GapRule = {
  whole() {},
  cut() {},
  joined() {},
  looksAtDataless: false,
};

function keepLowest(request: BlockRequest, gapBit: number, joinGap: number): void {
  request.gapBit = lowerGap(lowerGap(request.gapBit, gapBit), joinGap);
}

/** The rules that keep the bit differ in where it goes when a bio is cut. */
function keepsGap(cut: GapRule["cut"]): GapRule {
  const whole = (bio: Bio, walkedGap: number) => {
    bio.gapBit = walkedGap;
  };
  return { whole, cut, joined: keepLowest, looksAtDataless: false };
}

const OWN_JOINS = keepsGap((front, rest) => {
  front.gapBit = bioGap(front);
  rest.gapBit = 0;
});

const NEXT_PIECE_COUNTS = keepsGap((front, rest, walkedGap) => {
  front.gapBit = walkedGap;
  rest.gapBit = 0;
});

const LOST_ON_SPLIT = keepsGap((front, rest, walkedGap) => {
  front.gapBit = 0;
  rest.gapBit = walkedGap;
});

/** What was linked is destroyed. How much of the range goes back is the destroy's own rule. */
const destroyLinkedPart: PartialRangeRule = (calls, dev, state, mappedBytes, dir, attrs) => {
  calls.dmaIovaDestroy(dev, state, mappedBytes, dir, attrs);
};

/** What was linked is unlinked, and the whole range goes back. */
const releaseWholeRange: PartialRangeRule = (calls, dev, state, mappedBytes, dir, attrs) => {
  if (mappedBytes > 0) calls.dmaIovaUnlink(dev, state, 0, mappedBytes, dir, attrs);
  calls.dmaIovaFree(dev, state);
};

/** What was linked stays so, and the range is not freed: the unmap of the request does that. */
const leaveRange: PartialRangeRule = () => {};

/** A destroy is enough where it frees what was reserved; elsewhere it is the defect. */
function partialRangeRule({ strategies: { dma }, quirks }: Kernel): PartialRangeRule {
  if (quirks.has("half_linked_on_error")) return leaveRange;
  const destroys = dma.destroyFrees === "reservation" ||
    quirks.has("partial_destroy_on_link_failure");
  return destroys ? destroyLinkedPart : releaseWholeRange;
}

function gapRule(keepsGapBit: boolean, quirks: QuirkSet): GapRule {
  if (!keepsGapBit) return NO_GAP_BIT;
  const rule = quirks.has("gap_bit_lost_on_split")
    ? LOST_ON_SPLIT
    : quirks.has("gap_of_next_piece_counts")
    ? NEXT_PIECE_COUNTS
    : OWN_JOINS;
  return quirks.has("gap_bits_without_data") ? { ...rule, looksAtDataless: true } : rule;
}

function formatBytes(request: BlockRequest): Bytes {
  return request.formatMetadataBytes;
}

function attachedBytes(request: BlockRequest): Bytes {
  let sizeBytes = 0;
  for (const bio of request.bios) sizeBytes += vecsSizeBytes(bio.metadata);
  return sizeBytes;
}

/** The gap bit of the metadata's own joins, after joining what touches. */
function ownMetadataGap(request: BlockRequest): number {
  let gap = 0;
  let end = -1;
  for (const { phys, sizeBytes } of request.metadataSegments()) {
    const offset = vecOffset(phys);
    if (end >= 0) gap = lowerGap(gap, pairGap(end, offset));
    end = offset + sizeBytes;
  }
  return gap;
}

function dataGap(request: BlockRequest): number {
  return request.gapBit;
}

/** The strategies of a release with these defects. */
export function blockRules(kernel: Kernel): BlockRules {
  const { strategies: { block }, quirks } = kernel;
  return {
    ...block,
    gap: gapRule(block.keepsGapBit, quirks),
    releasePartialRange: partialRangeRule(kernel),
    metadataGap: quirks.has("metadata_uses_data_gap") ? dataGap : ownMetadataGap,
    metadataRangeBytes: quirks.has("metadata_iova_from_format") ? formatBytes : attachedBytes,
    metadataLengthBytes: quirks.has("metadata_length_from_format") ? formatBytes : attachedBytes,
    busAddressClearsState: !quirks.has("stale_iova_state_p2p"),
    gapClearsState: !quirks.has("stale_iova_state_uncoalesced"),
    peerRefused: quirks.has("p2p_design_2021") ? BLK_STS.P2PDMA : BLK_STS.INVAL,
  };
}
