/** Addresses as warnings and reports print them. */
import { addressDigits, DMA_MAPPING_ERROR } from "../address.ts";

/** An address in hexadecimal, in groups of four digits, as scripts write it. */
export function hexAddress(address: number): string {
  if (address === DMA_MAPPING_ERROR) return "DMA_MAPPING_ERROR";
  return `0x${addressDigits(address).replace(/(?<=.)(?=(.{4})+$)/g, "_")}`;
}
