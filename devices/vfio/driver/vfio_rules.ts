/**
 * How releases differ in the driver of a device that can be migrated, chosen once when it is built.
 *
 * @see behaviour/hmm-rdma-vfio.md 3.1, 4 and behaviour/defects.md
 */
import type { KernelStrategies } from "../../../runtime/kernels/kernels.ts";
import type { QuirkSet } from "../../../runtime/kernels/quirks.ts";

export interface VfioRules {
  /** As the release's record says. */
  readonly keepsScatterlist: boolean;
  /** Pages of which only some can be had are given back by a walk from the wrong pointer. */
  readonly walksFromWrongPointer: boolean;
  /** When a link fails the range goes back as long as what was linked, not as what was reserved. */
  readonly releasesLinkedOnly: boolean;
}

/** The strategies of a release with these defects. */
export function vfioRules({ vfio }: KernelStrategies, quirks: QuirkSet): VfioRules {
  return {
    keepsScatterlist: vfio.keepsScatterlist,
    walksFromWrongPointer: quirks.has("vfio_page_array_crash"),
    releasesLinkedOnly: quirks.has("vfio_partial_destroy"),
  };
}
