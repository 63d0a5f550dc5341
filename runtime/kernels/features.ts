/** Parts of the kernel that not every release has, and what calling one too early comes to. */
import type { Platform } from "../platform.ts";
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
} as const satisfies Readonly<Record<string, Feature>>;

export type FeatureName = keyof typeof FEATURES;

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

/** @throws {NotInReleaseError} When the machine's release does not have what a function belongs to. */
export function requireFeature(platform: Platform, name: FeatureName, call: string): void {
  const { came, isIn }: Feature = FEATURES[name];
  if (isIn(platform.kernel.strategies)) return;
  throw new NotInReleaseError(call, platform.config.kernel, came);
}
