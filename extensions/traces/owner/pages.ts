/** Pages of 4 KiB, in which addresses of a trace are looked up. */
export const PAGE_BYTES = 4096;

/** First byte of an address's page. */
export function pageOf(address: number): number {
  // Without the remainder operator: V8 calls a function for remainders of large numbers.
  return Math.floor(address / PAGE_BYTES) * PAGE_BYTES;
}

/** The end of a range's last page. */
export function pageEnd(address: number, sizeBytes: number): number {
  const end = address + Math.max(sizeBytes, 1);
  return Math.ceil(end / PAGE_BYTES) * PAGE_BYTES;
}
