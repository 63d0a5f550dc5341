/**
 * The range a flush command really covers: hardware takes aligned blocks, or ranges as they are.
 *
 * @see rules/dma.md 5.2
 */
import { bitsOfLastAddress, type Bytes, type DmaAddr } from "../address.ts";
import { eventId } from "../event_vocabulary.ts";
import type { Platform } from "../platform.ts";
import type { IommuModelSpec } from "./iommu_models.ts";
import type { PageTable } from "./page_table.ts";

const DEVICE_TLB_SYNC = eventId("device_tlb.sync");

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

/** Devices that an invalidation concerns, and the table that it is of. */
interface Invalidated {
  readonly members: readonly { readonly ats: boolean; readonly name: string }[];
  readonly table: PageTable;
}

/**
 * Each device with ATS gets the command too, the one that unmaps or not.
 * @param invalidation What the IOTLB was sent; null for all of the domain.
 * @see rules/dma.md 9.10
 */
export function syncDeviceTlbs(
  { events }: Platform,
  { members, table }: Invalidated,
  invalidation: Invalidation | null,
): void {
  const { hardwareFirst: first = 0, hardwareLast: last = table.lastAddress } = invalidation ?? {};
  for (const { ats, name } of members) {
    if (!ats || !events.tick(DEVICE_TLB_SYNC)) continue;
    const size_bytes = rangeBytes(table, first, last);
    events.emit(DEVICE_TLB_SYNC, { target: name, start: first as DmaAddr, size_bytes }, {
      rule: "dma.9.10",
      inputs: { members: members.length },
    });
  }
}
