/** Peer memory in scatterlists. @see behaviour/dma.md 7.1; p2p.md */
import type { DmaAddr, PhysAddr } from "../address.ts";
import type { Machine } from "../machine.ts";
import type { DmaDevice } from "./device.ts";

/** The device may not reach this peer's memory at all. */
export const PEER_REFUSED = "refused";

/**
 * How an entry is mapped as peer memory: its bus address, `PEER_REFUSED`, or null for RAM and for
 * what is reached through the host bridge, which is mapped as RAM is.
 */
export function peerBusAddress(
  machine: Machine,
  dev: DmaDevice,
  phys: PhysAddr,
): DmaAddr | typeof PEER_REFUSED | null {
  const { peers, memory } = machine;
  if (peers === null || memory.kindAt(phys) !== "mmio") return null;
  switch (peers.mapType(phys, dev)) {
    case "bus_addr":
      return peers.busAddress(phys);
    case "not_supported":
      return PEER_REFUSED;
    default:
      return null;
  }
}
