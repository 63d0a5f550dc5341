/** Peer memory in scatterlists. @see rules/dma.md 7.1; p2p.md 9.5 */
import type { DmaAddr, PhysAddr } from "../../address.ts";
import type { DmaMachine } from "../dma_machine.ts";
import type { PeerMapType } from "../../vocabulary/shared_words.ts";
import type { DmaDevice } from "../device/device.ts";

/**
 * Result of `peerBusAddress`: the memory belongs to a peer behind the host bridge. It is mapped
 * like RAM, with this release's defects.
 */
export const PEER_BEHIND_BRIDGE = "behind_bridge";
/** Result of `peerBusAddress`: the device may not reach this peer's memory at all. */
export const PEER_REFUSED = "refused";

/**
 * Remembers the provider of a list's last entry, and the kind of mapping for this provider. The
 * kind is used again for the following entries while the provider stays the same.
 */
export class PeerMemo {
  provider: unknown = null;
  kind: PeerMapType = "none";
}

/** A memo for mapping one list, or null on a machine without a P2P provider. */
export function peerMemo(machine: DmaMachine): PeerMemo | null {
  return machine.peers === null ? null : new PeerMemo();
}

/**
 * How an entry is mapped as peer memory: its bus address, `PEER_REFUSED`, `PEER_BEHIND_BRIDGE`, or
 * null for RAM.
 *
 * @param memo Remembers the kind of mapping of the last provider.
 */
export function peerBusAddress(
  machine: DmaMachine,
  dev: DmaDevice,
  phys: PhysAddr,
  memo: PeerMemo,
): DmaAddr | typeof PEER_REFUSED | typeof PEER_BEHIND_BRIDGE | null {
  const { peers, memory } = machine;
  if (peers === null || memory.kindAt(phys) !== "mmio") return null;
  const provider = peers.providerAt(phys);
  if (provider === null) return null;
  if (provider !== memo.provider) {
    memo.provider = provider;
    memo.kind = peers.mapType(phys, dev);
  }
  switch (memo.kind) {
    case "bus_addr":
      return peers.busAddress(phys);
    case "not_supported":
      return PEER_REFUSED;
    case "thru_host_bridge":
      return PEER_BEHIND_BRIDGE;
    default:
      return null;
  }
}
