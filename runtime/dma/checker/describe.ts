/** Records as sentences tell of them. */
import type { Bytes } from "../../address.ts";
import { attributeWords, directionWord } from "../attributes.ts";
import { hexAddress } from "../hex_address.ts";
import { MADE, type MadeBy, type RecordTable } from "./record_table.ts";

const APIS: Readonly<Record<MadeBy, string>> = {
  [MADE.PHYS]: "dma_map_phys()",
  [MADE.PAGE]: "dma_map_page()",
  [MADE.SINGLE]: "dma_map_single()",
  [MADE.RESOURCE]: "dma_map_resource()",
  [MADE.LIST]: "dma_map_sg()",
  [MADE.COHERENT]: "dma_alloc_coherent()",
  [MADE.RANGE]: "dma_iova_try_alloc()",
  [MADE.LINK]: "dma_iova_link()",
};

const ENDING_APIS: Readonly<Record<MadeBy, string>> = {
  [MADE.PHYS]: "dma_unmap_phys()",
  [MADE.PAGE]: "dma_unmap_page()",
  [MADE.SINGLE]: "dma_unmap_single()",
  [MADE.RESOURCE]: "dma_unmap_resource()",
  [MADE.LIST]: "dma_unmap_sg()",
  [MADE.COHERENT]: "dma_free_coherent()",
  [MADE.RANGE]: "dma_iova_free()",
  [MADE.LINK]: "dma_iova_unlink()",
};

/** The call that ends what a call made. */
export function endingApi(made: MadeBy): string {
  return ENDING_APIS[made];
}

/** A size as the sentence of a report says it: `1 byte`, `4096 bytes`. */
export function bytes(sizeBytes: Bytes): string {
  return sizeBytes === 1 ? "1 byte" : `${sizeBytes} bytes`;
}

/** Attributes as words: `skip_cpu_sync, mmio`, or `none`. */
export function attributeText(attrs: number): string {
  return attrs === 0 ? "none" : attributeWords(attrs).join(", ");
}

/** A mapping without an article: how much, where, of which memory, and by which call. */
export function describeRecord(table: RecordTable, record: number): string {
  const made = table.madeBy(record);
  const size = bytes(table.sizeBytes[record]!);
  const at = hexAddress(table.dma[record]!);
  if (made === MADE.RANGE) return `range of ${size} at ${at}`;
  const physical = hexAddress(table.phys[record]!);
  const direction = directionWord(table.dir(record));
  return `mapping of ${size} at ${at} (physical ${physical}, ${direction}, ${APIS[made]})`;
}
