/**
 * The range that an invalidation command really covers. Some hardware accepts only aligned blocks,
 * some accepts exact ranges.
 *
 * @see rules/dma.md 5.2
 */
import { bitsOfLastAddress, type Bytes } from "../address.ts";
import type { IommuModelSpec } from "./iommu_models.ts";
import type { PageTable } from "./page_table.ts";

/**
 * One invalidation: the range to invalidate, and the range that the command really covers.
 *
 * One object is reused and passed as a whole. If an IOVA were passed to a function instead, each
 * call would allocate an object on the heap, because IOVAs do not fit in 31 bits.
 */
export class Invalidation {
  /** The range to invalidate, both ends included. */
  first = 0;
  last = 0;
  /** The range that the command covers. */
  hardwareFirst = 0;
  hardwareLast = 0;
  /** True if the command invalidates the whole domain. */
  whole = false;
}

/**
 * The largest block of one VT-d command has 2 to this power granules. The capability register
 * contains this exponent (VT-d specification 11.4.2, MAMV). 18 is the usual value; it means 1 GiB.
 */
const VTD_LARGEST_BLOCK_BITS = 18;
const HALF = 0.5;

/**
 * Computes the invalidation command for a range.
 *
 * The command covers the range itself, or the smallest aligned block that contains the range. If
 * the range or the block is too large for a command and `flushes` ends with `_or_domain`, the
 * command covers the whole domain.
 *
 * @param flushAllAbovePages For Arm: above this number of pages the whole domain is invalidated; 0
 *   means no limit.
 */
export function coverByHardware(
  flushes: IommuModelSpec["flushes"],
  flushAllAbovePages: number,
  table: PageTable,
  invalidation: Invalidation,
): void {
  const { first, last } = invalidation;
  invalidation.whole = false;
  if (flushes === "range" || flushes === "range_or_domain") {
    const tooMany = (last - first + 1) / table.granuleBytes > flushAllAbovePages;
    if (flushes === "range_or_domain" && flushAllAbovePages > 0 && tooMany) {
      coverDomain(table, invalidation);
      return;
    }
    invalidation.hardwareFirst = first;
    invalidation.hardwareLast = last;
    return;
  }
  let block = table.granuleBytes;
  let blockFirst = Math.floor(first / block);
  let blockLast = Math.floor(last / block);
  while (blockFirst !== blockLast) {
    block *= 2;
    blockFirst = Math.floor(blockFirst * HALF);
    blockLast = Math.floor(blockLast * HALF);
  }
  if (flushes === "block_or_domain" && block > table.granuleBytes * 2 ** VTD_LARGEST_BLOCK_BITS) {
    coverDomain(table, invalidation);
    return;
  }
  invalidation.hardwareFirst = blockFirst * block;
  invalidation.hardwareLast = blockFirst * block + block - 1;
}

function coverDomain(table: PageTable, invalidation: Invalidation): void {
  invalidation.whole = true;
  invalidation.hardwareFirst = 0;
  invalidation.hardwareLast = table.lastAddress;
}

/**
 * The length of a range, both ends included. For the whole of a wide space, the length is more than
 * the difference of the numbers that represent its ends.
 */
export function rangeBytes({ lastAddress }: PageTable, first: number, last: number): Bytes {
  return first === 0 && last === lastAddress
    ? 2 ** bitsOfLastAddress(lastAddress)
    : last - first + 1;
}
