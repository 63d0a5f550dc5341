/**
 * Where releases differ in what they do about memory that is paged on demand, chosen once when a
 * device is brought up.
 *
 * @see behaviour/defects.md M3, M4, M13
 */
import type { QuirkSet } from "../../runtime/kernels/quirks.ts";

export interface RdmaRules {
  /**
   * A software device takes a page that may only be read for one that is not there: what it may do
   * with it is the number 0.
   */
  readonly readOnlyLooksAbsent: boolean;
  /** The map of pages is asked for a software device too, which has nothing that does DMA. */
  readonly mapsSoftwareDevices: boolean;
  /** Who cannot fill the device's table leaves without giving the region's lock back. */
  readonly keepsLockOnError: boolean;
}

export function rdmaRules(quirks: QuirkSet): RdmaRules {
  return {
    readOnlyLooksAbsent: quirks.has("odp_read_only_refault"),
    mapsSoftwareDevices: quirks.has("hmm_without_dma_device"),
    keepsLockOnError: quirks.has("odp_populate_error_exit"),
  };
}
