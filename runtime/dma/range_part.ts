/** A part of a range of the two-step API, as one call names it. */
import type { Bytes, DmaAddr } from "../address.ts";
import { DMA_BIDIRECTIONAL, type DmaDirection } from "./attributes.ts";
import type { TranslatedDevice } from "./device/device.ts";
import type { DmaIovaState } from "./iova_state.ts";

/**
 * A part of a range that a call is about. One object serves one call after the other, so that linking
 * a request's buffers makes no garbage.
 */
export class RangePart {
  declare dev: TranslatedDevice;
  declare state: DmaIovaState;
  /** A call has it. */
  busy = false;
  /** Where the part begins, from the start of the range. */
  offset = 0;
  sizeBytes: Bytes = 0;
  dir: DmaDirection = DMA_BIDIRECTIONAL;
  attrs = 0;

  /** The part's first byte as the device will see it. */
  get dma(): DmaAddr {
    return this.state.addr + this.offset as DmaAddr;
  }
}
