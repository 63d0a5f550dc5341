/**
 * The caller's state of the two-step API: sixteen bytes in the kernel, an address and a size.
 *
 * The top bit of the stored size says that some part is bounced; here it is a separate field, and
 * `sizeBytes` is what the kernel's callers see.
 *
 * @see rules/dma.md 3.1
 */
import type { Bytes, DmaAddr } from "../address.ts";
import type { Kernel } from "../kernels/kernels.ts";
import { DMA_BIDIRECTIONAL, type DmaDirection } from "./attributes.ts";
import type { TranslatedDevice } from "./device/device.ts";

/** The purpose of a range's mapping, as the API of 2024 kept it. @see rules/defects.md */
export interface IovaStateAttributes {
  readonly dir: DmaDirection;
  readonly attrs: number;
}

/** A buffer that a link mapped separately. @see rules/defects.md, `unlink_covers_singles` */
export interface LinkedSingle {
  /** Where the link put it. */
  readonly offset: number;
  readonly dma: DmaAddr;
  readonly sizeBytes: Bytes;
}

/** One more pair, of a buffer that the state remembers. */
const SINGLE_BYTES: Bytes = 16;

/** A caller's declaration for one range of the two-step API. */
export function rangeObjects(
  kernel: Kernel,
  { singles }: DmaIovaState,
): { readonly count: number; readonly sizeBytes: Bytes } {
  // Where the range is, and how long; direction and attributes; the kind of memory and its provider.
  const count = kernel.api_rfc_2024 ? 3 : 1;
  return { count, sizeBytes: count * 16 + singles.length * SINGLE_BYTES };
}

const NO_SINGLES: readonly LinkedSingle[] = [];

/** The state of a two-step mapping: an address and a size, which the caller keeps. */
export class DmaIovaState {
  /** First byte of the range as the device will see it; 0 without one. */
  addr = 0 as DmaAddr;
  /** Bytes asked for at allocation; 0 when no IOVA is in use. */
  sizeBytes: Bytes = 0;
  /**
   * Bit 63 of the kernel's size: some part went through a bounce buffer. Never clears without a
   * call.
   */
  bounced = false;
  /**
   * Bytes of leaves that links made through this state and nothing has ended yet. The kernel keeps
   * no such number; it lets a mistake be seen, and decides nothing.
   * @internal
   */
  linkedBytes: Bytes = 0;
  /**
   * The state owns its range: allocated, not freed. Not the kernel's either.
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
   * The arguments of the range's first link, where the API keeps them; null before.
   * @internal
   */
  kept: IovaStateAttributes | null = null;
  /**
   * Buffers that links mapped separately, where the API remembers those; else none.
   * @internal
   */
  singles: readonly LinkedSingle[] = NO_SINGLES;
  /**
   * The request that wrote it last, null without a request. It shows stale state.
   * @internal
   */
  writtenBy: number | null = null;

  /**
   * All zero, as `dma_iova_try_alloc` leaves it before it looks.
   * @param request The request that this is done for.
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
