/**
 * Computes the distance between two PCI functions, and how one function reaches the memory of the
 * other, as the kernel does.
 *
 * @see rules/p2p.md 9.4
 */
import type { PeerMapType } from "@dmalab/runtime/vocabulary";
import {
  checkHostBridges,
  type CpuIdentity,
  type HostBridge,
  type HostBridgeCheck,
  ORDINARY_CPU,
} from "../host_bridge.ts";
import type { PciFunction } from "../pci_function.ts";

/** The nodes of a path: functions, and host bridges if the path leaves the tree. */
export type PathNode = PciFunction | HostBridge;

const NONE: readonly PciFunction[] = [];

/** A route between a client and a provider of memory. */
export class PeerRoute {
  constructor(
    readonly provider: PciFunction,
    readonly client: PciFunction,
    /** Number of steps up from the provider and down to the client. */
    readonly distance: number,
    /**
     * The function at which the chains of both functions meet; null if the chains meet in a host
     * bridge or above it.
     */
    readonly commonBridge: PciFunction | null,
    /**
     * The functions on the path that redirect peer traffic upstream, beginning on the provider's
     * side.
     */
    readonly redirecting: readonly PciFunction[],
    /** The result of the host-bridge check; null if it was not needed. */
    readonly check: HostBridgeCheck | null,
  ) {}

  get mapType(): Exclude<PeerMapType, "none"> {
    if (this.check === null) return "bus_addr";
    return this.check.passes ? "thru_host_bridge" : "not_supported";
  }

  /** All nodes from the provider to the client. */
  get path(): readonly PathNode[] {
    const { provider, client, commonBridge } = this;
    if (commonBridge !== null) {
      const up = provider.chain.slice(0, provider.chain.indexOf(commonBridge) + 1);
      const down = client.chain.slice(0, client.chain.indexOf(commonBridge));
      return [...up, ...down.reverse()];
    }
    const bridges = provider.hostBridge === client.hostBridge
      ? [provider.hostBridge]
      : [provider.hostBridge, client.hostBridge];
    return [...provider.chain, ...bridges, ...[...client.chain].reverse()];
  }

  /** The names of the nodes. */
  get hops(): readonly string[] {
    return this.path.map(({ name }) => name);
  }

  /**
   * Those functions up to the common bridge for which it is unknown whether ACS redirects are
   * enabled. The route assumes that these functions do not redirect. If one of them does, the route
   * is different.
   */
  get uncertain(): readonly PciFunction[] {
    if (this.commonBridge === null) return NONE;
    return this.path.filter((node): node is PciFunction =>
      "acs" in node && node.acs.presence === "unknown"
    );
  }
}

/**
 * Computes the route between two functions, without a cache.
 * @param cpu The processor. With some models of processor, the kernel trusts all host bridges.
 */
export function findRoute(
  provider: PciFunction,
  client: PciFunction,
  cpu: CpuIdentity = ORDINARY_CPU,
): PeerRoute {
  const providerChain = provider.chain;
  const clientChain = client.chain;
  let redirecting: PciFunction[] | null = null;
  for (let up = 0; up < providerChain.length; up++) {
    const node = providerChain[up]!;
    if (node.redirects) (redirecting ??= []).push(node);
    const down = clientChain.indexOf(node);
    if (down < 0) continue;
    for (let below = 0; below < down; below++) {
      const bridge = clientChain[below]!;
      if (bridge.redirects) (redirecting ??= []).push(bridge);
    }
    const check = redirecting === null
      ? null
      : checkHostBridges(cpu, provider.hostBridge, client.hostBridge);
    return new PeerRoute(provider, client, up + down, node, redirecting ?? NONE, check);
  }
  const distance = providerChain.length + clientChain.length;
  const check = checkHostBridges(cpu, provider.hostBridge, client.hostBridge);
  return new PeerRoute(provider, client, distance, null, NONE, check);
}
