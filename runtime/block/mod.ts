/**
 * The block layer: limits of a queue, bios, splitting, requests, merging, and `blk_rq_dma_map_iter`.
 *
 * - State: a request owns its segments and its mapping; limits are derived once for each queue.
 * - Hot path: `BioSplitter.next`, and the DMA iterator, which is called for each segment.
 * - Tests: `split_test.ts`, `dma_iterator_test.ts`, and captured requests (`deno task conformance
 *   kernel`).
 *
 * Other workspace members use these exports:
 */
export {
  Bio,
  BIO_FLAG,
  type BioVec,
  type BlockOp,
  NO_VECS,
  opDirection,
  sliceVecs,
  vecOffset,
  vecsSizeBytes,
} from "./bio.ts";
export { DeadlineScheduler } from "./deadline_scheduler.ts";
export { attributesOf, BlkDma, BlkDmaIter } from "./dma_iterator.ts";
export { bioGap, gapMeets, JoinGaps, pairGap } from "./gap_bit.ts";
export {
  countedIntegritySegments,
  integritySegments,
  type MergeRefusal,
  type NoMerges,
  RequestMerger,
} from "./merge.ts";
export { Plug, type PlugTarget } from "./plug.ts";
export {
  deriveLimits,
  type LimitReason,
  type LimitsInput,
  type QueueLimits,
  softCapSectors,
} from "./queue_limits.ts";
export { BlockRequest, type RequestOwner } from "./request.ts";
export { SegmentIterator } from "./segment_iterator.ts";
export { BioSplitter } from "./split.ts";
export { TagMap } from "./tag_map.ts";
export { type CopyReason, meetsOffBoundary, whyCopied } from "./user_memory.ts";
