/**
 * `io_page_fault`: an access that an IOMMU refused, traced by the IOMMU's driver.
 *
 * @see rules/traces.md T.29
 */
import { type PayloadFields, payloadKey } from "./payload.ts";

export const PAGE_FAULT_EVENT = "io_page_fault";

export interface PageFaultEvent {
  readonly device: string;
  /** The address of the access; `ERROR_ADDRESS` if it is all ones. */
  readonly address: number;
  /** Flags in the driver's own encoding; null if the line has none. */
  readonly flags: number | null;
}

const FLAGS = payloadKey("flags");
const IOVA = payloadKey("iova");

/** `IOMMU:DRIVER DEVICE iova=0x00000000fe980000 flags=0x0001`; null for a damaged line. */
export function readPageFault(fields: PayloadFields): PageFaultEvent | null {
  const address = fields.hex(IOVA);
  const key = fields.indexOf(IOVA);
  if (address === null || key < 0) return null;
  const device = fields.wordBefore(key);
  const isWhole = device !== "" && !device.startsWith("IOMMU:");
  return isWhole ? { device, address, flags: fields.hex(FLAGS) } : null;
}
