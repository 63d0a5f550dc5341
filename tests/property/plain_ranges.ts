/**
 * The model of the property test: a plain list of ranges with what is mapped in each.
 *
 * No tree, no hash, no cache, no table: whether two ranges overlap and where an address leads is
 * found by looking at every one.
 */

/** Consecutive memory behind consecutive IOVAs, in whole granules. */
export interface Leaf {
  readonly iova: number;
  readonly phys: number;
  readonly sizeBytes: number;
}

/** Allocated IOVAs, end exclusive. */
export interface OwnedRange {
  readonly start: number;
  readonly end: number;
  leaves: Leaf[];
}

/** A range that was freed and waits for a flush: its leaves are gone, the hardware's are not. */
export interface ParkedRange extends OwnedRange {
  /** Flushes that had ended when it was freed: it is free when one more has. */
  readonly flushes: number;
}

export class PlainRanges {
  readonly live: OwnedRange[] = [];
  parked: ParkedRange[] = [];

  /** @param reserved Ranges that must never be allocated. */
  constructor(readonly reserved: readonly { readonly start: number; readonly end: number }[]) {}

  /**
   * Takes a range that was just allocated.
   * @returns What it overlaps, in words; null when it is free, as it must be.
   */
  take(range: OwnedRange): string | null {
    const overlaps = (other: { readonly start: number; readonly end: number }): boolean =>
      range.start < other.end && other.start < range.end;
    const clash = this.live.find(overlaps) ?? this.parked.find(overlaps) ??
      this.reserved.find(overlaps);
    if (clash !== undefined) {
      return `[${range.start}, ${range.end}) overlaps [${clash.start}, ${clash.end})`;
    }
    this.live.push(range);
    return null;
  }

  /** The owner frees a range, at once. */
  release(range: OwnedRange): void {
    const index = this.live.indexOf(range);
    const last = this.live.pop()!;
    if (last !== range) this.live[index] = last;
  }

  /** The owner frees a range, to be free after a flush. */
  park(range: OwnedRange, flushes: number): void {
    this.release(range);
    this.parked.push({ ...range, flushes });
  }

  /** So many flushes have ended by now: what they cover is free. */
  flushed(flushes: number): void {
    if (this.parked.some((range) => range.flushes < flushes)) {
      this.parked = this.parked.filter((range) => range.flushes >= flushes);
    }
  }

  /** Where the page table must lead; -1 for nowhere. */
  physOf(iova: number): number {
    return physIn(this.live, iova);
  }

  /** Where a stale IOTLB entry may still lead; -1 for nowhere. */
  stalePhysOf(iova: number): number {
    return physIn(this.parked, iova);
  }
}

function physIn(ranges: readonly OwnedRange[], iova: number): number {
  for (const { start, end, leaves } of ranges) {
    if (iova < start || iova >= end) continue;
    for (const leaf of leaves) {
      if (iova >= leaf.iova && iova < leaf.iova + leaf.sizeBytes) {
        return leaf.phys + (iova - leaf.iova);
      }
    }
  }
  return -1;
}
