/**
 * How far two PCI functions are from each other, and how one reaches the other's memory, as the
 * kernel works it out.
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

/** What stands on a path: functions, and host bridges where it leaves the tree. */
export type PathNode = PciFunction | HostBridge;

const NONE: readonly PciFunction[] = [];

/** What was found out about the way from a client to a provider. */
interface RouteFacts {
  /** Steps from the provider up and down again to the client. */
  readonly distance: number;
  readonly mapType: Exclude<PeerMapType, "none">;
  /** The function both chains meet at; null when they meet in a host bridge or above it. */
  readonly commonBridge: PciFunction | null;
  /** The functions on the path that redirect peer traffic upwards, provider's side first. */
  readonly redirecting: readonly PciFunction[];
  /** What the host-bridge check said; null when it was not consulted. */
  readonly check: HostBridgeCheck | null;
}

/** A worked-out route from a client to a provider of memory. */
export class PeerRoute implements RouteFacts {
  readonly distance: number;
  readonly mapType: Exclude<PeerMapType, "none">;
  readonly commonBridge: PciFunction | null;
  readonly redirecting: readonly PciFunction[];
  readonly check: HostBridgeCheck | null;

  constructor(readonly provider: PciFunction, readonly client: PciFunction, facts: RouteFacts) {
    this.distance = facts.distance;
    this.mapType = facts.mapType;
    this.commonBridge = facts.commonBridge;
    this.redirecting = facts.redirecting;
    this.check = facts.check;
  }

  /** Everything on the way from the provider to the client. */
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

  /** The names on the way. */
  get hops(): readonly string[] {
    return this.path.map(({ name }) => name);
  }

  /**
   * The functions below and at the common bridge with unknown ACS redirects. The route counts them
   * as if they did not redirect; any of them may change it.
   */
  get uncertain(): readonly PciFunction[] {
    if (this.commonBridge === null) return NONE;
    return this.path.filter((node): node is PciFunction =>
      "acs" in node && node.acs.presence === "unknown"
    );
  }
}

/**
 * Works out the route between two functions. Pure: nothing is cached.
 * @param cpu The processor, which some host bridges are trusted for.
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
    return new PeerRoute(provider, client, {
      distance: up + down,
      mapType: check === null ? "bus_addr" : throughHostBridge(check),
      commonBridge: node,
      redirecting: redirecting ?? NONE,
      check,
    });
  }
  const check = checkHostBridges(cpu, provider.hostBridge, client.hostBridge);
  return new PeerRoute(provider, client, {
    distance: providerChain.length + clientChain.length,
    mapType: throughHostBridge(check),
    commonBridge: null,
    redirecting: NONE,
    check,
  });
}

function throughHostBridge({ passes }: HostBridgeCheck): "thru_host_bridge" | "not_supported" {
  return passes ? "thru_host_bridge" : "not_supported";
}
