/** Parts of the kernel that not every release has, and what calling one too early comes to. */
import type { Platform } from "../platform.ts";
import { ATTRIBUTE_PREFIX, attributeWords, DMA_ATTR } from "../dma/attributes.ts";
import type { KernelFeature } from "../vocabulary/kernel_calls.ts";
import type { KernelStrategies } from "./kernels.ts";

interface Feature {
  /** Since when there is one, as a sentence without a final period. */
  readonly came: string;
  readonly isIn: (strategies: KernelStrategies) => boolean;
}

/** @see rules/hmm-rdma-vfio.md 6.9, rules/dma.md 7.3 */
const FEATURES = {
  two_step: {
    came: "the two-step API came with 6.16",
    isIn: ({ dma }) => dma.hasTwoStep,
  },
  physical_calls: {
    came: "the mapping calls by physical address came between 6.12 and 7.2",
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

/** The newest attribute that every modelled release has, and all bits below it. */
const ATTRIBUTES_OF_ALL = 2 * DMA_ATTR.PRIVILEGED - 1;

/** A function was called that the machine's release does not have: no kernel would have compiled that. */
export class NotInReleaseError extends Error {
  override readonly name = "NotInReleaseError";

  /**
   * @param name The function that was called, such as `dma_map_phys()`, or the attribute.
   * @param came Since when there is one.
   */
  constructor(name: string, kernel: string, readonly came: string) {
    super(`There is no ${name} in ${kernel}: ${came}`);
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
  throw new NotInReleaseError(`${call}()`, platform.config.kernel, FEATURES[name].came);
}

/**
 * @throws {NotInReleaseError} When the machine's release lacks one of these attributes.
 * @see rules/dma.md 7.3
 */
export function requireAttributes(platform: Platform, attrs: number): void {
  const [word] = attributeWords(attrs & ~ATTRIBUTES_OF_ALL);
  if (word === undefined || hasFeature(platform.kernel.strategies, "physical_calls")) return;
  const name = `${ATTRIBUTE_PREFIX}${word.toUpperCase()}`;
  throw new NotInReleaseError(name, platform.config.kernel, "it came between 6.12 and 7.2");
}
