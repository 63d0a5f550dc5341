/** Device addresses of 64 bits, as numbers. */
import { addressOfWord } from "@dmalab/runtime";

const PAGE_BYTES = 4096n;

/**
 * Converts the hexadecimal digits of a device address to a number. A 64-bit address that does not
 * fit into a plain number gets a substitute number.
 */
export function deviceAddress(text: string | undefined): number {
  return text === undefined ? NaN : numberOfWord(BigInt(text));
}

/** The device address of a page frame. */
export function deviceAddressOfPage(pfn: string | undefined): number {
  return pfn === undefined ? NaN : numberOfWord(BigInt(pfn) * PAGE_BYTES);
}

function numberOfWord(word: bigint): number {
  return addressOfWord(word) ?? Number(word);
}
