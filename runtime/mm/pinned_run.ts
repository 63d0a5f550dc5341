/**
 * Pages of a process that a driver has pinned for a long time: they stay where they are, and are not
 * freed, until they are unpinned.
 *
 * @see rules/hmm-rdma-vfio.md 7.6 to 7.8, 7.12
 */
import type { PhysAddr } from "../address.ts";

/** What pages of a process are to a pin. */
export type PinnedKind =
  /** Memory, which counts against the limit of locked memory. */
  | "counted"
  /** Pages of a device's BAR, and the zero page: they count nowhere. */
  | "reserved"
  /** The process may not access the pages so. */
  | "fault"
  /** There is no memory for the page. */
  | "no_memory";

/** How pages are pinned. */
export interface PinAccess {
  /** Whether the device may write the pages. */
  readonly writable: boolean;
  /**
   * Whether a page that was never written is pinned as the zero page, which is `reserved`. If not, the
   * process gets memory for it first.
   */
  readonly takesZeroPage: boolean;
}

/** Neighbouring pages that are alike. */
export interface PinnedRun {
  /** What all of the pages are. */
  readonly kind: PinnedKind;
  /** 1 or more, at most as many as were asked for. */
  readonly pages: number;
  /** The memory of the pages, which is contiguous; left out where no page table needs it. */
  readonly phys?: PhysAddr;
}
