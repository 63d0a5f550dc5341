/**
 * How releases differ in the mapping layer, as strategies chosen once when a machine is built.
 *
 * @see behaviour/dma.md 7.3, behaviour/p2p.md 9.9
 */

export interface DmaRules {
  /**
   * Memory of a peer that a device cannot reach, or that bouncing is forced for, is copied through a
   * bounce buffer like any other; else it cannot be mapped.
   */
  readonly bouncesPeerMemory: boolean;
}

/** The strategies of a release. */
export function dmaRules(kernel: string): DmaRules {
  return { bouncesPeerMemory: kernel !== "6.12" };
}
