/** Memory of a PCI peer, in addition to the RAM of random sequences. */
import { type DmaAddr, PAGE_SIZE_BYTES, type PhysAddr } from "@dmalab/runtime";
import type { PeerRouter } from "@dmalab/runtime/dma";
import type { PeerMapType } from "@dmalab/runtime/vocabulary";

/** How a device reaches the peer's memory. */
export interface PeerFields {
  readonly kind: PeerMapType;
  readonly bus_offset: number;
}

/** First address of peer memory: above the buffers of random sequences. */
export const PEER_START = 96 * 2 ** 30;
export const PEER_PAGES = 256;
export const PEER_BYTES = PEER_PAGES * PAGE_SIZE_BYTES;

export function peerRouter({ bus_offset, kind }: PeerFields): PeerRouter {
  const isPeerMemory = (phys: PhysAddr) => phys >= PEER_START && phys < PEER_START + PEER_BYTES;
  return {
    unmappedEnd: () => -1,
    isPeerMemory,
    providerAt: (phys) => isPeerMemory(phys) ? "peer" : null,
    passesRoot: () => true,
    mapType: (phys) => isPeerMemory(phys) ? kind : "none",
    busAddress: (phys) => phys + bus_offset as DmaAddr,
    resolveBusAddress: () => -1,
  };
}
