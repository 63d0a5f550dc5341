/**
 * The range a flush command really covers: hardware takes aligned blocks, or ranges as they are.
 *
 * @see behaviour/dma.md 5.2
 */
import type { Bytes } from "../address.ts";
import type { IommuModel } from "../machine_config.ts";
import type { PageTable } from "./page_table.ts";

/** What a command covers, filled in place. */
export interface HardwareRange {
  start: number;
  sizeBytes: Bytes;
  /** The command is one for the whole domain. */
  whole: boolean;
}

/**
 * Largest block of one VT-d command, as a power of two of granules. The capability register names
 * it (VT-d specification 11.4.2, MAMV); 18, that is 1 GiB, is what hardware commonly has.
 */
const VTD_LARGEST_BLOCK_BITS = 18;

/**
 * Works out what the hardware is told for a gathered range, both ends included.
 *
 * VT-d, with either of its table formats, flushes the smallest aligned block that holds the range,
 * and the whole domain when that is too large. AMD and Arm take the range.
 */
export function hardwareBlock(
  model: IommuModel,
  table: PageTable,
  first: number,
  last: number,
  into: HardwareRange,
): void {
  into.whole = false;
  if (model === "amd" || model === "arm") {
    into.start = first;
    into.sizeBytes = last - first + 1;
    return;
  }
  let block = table.granuleBytes;
  while (Math.floor(first / block) !== Math.floor(last / block)) block *= 2;
  if (block > table.granuleBytes * 2 ** VTD_LARGEST_BLOCK_BITS) {
    into.whole = true;
    into.start = 0;
    into.sizeBytes = table.lastAddress + 1;
    return;
  }
  into.start = Math.floor(first / block) * block;
  into.sizeBytes = block;
}
