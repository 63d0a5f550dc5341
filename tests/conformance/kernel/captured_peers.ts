/**
 * The PCI tree of a captured machine that had a second controller lending its memory.
 *
 * The captures name the topology in words and show the memory by its use; the rest of the tree
 * decides nothing.
 */
import { alignDown, type Bytes, GIB, type Machine, MIB, type PhysAddr } from "@dmalab/runtime";
import type { DmaDevice } from "@dmalab/runtime/dma";
import { buildPciTree, pciNode, type PciNodeConfig, PciTopology } from "@dmalab/devices";
import { GoldenReadError } from "../golden_files.ts";
import type { DataExtent } from "./kernel_data.ts";

/** Every captured machine had its RAM around a hole, and whatever lies in that is a device's. */
const HOLE_START = 2 * GIB;
const HOLE_END = 4 * GIB;

/** How the two controllers hang together, in the words of the captures. */
const TOPOLOGIES: Readonly<Record<string, readonly PciNodeConfig[]>> = {
  "same switch": tree(true, [portOfSwitch()]),
  "different root ports, host bridge allowed": tree(true, separatePorts()),
  "different root ports, host bridge not allowed": tree(false, separatePorts()),
};

/** The trees that are known. */
export const TOPOLOGY_NAMES: readonly string[] = Object.keys(TOPOLOGIES);

/** The bytes of peer memory that a run shows, or null when no extent lies in any. */
export interface PeerSpan {
  readonly basePhys: PhysAddr;
  /** A power of two, to which the base is aligned. */
  readonly sizeBytes: Bytes;
}

/** Less, or memory that does not begin at a multiple of it, cannot be lent (rules/p2p.md 9.3). */
const LEAST_LENT_BYTES = 2 * MIB;

/**
 * The smallest BAR that holds every extent of device memory.
 * @param extents The memory of all of a run's requests.
 */
export function peerSpanOf(extents: Iterable<DataExtent>): PeerSpan | null {
  let first = Infinity;
  let end = 0;
  for (const [phys, sizeBytes] of extents) {
    if (phys < HOLE_START || phys >= HOLE_END) continue;
    first = Math.min(first, phys);
    end = Math.max(end, phys + sizeBytes);
  }
  if (end === 0) return null;
  let sizeBytes = LEAST_LENT_BYTES;
  while (alignDown(first, sizeBytes) + sizeBytes < end) sizeBytes *= 2;
  return { basePhys: alignDown(first, sizeBytes) as PhysAddr, sizeBytes };
}

/**
 * Puts a second controller with peer memory beside a device.
 *
 * @param topology The captures' name of the tree.
 * @param span Where the peer's memory is.
 * @throws {GoldenReadError} When the captures name a tree that is not known.
 */
export function attachPeers(
  machine: Machine,
  dev: DmaDevice,
  topology: string,
  span: PeerSpan,
): void {
  const nodes = TOPOLOGIES[topology];
  if (nodes === undefined) throw new GoldenReadError(`No PCI tree is known as "${topology}"`);
  const pci = buildPciTree(nodes);
  const functionOf = (name: string) => pci.functions.find((func) => func.name === name)!;
  functionOf("provider").bars = [{ index: 2, ...span, peerBytes: span.sizeBytes }];
  dev.peer = functionOf("nvme");
  machine.peers = new PciTopology(machine, pci);
}

function tree(whitelisted: boolean, children: readonly PciNodeConfig[]): PciNodeConfig[] {
  return [pciNode("host_bridge", "bridge", children, { whitelisted })];
}

function separatePorts(): PciNodeConfig[] {
  return [
    pciNode("root_port", "port0", [pciNode("nvme", "nvme")]),
    pciNode("root_port", "port1", [pciNode("nvme", "provider")]),
  ];
}

function portOfSwitch(): PciNodeConfig {
  const devices = [pciNode("nvme", "nvme"), pciNode("nvme", "provider")];
  return pciNode("root_port", "port", [pciNode("switch", "switch", devices)]);
}
