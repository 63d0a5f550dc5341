/**
 * The cost of determining routes between many PCI functions: from each function to the memory of
 * each other function.
 */
import { buildPciTree, pciNode, PciTopology, type PciTree } from "@dmalab/devices";
import { defaultMachineConfig, Machine, physAddr } from "@dmalab/runtime";
import { plainBenchmark } from "./benchmark.ts";
import { medianOf } from "@dmalab/cli/bench";
import { secondsOf } from "./cpu_time.ts";

/**
 * BRIDGES host bridges, with PORTS root ports each, and DEVICES devices below the switch of each
 * root port: 256 functions.
 */
const BRIDGES = 4;
const PORTS = 4;
const DEVICES = 16;
const BAR_BYTES = 2 ** 21;
const FIRST_BAR = 2 ** 40;

/** Number of measured rounds; `WARM_UPS`: number of rounds before them that are not measured. */
const ROUNDS = 15;
const WARM_UPS = 3;

function series<T>(count: number, make: (index: number) => T): T[] {
  return Array.from({ length: count }, (_, index) => make(index));
}

/**
 * A large machine. One switch of every four redirects traffic, and one of the four host bridges is
 * not listed.
 */
export function largeTree(): PciTree {
  const tree = buildPciTree(series(BRIDGES, (bridge) =>
    pciNode(
      "host_bridge",
      `h${bridge}`,
      series(PORTS, (port) =>
        pciNode("root_port", `h${bridge}r${port}`, [
          pciNode(
            "switch",
            `h${bridge}s${port}`,
            series(DEVICES, (device) => pciNode("endpoint", `h${bridge}p${port}d${device}`)),
            port === 0 ? { acs: ["request_redirect", "completion_redirect"] } : {},
          ),
        ])),
      { domain: bridge, vendorDevice: bridge === 0 ? "8086:1237" : "8086:2030" },
    )));
  tree.devices.forEach(({ func }, index) => {
    const basePhys = physAddr(FIRST_BAR + index * BAR_BYTES);
    func.bars = [{ index: 0, sizeBytes: BAR_BYTES, peerBytes: BAR_BYTES, basePhys }];
  });
  return tree;
}

/**
 * Determines the route for every pair for the first time; returns the number of routes of each
 * kind.
 */
export function askAll(tree: PciTree): Readonly<Record<string, number>> {
  const topology = new PciTopology(new Machine(defaultMachineConfig()), tree);
  const counts: Record<string, number> = { bus_addr: 0, thru_host_bridge: 0, not_supported: 0 };
  for (const { func: provider } of tree.devices) {
    for (const { func: client } of tree.devices) counts[topology.routes.kind(provider, client)]!++;
  }
  return counts;
}

/** The time for all pairs in milliseconds, as the median of the rounds. */
export function measureMatrix(rounds: number = ROUNDS, warmUps: number = WARM_UPS): number {
  const tree = largeTree();
  return medianOf(rounds, warmUps, () => 1000 * secondsOf(() => askAll(tree)));
}

export const P2P_MATRIX = plainBenchmark(
  "p2p.matrix256",
  "ms",
  "how each of 256 functions reaches the memory of each of them, worked out once",
  () => measureMatrix(),
);
