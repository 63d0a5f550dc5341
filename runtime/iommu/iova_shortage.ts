/**
 * Explains why a search for an IOVA range failed: measures the free space up to the limit, and its
 * longest run.
 *
 * The search itself only finds that nothing fits. `shortageOf` visits all ranges once more, and is
 * called only when a failure has a listener.
 *
 * @see rules/dma.md 4.4
 */
import { roundUpPowerOfTwo } from "../address.ts";
import type { EventFields } from "../event_vocabulary.ts";
import type { IovaRanges } from "./iova_ranges.ts";

export type IovaShortageCause = EventFields<"iova.alloc_failed">["cause"];

export interface IovaShortage {
  readonly cause: IovaShortageCause;
  /** Number of free frames, up to the limit. */
  readonly freePfns: number;
  /** Length of the longest run of free frames. */
  readonly longestPfns: number;
}

/**
 * Measures the free frames after a failed search.
 *
 * @param pfns Number of frames that were searched for. Their range must begin at a multiple of this
 *   number rounded up to a power of two.
 * @param limitPfn Last usable frame.
 */
export function shortageOf(ranges: IovaRanges, pfns: number, limitPfn: number): IovaShortage {
  const alignment = roundUpPowerOfTwo(pfns);
  let freePfns = 0;
  let longestPfns = 0;
  let fits = false;
  let from = ranges.startPfn;
  const free = (to: number): void => {
    const length = Math.min(to, limitPfn) - from + 1;
    if (length <= 0) return;
    freePfns += length;
    longestPfns = Math.max(longestPfns, length);
    fits ||= Math.ceil(from / alignment) * alignment + pfns <= from + length;
  };
  ranges.forEach((lo, hi) => {
    free(lo - 1);
    from = Math.max(from, hi + 1);
  });
  free(limitPfn);
  return { cause: causeOf(), freePfns, longestPfns };

  function causeOf(): IovaShortageCause {
    if (pfns > limitPfn - ranges.startPfn + 1) return "beyond_limit";
    if (fits) return "max32_skipped";
    if (longestPfns >= pfns) return "alignment";
    if (freePfns >= pfns) return "fragmented";
    return "full";
  }
}
