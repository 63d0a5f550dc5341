/**
 * How releases differ in the mapping layer, as strategies chosen once when a machine is built.
 *
 * @see behaviour/dma.md 2.1, 7.3, behaviour/p2p.md 9.9, behaviour/defects.md
 */

export interface DmaRules {
  /**
   * Memory of a peer that a device cannot reach, or that bouncing is forced for, is copied through a
   * bounce buffer like any other; else it cannot be mapped.
   */
  readonly bouncesPeerMemory: boolean;
  /** Forced bouncing refuses MMIO, which cannot be bounced; else MMIO is mapped as if not forced. */
  readonly forcedBounceRefusesMmio: boolean;
  /** A bounced link that is all head and tail links the nothing between them as well. */
  readonly linksEmptyMiddle: boolean;
}

/** The strategies of a release with these defects. */
export function dmaRules(kernel: string, quirks: ReadonlySet<string>): DmaRules {
  return {
    bouncesPeerMemory: kernel !== "6.12",
    forcedBounceRefusesMmio: quirks.has("host_bridge_p2p_with_forced_bounce"),
    linksEmptyMiddle: quirks.has("bounce_link_no_middle"),
  };
}
