/** Peer memory in scatterlists. @see rules/dma.md 7.1; p2p.md 9.5 */
import type { DmaAddr, PhysAddr } from "../../address.ts";
import type { DmaMachine } from "../dma_machine.ts";
import type { PeerMapType } from "../../vocabulary/shared_words.ts";
import type { DmaDevice } from "../device/device.ts";

/** The memory is a peer's behind the host bridge: mapped as RAM is, and with this release's faults. */
export const PEER_BEHIND_BRIDGE = "behind_bridge";
/** The device may not reach this peer's memory at all. */
export const PEER_REFUSED = "refused";

/** The state along a list: as long as the provider stays the same, its kind does. */
export class PeerMemo {
  provider: unknown = null;
  kind: PeerMapType = "none";
}

/** A memo for a list that is mapped now, or null on a machine without a P2P provider. */
export function peerMemo(machine: DmaMachine): PeerMemo | null {
  return machine.peers === null ? null : new PeerMemo();
}

/**
 * How an entry is mapped as peer memory: its bus address, `PEER_REFUSED`, `PEER_BEHIND_BRIDGE`, or
 * null for RAM.
 *
 * @param memo Keeps the kind of the provider asked about last.
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
