/**
 * How far two PCI functions are from each other, and how one reaches the other's memory.
 *
 * @see behaviour/p2p.md 9.4
 */
import type { PeerMapType } from "../../runtime/machine.ts";
import type { PciFunction } from "./pci_function.ts";

/** A worked-out route from a client to a provider of memory. */
export interface PeerRoute {
  /** Steps from the provider up and down again to the client. */
  readonly distance: number;
  readonly mapType: Exclude<PeerMapType, "none">;
  /** The function both chains meet at; null when they meet in a host bridge or above it. */
  readonly commonBridge: PciFunction | null;
  /** The functions on the path that redirect peer traffic upwards. */
  readonly redirecting: readonly PciFunction[];
  /** Names from provider to client. */
  readonly hops: readonly string[];
}

/** Works out the route between two functions. Pure: nothing is remembered. */
export function findRoute(provider: PciFunction, client: PciFunction): PeerRoute {
  const providerChain = provider.chain;
  const clientChain = client.chain;
  const redirecting: PciFunction[] = [];
  for (const [fromProvider, node] of providerChain.entries()) {
    if (node.redirects) redirecting.push(node);
    const fromClient = clientChain.indexOf(node);
    if (fromClient < 0) continue;
    const below = clientChain.slice(0, fromClient);
    redirecting.push(...below.filter((bridge) => bridge.redirects));
    return {
      distance: fromProvider + fromClient,
      mapType: redirecting.length === 0 ? "bus_addr" : acrossHostBridge(provider, client),
      commonBridge: node,
      redirecting,
      hops: names([...providerChain.slice(0, fromProvider + 1), ...below.reverse()]),
    };
  }
  const bridges = provider.hostBridge === client.hostBridge
    ? [provider.hostBridge.name]
    : [provider.hostBridge.name, client.hostBridge.name];
  return {
    distance: providerChain.length + clientChain.length,
    mapType: acrossHostBridge(provider, client),
    commonBridge: null,
    redirecting: [],
    hops: [...names(providerChain), ...bridges, ...names([...clientChain].reverse())],
  };
}

/** Traffic through the root complex works when the kernel's list has every bridge it meets. */
function acrossHostBridge(
  provider: PciFunction,
  client: PciFunction,
): "thru_host_bridge" | "not_supported" {
  return provider.hostBridge.whitelisted && client.hostBridge.whitelisted
    ? "thru_host_bridge"
    : "not_supported";
}

function names(functions: readonly PciFunction[]): string[] {
  return functions.map(({ name }) => name);
}
