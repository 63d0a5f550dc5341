/**
 * The range a flush command really covers: hardware takes aligned blocks, or ranges as they are.
 *
 * @see rules/dma.md 5.2
 */
import { bitsOfLastAddress, type Bytes } from "../address.ts";
import type { IommuModelSpec } from "./iommu_models.ts";
import type { PageTable } from "./page_table.ts";

/**
 * One flush: the due range, and the range that the command really covers.
 *
 * One object is filled again and again, and handed on whole: a number passed to a function would be
 * an object on the heap each time, as IOVAs do not fit 31 bits.
 */
export class Invalidation {
  /** The gathered range, both ends included. */
  first = 0;
  last = 0;
  /** The range of the command. */
  hardwareFirst = 0;
  hardwareLast = 0;
  /** The command is one for the whole domain. */
  whole = false;
}

/**
 * Largest block of one VT-d command, as a power of two of granules. The capability register names
 * it (VT-d specification 11.4.2, MAMV); 18, that is 1 GiB, is what hardware commonly has.
 */
const VTD_LARGEST_BLOCK_BITS = 18;

/**
 * Works out the invalidation command for a gathered range.
 *
 * That is the range itself, or the smallest aligned block that holds it, and the whole domain when
 * that is too large for a command.
 *
 * @param flushAllAbovePages Of Arm: more pages than these are the whole domain; 0 is no limit.
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
  while (blockFirst !== Math.floor(last / block)) {
    block *= 2;
    blockFirst = Math.floor(first / block);
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

/** How long a range is, both ends included; of a wide space, all of it is more than its numbers. */
export function rangeBytes({ lastAddress }: PageTable, first: number, last: number): Bytes {
  return first === 0 && last === lastAddress
    ? 2 ** bitsOfLastAddress(lastAddress)
    : last - first + 1;
}
