/**
 * The caller's state of the two-step API: sixteen bytes in the kernel, an address and a size.
 *
 * In the kernel, the top bit of the size is set if some part is bounced. In dmalab that bit is the
 * separate field `bounced`, and `sizeBytes` is the size without it.
 *
 * @see rules/dma.md 3.1
 */
import type { Bytes, DmaAddr } from "../address.ts";
import type { Kernel } from "../kernels/kernels.ts";
import { DMA_BIDIRECTIONAL, type DmaDirection } from "./attributes.ts";
import type { TranslatedDevice } from "./device/device.ts";

/**
 * The direction and attributes of a range, which the API of 2024 stored in the state.
 * @see rules/defects.md
 */
export interface IovaStateAttributes {
  readonly dir: DmaDirection;
  readonly attrs: number;
}

/** A buffer that a link mapped separately. @see rules/defects.md, `unlink_covers_singles` */
export interface LinkedSingle {
  /** Offset of the link in the range. */
  readonly offset: number;
  readonly dma: DmaAddr;
  readonly sizeBytes: Bytes;
}

/**
 * Bytes that the state takes for each single mapping that it remembers: the mapping's address and
 * size.
 */
const SINGLE_BYTES: Bytes = 16;

/** The number and size of the C objects of a caller's state for one range. */
export function rangeObjects(
  kernel: Kernel,
  { singles }: DmaIovaState,
): { readonly count: number; readonly sizeBytes: Bytes } {
  // In the API of 2024 the state has three parts: address and size; direction and attributes; the
  // kind of memory and its provider.
  const count = kernel.api_rfc_2024 ? 3 : 1;
  return { count, sizeBytes: count * 16 + singles.length * SINGLE_BYTES };
}

const NO_SINGLES: readonly LinkedSingle[] = [];

/** The state of a two-step mapping: an address and a size, which the caller keeps. */
export class DmaIovaState {
  /** The address of the range's first byte as the device will see it; 0 without a range. */
  addr = 0 as DmaAddr;
  /** Bytes asked for at allocation; 0 when no IOVA is in use. */
  sizeBytes: Bytes = 0;
  /**
   * Bit 63 of the kernel's size: some part went through a bounce buffer. Only `clear` resets the
   * bit.
   */
  bounced = false;
  /**
   * Bytes of the leaves that were linked through this state and are still linked. The kernel keeps
   * no such number. It is used to find mistakes; no mapping decision depends on it.
   * @internal
   */
  linkedBytes: Bytes = 0;
  /**
   * True while the state owns a range, from its allocation until it is freed. The kernel's state
   * does not contain this flag.
   * @internal
   */
  held = false;
  /**
   * The checker's records of the range and of its last link; -1 for none.
   * @internal
   */
  rangeRecord = -1;
  /** @internal */
  lastLinkRecord = -1;
  /**
   * The direction and attributes of the range's first link, in releases with an API that stores
   * them; null before the first link.
   * @internal
   */
  kept: IovaStateAttributes | null = null;
  /**
   * Single mappings made by links, where the API remembers them; else none.
   * @internal
   */
  singles: readonly LinkedSingle[] = NO_SINGLES;
  /**
   * The number of the request that wrote the state last; null without a request. A reader can see
   * from this number whether the state is stale.
   * @internal
   */
  writtenBy: number | null = null;

  /**
   * Clears the state, as `dma_iova_try_alloc` does before anything else.
   * @param request The current request.
   * @internal
   */
  clear(request: number | null = null): void {
    this.writtenBy = request;
    this.kept = null;
    this.singles = NO_SINGLES;
    this.addr = 0 as DmaAddr;
    this.sizeBytes = 0;
    this.bounced = false;
    this.linkedBytes = 0;
    this.held = false;
    this.rangeRecord = -1;
    this.lastLinkRecord = -1;
  }
}

/**
 * The part of a range that a call works on. One object is reused for successive calls, so that
 * linking a request's buffers makes no garbage.
 */
export class RangePart {
  declare dev: TranslatedDevice;
  declare state: DmaIovaState;
  /** True while a call uses this object. */
  busy = false;
  /** Offset of the part in the range. */
  offset = 0;
  sizeBytes: Bytes = 0;
  dir: DmaDirection = DMA_BIDIRECTIONAL;
  attrs = 0;

  /** The address of the part's first byte as the device will see it. */
  get dma(): DmaAddr {
    return this.state.addr + this.offset as DmaAddr;
  }
}
