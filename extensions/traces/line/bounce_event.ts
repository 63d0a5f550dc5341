/**
 * `swiotlb_bounced`: an attempt to bounce, printed before slots are searched.
 *
 * @see rules/traces.md T.31
 */
import { ERROR_ADDRESS, type PayloadFields, payloadKey } from "./payload.ts";

export const BOUNCE_EVENT = "swiotlb_bounced";

export interface BounceEvent {
  readonly device: string;
  /** Null if the line has no DMA mask. */
  readonly maskBits: number | null;
  /**
   * The address of the data. Null if the printed address is all ones, which means that the device
   * cannot reach the data.
   */
  readonly address: number | null;
  readonly sizeBytes: number;
  /** Whether the data ends above the device's mask. */
  readonly isAboveMask: boolean;
  /** Whether the bounce was forced, although the device may reach the data. */
  readonly isForced: boolean;
}

const HEAD = new TextEncoder().encode("dev_name: ");
const ADDRESS = payloadKey("dev_addr");
const MASK = payloadKey("dma_mask");
const FORCED = new TextEncoder().encode(" FORCE");
const SIZE = payloadKey("size");

/** The device that a line names. */
export function bouncedDevice(fields: PayloadFields): string {
  return fields.wordAt(Math.min(fields.start + HEAD.length, fields.end));
}

/** `dev_name: DEV dma_mask=h dev_addr=h size=d FORCE|NORMAL`; null for a damaged line. */
export function readBounce(fields: PayloadFields): BounceEvent | null {
  const address = fields.hex(ADDRESS);
  const sizeBytes = fields.decimal(SIZE);
  const mask = fields.hex(MASK);
  if (!fields.startsWith(HEAD) || address === null || sizeBytes === null) return null;
  return {
    device: bouncedDevice(fields),
    maskBits: mask === null ? null : mask === ERROR_ADDRESS ? 64 : Math.ceil(Math.log2(mask + 1)),
    address: address === ERROR_ADDRESS ? null : address,
    sizeBytes,
    isAboveMask: mask !== null && mask !== ERROR_ADDRESS && address !== ERROR_ADDRESS &&
      address + Math.max(1, sizeBytes) - 1 > mask,
    isForced: fields.indexOf(FORCED) >= 0,
  };
}
