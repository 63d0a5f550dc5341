/** The IOVA space of a domain as ranges: what is in use and why, what is free. */
import type { IommuDomain } from "@dmalab/runtime/iommu";
import { mappedRuns } from "./mapped_runs.ts";

export type RangeUse =
  /** The page table leads somewhere from it. */
  | "mapped"
  /** Handed out, with nothing linked in it. */
  | "taken"
  /** Freed, and kept in an rcache for the next one of its size. */
  | "cached"
  /** Freed in lazy mode: queued for a deferred flush. */
  | "waiting"
  /** Never handed out. */
  | "reserved";

/** One range that the allocator does not hand out at the moment. */
export interface AddressRange {
  readonly start: number;
  readonly sizeBytes: number;
  readonly use: RangeUse;
  /** The CPU whose cache or flush queue has it; -1 for a depot, null for the others. */
  readonly cpu: number | null;
  /** Its size when it was freed: the size class of an rcache, the length in a flush queue. */
  readonly givenBackBytes: number;
  /** How often it is in rcaches: more than once after a double free. */
  readonly cachedTimes: number;
}

/** A freed range, by its first frame. */
interface GivenBack {
  readonly use: "cached" | "waiting";
  readonly cpu: number;
  readonly bytes: number;
  times: number;
}

/** The ranges of a domain, the highest first: the order in which a search meets them. */
export function addressRanges(domain: IommuDomain): AddressRange[] {
  const { granuleBytes, iova, table } = domain;
  const back = givenBack(domain);
  const ranges: AddressRange[] = [];
  iova.ranges.forEach((lo, hi) => {
    const start = lo * granuleBytes;
    const sizeBytes = (hi - lo + 1) * granuleBytes;
    const end = start + sizeBytes;
    const gone = back.get(lo);
    const isReserved = domain.reserved.some((range) => range.start < end && range.end > start);
    const isMapped = gone === undefined && !isReserved &&
      (table.walk(start) || mappedRuns(domain, start, end - 1).length > 0);
    ranges.push({
      start,
      sizeBytes,
      use: gone?.use ?? (isReserved ? "reserved" : isMapped ? "mapped" : "taken"),
      cpu: gone?.cpu ?? null,
      givenBackBytes: gone?.bytes ?? 0,
      cachedTimes: gone?.use === "cached" ? gone.times : 0,
    });
  });
  return ranges.reverse();
}

function givenBack(domain: IommuDomain): ReadonlyMap<number, GivenBack> {
  const { granuleBytes, iova, flushQueue } = domain;
  const found = new Map<number, GivenBack>();
  flushQueue?.forEach((pfn, pfns, ring) => {
    found.set(pfn, { use: "waiting", cpu: ring, bytes: pfns * granuleBytes, times: 0 });
  });
  iova.cache.forEach((pfn, sizeClass, cpu) => {
    const known = found.get(pfn);
    if (known?.use === "cached") known.times++;
    else found.set(pfn, { use: "cached", cpu, bytes: 2 ** sizeClass * granuleBytes, times: 1 });
  });
  return found;
}

/** What is free below a limit, all of it and the longest piece. */
export interface FreeSpace {
  readonly bytes: number;
  readonly largestBytes: number;
  readonly pieces: number;
}

/** What no range covers below a frame, the cached ranges being covered. */
export function freeSpace(domain: IommuDomain, endPfn: number): FreeSpace {
  let free = 0;
  let largest = 0;
  let pieces = 0;
  let next = domain.iova.ranges.startPfn;
  const gapTo = (pfn: number): void => {
    const gap = Math.min(pfn, endPfn) - next;
    if (gap <= 0) return;
    free += gap;
    pieces++;
    if (gap > largest) largest = gap;
  };
  domain.iova.ranges.forEach((lo, hi) => {
    gapTo(lo);
    next = hi + 1;
  });
  gapTo(endPfn);
  const { granuleBytes } = domain;
  return { bytes: free * granuleBytes, largestBytes: largest * granuleBytes, pieces };
}
