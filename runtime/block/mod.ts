/** What other members use of `runtime/block`. */
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
export { bioGap, type BlockRules, blockRules } from "./block_rules.ts";
export { DeadlineScheduler } from "./deadline_scheduler.ts";
export { attributesOf, BlkDma, BlkDmaIter } from "./dma_iterator.ts";
export { gapMeets, lowerGap, pairGap } from "./gap_bit.ts";
export { integritySegments, type MergeRefusal, type NoMerges, RequestMerger } from "./merge.ts";
export { Plug, type PlugTarget } from "./plug.ts";
export {
  deriveLimits,
  type LimitReason,
  type LimitsInput,
  type QueueLimits,
} from "./queue_limits.ts";
export { BlockRequest, type RequestOwner } from "./request.ts";
export { SegmentIterator } from "./segment_iterator.ts";
export { BioSplitter } from "./split.ts";
export { TagMap } from "./tag_map.ts";
export { type CopyReason, meetsOffBoundary, whyCopied } from "./user_memory.ts";
