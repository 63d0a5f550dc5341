/** Describes records in sentences of reports. */
import { type Bytes, hexAddress } from "../../address.ts";
import { attributeWords, directionWord } from "../attributes.ts";
import { MADE, type MadeBy, type RecordTable } from "./record_table.ts";

/** The call that makes a mapping, and the one that ends it. */
const APIS: Readonly<Record<MadeBy, readonly [making: string, ending: string]>> = {
  [MADE.PHYS]: ["dma_map_phys()", "dma_unmap_phys()"],
  [MADE.PAGE]: ["dma_map_page()", "dma_unmap_page()"],
  [MADE.SINGLE]: ["dma_map_single()", "dma_unmap_single()"],
  [MADE.RESOURCE]: ["dma_map_resource()", "dma_unmap_resource()"],
  [MADE.LIST]: ["dma_map_sg()", "dma_unmap_sg()"],
  [MADE.COHERENT]: ["dma_alloc_coherent()", "dma_free_coherent()"],
  [MADE.RANGE]: ["dma_iova_try_alloc()", "dma_iova_free()"],
  [MADE.LINK]: ["dma_iova_link()", "dma_iova_unlink()"],
};

export function endingApi(made: MadeBy): string {
  return APIS[made][1];
}

/** A size as a report prints it: `1 byte`, `4096 bytes`. */
export function bytes(sizeBytes: Bytes): string {
  return sizeBytes === 1 ? "1 byte" : `${sizeBytes} bytes`;
}

/** A span of memory or of addresses: `4096 bytes at 0xffff_f000`. */
export function bytesAt(sizeBytes: Bytes, address: number): string {
  return `${bytes(sizeBytes)} at ${hexAddress(address)}`;
}

/** Attributes as words: `skip_cpu_sync, mmio`, or `none`. */
export function attributeText(attrs: number): string {
  return attrs === 0 ? "none" : attributeWords(attrs).join(", ");
}

/**
 * Describes a mapping as a phrase without an article: the mapping's size, address and memory, and
 * the call that made it.
 */
export function describeRecord(table: RecordTable, record: number): string {
  const made = table.madeBy(record);
  const span = bytesAt(table.sizeBytes[record]!, table.dma[record]!);
  if (made === MADE.RANGE) return `range of ${span}`;
  const physical = hexAddress(table.phys[record]!);
  const direction = directionWord(table.dir(record));
  return `mapping of ${span} (physical ${physical}, ${direction}, ${APIS[made][0]})`;
}
