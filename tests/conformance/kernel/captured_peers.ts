/**
 * The PCI tree of a captured machine with a second controller that provided its memory to peers.
 *
 * The captures name the topology of the two controllers, and show the provided memory by its use.
 * The rest of the tree does not matter.
 */
import { alignDown, type Bytes, GIB, type Machine, MIB, type PhysAddr } from "@dmalab/runtime";
import type { DmaDevice } from "@dmalab/runtime/dma";
import { buildPciTree, pciNode, type PciNodeConfig, PciTopology } from "@dmalab/devices";
import { GoldenReadError } from "../golden_files.ts";
import type { DataExtent } from "./kernel_data.ts";

/**
 * The hole in the RAM of every captured machine. Memory at an address in the hole belongs to a
 * device.
 */
const HOLE_START = 2 * GIB;
const HOLE_END = 4 * GIB;

/** The positions of the two controllers, by the captures' names of the topologies. */
const TOPOLOGIES: Readonly<Record<string, readonly PciNodeConfig[]>> = {
  "same switch": tree(true, [portOfSwitch()]),
  "different root ports, host bridge allowed": tree(true, separatePorts()),
  "different root ports, host bridge not allowed": tree(false, separatePorts()),
};

/** The names of the known trees. */
export const TOPOLOGY_NAMES: readonly string[] = Object.keys(TOPOLOGIES);

/** The peer memory that a run uses. */
export interface PeerSpan {
  readonly basePhys: PhysAddr;
  /** A power of two, to which the base is aligned. */
  readonly sizeBytes: Bytes;
}

/** Smallest size of peer memory, and its alignment (rules/p2p.md 9.3). */
const LEAST_LENT_BYTES = 2 * MIB;

/**
 * The smallest BAR that contains all extents of device memory; null if no extent is device memory.
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
 * Adds a second controller with peer memory to a device's tree.
 *
 * @param topology The captures' name of the tree.
 * @param span The address and size of the peer's memory.
 * @throws {GoldenReadError} For an unknown tree.
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
