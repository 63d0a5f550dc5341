/** Parts of the kernel that not every release has, and what calling one too early comes to. */
import type { Platform } from "../platform.ts";
import type { KernelFeature } from "../vocabulary/kernel_calls.ts";
import type { KernelStrategies } from "./kernels.ts";

interface Feature {
  /** Since when there is one, as a sentence without a final period. */
  readonly came: string;
  readonly isIn: (strategies: KernelStrategies) => boolean;
}

/** @see behaviour/hmm-rdma-vfio.md 6.9 */
const FEATURES = {
  two_step: {
    came: "the two-step API came with 6.16",
    isIn: ({ dma }) => dma.hasTwoStep,
  },
  hmm_dma_map: {
    came: "the page-wise DMA map came with 6.16",
    isIn: ({ rdma }) => rdma.mapsPagesBy === "hmm_dma_map",
  },
  blk_dma_iter: {
    came: "the block layer's DMA iterator came between 6.12 and 7.2",
    isIn: ({ nvme }) => nvme.mapsDataWith === "iterator",
  },
} as const satisfies Readonly<Record<KernelFeature, Feature>>;

/** A function was called that the machine's release does not have: no kernel would have compiled that. */
export class NotInReleaseError extends Error {
  override readonly name = "NotInReleaseError";

  /**
   * @param call The function that was called.
   * @param came Since when there is one.
   */
  constructor(call: string, kernel: string, readonly came: string) {
    super(`There is no ${call}() in ${kernel}: ${came}`);
  }
}

/** Whether a release has a part of the kernel. */
export function hasFeature(strategies: KernelStrategies, name: KernelFeature): boolean {
  const { isIn }: Feature = FEATURES[name];
  return isIn(strategies);
}

/** @throws {NotInReleaseError} When the machine's release does not have what a function belongs to. */
export function requireFeature(platform: Platform, name: KernelFeature, call: string): void {
  if (hasFeature(platform.kernel.strategies, name)) return;
  throw new NotInReleaseError(call, platform.config.kernel, FEATURES[name].came);
}
