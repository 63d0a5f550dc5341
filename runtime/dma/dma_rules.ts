/**
 * How releases differ in the mapping layer, as strategies chosen once when a machine is built.
 *
 * @see rules/dma.md 2.1, 7.3, rules/p2p.md 9.9, rules/defects.md
 */
import type { Bytes } from "../address.ts";
import type { Kernel, KernelStrategies } from "../kernels/kernels.ts";

type PreservedAttributes =
  | "bouncesPeerMemory"
  | "mapsSharedAsAny"
  | "refusesSharedCoherent"
  | "refusesUnalignedMmio"
  | "translatesMmio"
  | "warnsOverflowPerCall";

export interface DmaRules extends Pick<KernelStrategies["dma"], PreservedAttributes> {
  /** A range is flushed and free when `dma_iova_destroy` returns, whatever the mode. */
  readonly destroysAtOnce: boolean;
  /** `dma_iova_destroy` frees what was reserved; else the size passed as mapped. */
  readonly destroyFreesReservation: boolean;
  /** Forced bouncing refuses MMIO, which cannot be bounced; else MMIO is mapped as if not forced. */
  readonly forcedBounceRefusesMmio: boolean;
  /** A bounced link that is all head and tail links the nothing between them as well. */
  readonly linksEmptyMiddle: boolean;
  /** In a direct list, an output that is a peer's bus address says how long it is. */
  readonly setsBusLength: boolean;
  /** In a direct list, memory of a peer behind the host bridge is mapped; else its address stays. */
  readonly mapsPeersBehindHostBridge: boolean;
  /** What an entry of a list maps is kept in 32 bits, and longer ones wrap; else they are refused. */
  readonly listLengthWraps: boolean;
  /** Where an entry of a list says that its output is a bus address. */
  readonly busMark: BusMark;
  /**
   * A range keeps the direction and the attributes of its first link, and every later call goes by
   * these, whatever it says itself: the two-step API as first posted.
   */
  readonly keepsAttributes: boolean;
  /** Without a range links map their buffers by themselves, and the state remembers them. */
  readonly unlinksSingles: boolean;
  /** A link returns the device address of its buffer. */
  readonly linkReturnsAddress: boolean;
  /** No range is this long or longer: its size has no room for the flag any more. */
  readonly rangeLimitBytes: Bytes;
  /** What a caller of the two-step API declares for one range. */
  readonly rangeObjects: RangeObjects;
}

export interface RangeObjects {
  readonly count: number;
  readonly sizeBytes: Bytes;
}

/** The kernel keeps the top bit of the 64 of a size for itself. */
const RANGE_LIMIT_BYTES: Bytes = 2 ** 63;

/** One object: where the range is, and how long. */
const MERGED_OBJECTS: RangeObjects = { count: 1, sizeBytes: 16 };
/** One more pair, of a buffer that the state remembers. */
export const SINGLE_BYTES: Bytes = 16;
/** Besides that: direction and attributes; the kind of memory and its provider. Two words each. */
const FIRST_POSTED_OBJECTS: RangeObjects = { count: 3, sizeBytes: 48 };

/** A flag word of the DMA fields, or a spare bit in the link to the page. */
export type BusMark = "dma_flags" | "page_link";

/** The strategies of a release with these defects. */
export function dmaRules({ strategies: { dma }, quirks }: Kernel): DmaRules {
  return {
    bouncesPeerMemory: dma.bouncesPeerMemory,
    translatesMmio: dma.translatesMmio,
    refusesUnalignedMmio: dma.refusesUnalignedMmio,
    refusesSharedCoherent: dma.refusesSharedCoherent,
    mapsSharedAsAny: dma.mapsSharedAsAny,
    warnsOverflowPerCall: dma.warnsOverflowPerCall,
    destroysAtOnce: dma.destroysAtOnce,
    destroyFreesReservation: dma.destroyFrees === "reservation",
    forcedBounceRefusesMmio: quirks.has("host_bridge_p2p_with_forced_bounce"),
    linksEmptyMiddle: quirks.has("bounce_link_no_middle"),
    keepsAttributes: quirks.has("api_rfc_2024"),
    unlinksSingles: quirks.has("unlink_covers_singles"),
    linkReturnsAddress: quirks.has("link_returns_address"),
    rangeLimitBytes: quirks.has("iova_size_32_bits") ? 2 ** 31 : RANGE_LIMIT_BYTES,
    rangeObjects: quirks.has("api_rfc_2024") ? FIRST_POSTED_OBJECTS : MERGED_OBJECTS,
    listLengthWraps: quirks.has("list_length_wraps"),
    setsBusLength: !quirks.has("sg_bus_length_missing"),
    mapsPeersBehindHostBridge: !quirks.has("sg_host_bridge_unmapped"),
    busMark: quirks.has("p2p_design_2021") ? "page_link" : "dma_flags",
  };
}
