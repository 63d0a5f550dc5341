/** Changes without an effect in the block layer. */
import type { Equivalent } from "./entry.ts";

export const BLOCK: readonly Equivalent[] = [
  {
    path: "runtime/block/deadline_scheduler.ts",
    line: "const before = waiting.filter(({ sector }) => sector === endSector);",
    changes: ["sector === endSector → true"],
    reason: "they are asked last, and what the bio does not touch refuses it",
  },
  {
    path: "runtime/block/dma_iterator.ts",
    line: 'return kind === "thru_host_bridge" ? DMA_ATTR.MMIO : 0;',
    changes: ["0 → 0 + 1"],
    reason: "the lowest bit of the attributes means nothing",
  },
  {
    path: "runtime/block/merge.ts",
    line: "if (integrity !== 0 && integrity > limits.maxIntegritySegments) return false;",
    changes: ["0 → 0 + 1"],
    reason: "either both requests have integrity segments, which makes two at least, or none has",
  },
  {
    path: "runtime/block/plug.ts",
    line: "let end = start + 1;",
    changes: ["1 → 1 - 1"],
    reason: "the first of a run is of its own queue, and looked at once more",
  },
  {
    path: "runtime/block/queue_limits.ts",
    line: "const MAX_LOGICAL_BLOCK_BYTES = 64 * KIB;",
    changes: ["64 → 64 + 1"],
    reason: "a logical block is a power of two: none lies between the two",
  },
  {
    path: "runtime/block/queue_limits.ts",
    line: "set_by: softSetter(soft, bound, input.maxUserSectors ?? 0, ioOpt, ioMin),",
    changes: [
      "softSetter(soft, bound, input.maxUserSectors ?? 0, ioOpt, ioMin) → softSetter(bound, soft, input.maxUserSectors ?? 0, ioOpt, ioMin)",
    ],
    reason: "the two are only compared with each other",
  },
  {
    path: "runtime/block/queue_limits.ts",
    line: "const ioOpt = alignDown(input.ioOptBytes ?? 0, physical);",
    changes: ["0 → 0 + 1"],
    reason: "one byte is rounded down to none",
  },
  {
    path: "runtime/block/queue_limits.ts",
    line: "if (soft < 0) return soft;",
    changes: ["soft < 0 → soft <= 0", "0 → 0 + 1"],
    reason: "a limit is one sector at least",
  },
  {
    path: "runtime/block/queue_limits.ts",
    line: "set_by: softSetter(soft, bound, input.maxUserSectors ?? 0, ioOpt, ioMin),",
    changes: [
      "softSetter(soft, bound, input.maxUserSectors ?? 0, ioOpt, ioMin) → softSetter(soft, bound, input.maxUserSectors ?? 0, ioMin, ioOpt)",
    ],
    reason: "only the larger of the two counts",
  },
  {
    path: "runtime/block/segment_iterator.ts",
    line:
      "return this.#vecDoneBytes === (this.#vecIndex === this.#startIndex ? this.#startBytes : 0);",
    changes: [
      "this.#vecDoneBytes === (this.#vecIndex === this.#startIndex ? this.#startBytes : 0) → true",
    ],
    reason:
      "inside a vector a segment is as long as it may be, and what would be too long ends it next",
  },
  {
    path: "runtime/block/split.ts",
    line: "nrSegments = 0;",
    changes: ["0 → 0 + 1"],
    reason: "set by each bio before it is read",
  },
  {
    path: "runtime/block/split.ts",
    line: "#fittingBytes: Bytes = 0;",
    changes: ["0 → 0 + 1"],
    reason: "set by each walk before it is read",
  },
  {
    path: "runtime/block/split.ts",
    line: "#walkedGap = 0;",
    changes: ["0 → 0 + 1"],
    reason: "set by each bio before it is read",
  },
  {
    path: "runtime/block/split.ts",
    line: "let previousEnd = -1;",
    changes: ["1 → 1 + 1"],
    reason: "any number below 0 says that there was no vector before",
  },
  {
    path: "runtime/block/split.ts",
    line: "if (previousEnd >= 0) {",
    changes: ["previousEnd >= 0 → previousEnd > 0", "0 → 0 + 1"],
    reason: "no vector ends at 0: each has a byte at least",
  },
  {
    path: "runtime/block/split.ts",
    line: "gap = lowerGap(gap, pairGap(previousEnd, offset));",
    changes: [
      "lowerGap(gap, pairGap(previousEnd, offset)) → lowerGap(pairGap(previousEnd, offset), gap)",
      "pairGap(previousEnd, offset) → pairGap(offset, previousEnd)",
    ],
    reason: "the lower of two is the same from either side",
  },
  {
    path: "runtime/block/split.ts",
    line: "segments < limits.maxSegments && bytes + length <= maxBytes &&",
    changes: ["bytes + length <= maxBytes → bytes + length < maxBytes"],
    reason: "the general way counts the same, slower",
  },
  {
    path: "runtime/block/split.ts",
    line: "offset + length <= limits.maxFastSegmentSizeBytes",
    changes: [
      "offset + length <= limits.maxFastSegmentSizeBytes → offset + length < limits.maxFastSegmentSizeBytes",
    ],
    reason: "the general way counts the same, slower",
  },
  {
    path: "runtime/block/split.ts",
    line: "this.#rule = this.#stoppedBy(taken, room, segments);",
    changes: ["this.#stoppedBy(taken, room, segments) → this.#stoppedBy(room, taken, segments)"],
    reason: "the two are only compared with each other",
  },
  {
    path: "runtime/block/split.ts",
    line: "if (fitting > beyond) fitting -= beyond;",
    changes: ["fitting > beyond → fitting >= beyond"],
    reason: "it is whole granules and the other less than one: both are 0 where they are equal",
  },
  {
    path: "runtime/block/split.ts",
    line: "const place = next === undefined || before === undefined ? {} : {",
    changes: [
      "next === undefined || before === undefined → next === undefined && before === undefined",
    ],
    reason: "behind a cut there are both, or no vectors at all",
  },
];
