/**
 * Separate DMA ranges that a device sees as one range, as behind an IOMMU that joins the entries of
 * a list. `dma_map_sg()` may join any entries; the Linux IOMMU code joins only ranges that fill
 * whole pages. The injection point `dma_map_sg.merge` makes such ranges.
 *
 * @see rules/dma.md 7.2 step 5
 */
import { invariant } from "../../errno.ts";
import { ADDRESS_LIMIT, alignUp, type Bytes, type DmaAddr, MIB } from "../../address.ts";

/** A merged range lies in a window of addresses that begins at a multiple of this. */
const STEP_BYTES: Bytes = MIB;
/** Without translation, windows lie directly below this address: machines have no RAM there. */
const BELOW = 2 ** 32;
/** Number of places that are tried for a window. */
const TRIES = 256;

/** A range that the device sees. */
interface SeenRange {
  readonly dma: DmaAddr;
  readonly sizeBytes: Bytes;
}

/** The limits of a device on the place and length of a merged range. */
export interface MergeLimits {
  readonly domain: object | null;
  readonly lastAddress: number;
  readonly maxSegmentSizeBytes: Bytes;
  readonly segmentBoundaryMask: number;
}

/** A range that the device sees, and the adjacent ranges it consists of, in order. */
export interface MergedRange extends SeenRange {
  /** Its parts. */
  readonly parts: readonly SeenRange[];
}

/** The merged ranges of one device. */
export class MergedRanges {
  readonly #ranges = new Set<MergedRange>();

  /** True while the device has no merged range. */
  get isEmpty(): boolean {
    return this.#ranges.size === 0;
  }

  /** Makes the device see `parts` as one range from `dma` on. */
  add(dma: DmaAddr, parts: readonly SeenRange[]): MergedRange {
    const range = { dma, parts, sizeBytes: parts.reduce((sum, part) => sum + part.sizeBytes, 0) };
    invariant(parts.length > 1, "a merged range has several parts");
    invariant(!this.touches(dma, range.sizeBytes), "merged ranges of a device lie apart");
    this.#ranges.add(range);
    return range;
  }

  /** Removes a merged range: the device sees its parts only at their own addresses. */
  remove(range: MergedRange): void {
    invariant(this.#ranges.delete(range), "a merged range is removed once");
  }

  /**
   * The parts of a merged range that contain the given bytes, in order; null if the bytes are in no
   * merged range. If the bytes extend past the range's end, the last part is a range where nothing
   * is mapped.
   */
  partsOf(dma: number, sizeBytes: Bytes): readonly SeenRange[] | null {
    for (const range of this.#ranges) {
      if (dma >= range.dma && dma < range.dma + range.sizeBytes) {
        return partsWithin(range, dma - range.dma, sizeBytes);
      }
    }
    return null;
  }

  /**
   * Converts an address in a merged range to the address of the same byte in its part; returns any
   * other address unchanged.
   */
  addressInPart(dma: number): number {
    return this.partsOf(dma, 1)?.[0]?.dma ?? dma;
  }

  /** Whether any byte of a range is seen through a merged one. */
  touches(dma: number, sizeBytes: Bytes): boolean {
    for (const range of this.#ranges) {
      if (dma < range.dma + range.sizeBytes && range.dma < dma + sizeBytes) return true;
    }
    return false;
  }
}

function partsWithin(range: MergedRange, offset: Bytes, sizeBytes: Bytes): SeenRange[] {
  const found: SeenRange[] = [];
  let from = offset;
  let left = sizeBytes;
  for (const { dma, sizeBytes: partBytes } of range.parts) {
    if (left > 0 && from < partBytes) {
      const count = Math.min(left, partBytes - from);
      found.push({ dma: dma + from as DmaAddr, sizeBytes: count });
      left -= count;
      from = 0;
    } else {
      from = Math.max(0, from - partBytes);
    }
  }
  if (left > 0) found.push({ dma: range.dma + range.sizeBytes as DmaAddr, sizeBytes: left });
  return found;
}

/**
 * Joins the outputs of a list. A joined run is at most as long as the device's longest segment.
 *
 * @param outputs The outputs of the map call, in order.
 * @returns Groups of outputs; null if no two outputs can be joined.
 */
export function joinedOutputs(
  dev: MergeLimits,
  outputs: readonly SeenRange[],
): readonly (readonly SeenRange[])[] | null {
  const groups: SeenRange[][] = [];
  let bytes = 0;
  for (const output of outputs) {
    const last = groups.at(-1);
    if (last !== undefined && bytes + output.sizeBytes <= dev.maxSegmentSizeBytes) {
      last.push(output);
      bytes += output.sizeBytes;
    } else {
      groups.push([output]);
      bytes = output.sizeBytes;
    }
  }
  return groups.length === outputs.length ? null : groups;
}

/**
 * Finds a place for a merged range: addresses that the device can reach and at which it sees
 * nothing else.
 *
 * @param first The first part: the range begins at the same offset in a page.
 * @param isFree Whether nothing else is at these addresses.
 * @returns Null if there is no room below the device's mask, or if the device's segment boundary is
 *   too small.
 */
export function placeOfMerged(
  dev: MergeLimits,
  first: SeenRange,
  sizeBytes: Bytes,
  pageBytes: Bytes,
  isFree: (dma: number, sizeBytes: Bytes) => boolean,
): DmaAddr | null {
  const offset = first.dma % pageBytes;
  const roomBytes = alignUp(offset + sizeBytes, STEP_BYTES);
  // The merged range is placed away from other addresses. IOVAs are allocated top-down, so with an
  // IOMMU the search for a place starts at the bottom. RAM starts at the bottom, so without an
  // IOMMU the search starts at the top.
  const fromBelow = dev.domain !== null;
  const end = Math.min(dev.lastAddress + 1, ADDRESS_LIMIT, BELOW);
  for (let at = 1; at <= TRIES; at++) {
    const base = fromBelow ? at * STEP_BYTES : end - at * STEP_BYTES - roomBytes;
    if (base < STEP_BYTES || base + roomBytes > end) return null;
    if (
      !crosses(base + offset, sizeBytes, dev.segmentBoundaryMask + 1) && isFree(base, roomBytes)
    ) {
      return base + offset as DmaAddr;
    }
  }
  return null;
}

function crosses(dma: number, sizeBytes: Bytes, boundaryBytes: number): boolean {
  return Math.floor(dma / boundaryBytes) !== Math.floor((dma + sizeBytes - 1) / boundaryBytes);
}
