/**
 * The PCI tree as the kernel knows it: who may reach whose memory, and over which addresses.
 *
 * @see behaviour/p2p.md 9.1 to 9.5
 */
import type { DmaAddr, PhysAddr } from "../../runtime/address.ts";
import type { DmaDevice } from "../../runtime/dma/device.ts";
import { invariant } from "../../runtime/errno.ts";
import { eventId } from "../../runtime/event_vocabulary.ts";
import type { EventStream } from "../../runtime/events.ts";
import type { PeerMapType, PeerRouter } from "../../runtime/machine.ts";
import type { KernelWarnings } from "../../runtime/warnings.ts";
import { PeerMemory } from "./peer_memory.ts";
import { type CpuIdentity, type HostBridge, ORDINARY_CPU } from "./host_bridge.ts";
import type { Bar } from "./pci_function.ts";
import { PciFunction } from "./pci_function.ts";
import type { PciTree } from "./pci_tree.ts";
import { findRoute, type PeerRoute } from "./route.ts";

const P2P_ROUTE = eventId("p2p.route");

/** A BAR that peers can address. */
interface MemoryBar {
  readonly owner: PciFunction;
  readonly bar: Bar;
  readonly peerEnd: number;
  readonly busBase: number;
}

/** Where an access that never reaches the host bridge ends: a span of bus addresses of a BAR. */
interface Reachable {
  readonly busStart: number;
  readonly busEnd: number;
  readonly basePhys: number;
}

export class PciTopology implements PeerRouter {
  readonly hostBridges: readonly HostBridge[];
  /** Every function in the order of addresses, ports of switches included. */
  readonly functions: readonly PciFunction[];
  readonly cpu: CpuIdentity;
  readonly #events: EventStream;
  readonly #warnings: KernelWarnings;
  readonly #bars: readonly MemoryBar[];
  readonly #memories = new Map<PciFunction, PeerMemory>();
  /** By provider, then by the client's address. */
  readonly #cache = new Map<PciFunction, Map<number, PeerRoute>>();
  readonly #reachable = new Map<PciFunction, readonly Reachable[]>();
  /** The client asked about last, and its answer: accesses come in runs. */
  #lastClient: PciFunction | null = null;
  #lastReachable: readonly Reachable[] = [];

  /**
   * @param tree Its functions have their BARs.
   * @param cpu The processor that the machine booted on.
   */
  constructor(
    machine: { readonly events: EventStream; readonly warnings: KernelWarnings },
    tree: PciTree,
    cpu: CpuIdentity = ORDINARY_CPU,
  ) {
    this.cpu = cpu;
    this.hostBridges = tree.hostBridges;
    this.functions = tree.functions;
    this.#events = machine.events;
    this.#warnings = machine.warnings;
    const bars: MemoryBar[] = [];
    for (const owner of tree.functions) {
      for (const bar of owner.bars) {
        if (bar.peerBytes === 0) continue;
        const peerEnd = bar.basePhys + bar.peerBytes;
        bars.push({ owner, bar, peerEnd, busBase: bar.basePhys + owner.hostBridge.busOffset });
        this.#memories.set(owner, new PeerMemory(bar.basePhys, bar.peerBytes));
      }
    }
    this.#bars = bars;
  }

  /** Some function has memory that peers can address. */
  get lendsMemory(): boolean {
    return this.#bars.length > 0;
  }

  /** The function with this name, or undefined. */
  find(name: string): PciFunction | undefined {
    return this.functions.find((func) => func.name === name);
  }

  /** The memory a function lends to peers, or null when it has none. */
  peerMemory(func: PciFunction): PeerMemory | null {
    return this.#memories.get(func) ?? null;
  }

  /** The function whose peer memory holds an address, or null. */
  providerOf(phys: PhysAddr): PciFunction | null {
    return this.#barOf(phys)?.owner ?? null;
  }

  /**
   * The kind of a provider's memory for a client, from the cache where it has the answer.
   *
   * What is computed stays until `distance` computes it anew: neither switching services nor
   * anything else refreshes it.
   * @see behaviour/p2p.md 9.5
   */
  kind(provider: PciFunction, client: PciFunction): Exclude<PeerMapType, "none"> {
    const cached = this.#cache.get(provider)?.get(client.address.key);
    const route = cached ?? this.#compute(provider, client);
    if (cached === undefined) this.#warn("pci_p2pdma_map_type", provider, client, route);
    this.#emit(provider, client, route, cached !== undefined);
    return route.mapType;
  }

  /**
   * The sum of distances from a provider to its clients: the smaller, the better.
   *
   * @param verbose Warn about what stands in the way.
   * @returns -1 without clients and when one of them cannot reach the memory.
   */
  distance(provider: PciFunction, clients: readonly PciFunction[], verbose = false): number {
    if (clients.length === 0) return -1;
    let sum = 0;
    for (const client of clients) {
      const route = this.#compute(provider, client);
      if (verbose) this.#warn("pci_p2pdma_distance", provider, client, route);
      this.#emit(provider, client, route, false);
      if (route.mapType !== "not_supported") {
        if (sum >= 0) sum += route.distance;
        continue;
      }
      sum = -1;
      if (!verbose) break;
    }
    return sum;
  }

  /** @see PeerRouter */
  isPeerMemory(phys: PhysAddr): boolean {
    return this.#barOf(phys) !== null;
  }

  /** @see PeerRouter */
  mapType(phys: PhysAddr, client: DmaDevice): PeerMapType {
    const bar = this.#barOf(phys);
    if (bar === null) return "none";
    return client.peer instanceof PciFunction ? this.kind(bar.owner, client.peer) : "not_supported";
  }

  /** @see PeerRouter */
  busAddress(phys: PhysAddr): DmaAddr {
    const bar = this.#barOf(phys);
    invariant(bar !== null, `0x${phys.toString(16)} is no peer memory`);
    return (bar.busBase + (phys - bar.bar.basePhys)) as DmaAddr;
  }

  /** @see PeerRouter */
  resolveBusAddress(client: DmaDevice, dma: number): PhysAddr | -1 {
    if (this.#bars.length === 0 || !(client.peer instanceof PciFunction)) return -1;
    for (const { busStart, busEnd, basePhys } of this.#reachableFrom(client.peer)) {
      if (dma >= busStart && dma < busEnd) return (basePhys + (dma - busStart)) as PhysAddr;
    }
    return -1;
  }

  #barOf(phys: number): MemoryBar | null {
    for (const bar of this.#bars) {
      if (phys >= bar.bar.basePhys && phys < bar.peerEnd) return bar;
    }
    return null;
  }

  #compute(provider: PciFunction, client: PciFunction): PeerRoute {
    const route = findRoute(provider, client, this.cpu);
    let routes = this.#cache.get(provider);
    if (routes === undefined) {
      routes = new Map();
      this.#cache.set(provider, routes);
    }
    routes.set(client.address.key, route);
    return route;
  }

  /** The wires do not ask the kernel: what is not redirected arrives below the common bridge. */
  #reachableFrom(client: PciFunction): readonly Reachable[] {
    if (client === this.#lastClient) return this.#lastReachable;
    let reachable = this.#reachable.get(client);
    if (reachable === undefined) {
      reachable = this.#bars
        .filter(({ owner }) => findRoute(owner, client).mapType === "bus_addr")
        .map(({ bar, busBase }) => ({
          busStart: busBase,
          busEnd: busBase + bar.sizeBytes,
          basePhys: bar.basePhys,
        }));
      this.#reachable.set(client, reachable);
    }
    this.#lastClient = client;
    this.#lastReachable = reachable;
    return reachable;
  }

  /** @param at The function that was asked, by its kernel name. */
  #warn(at: string, provider: PciFunction, client: PciFunction, route: PeerRoute): void {
    const between = `${client.name} and ${provider.name}`;
    if (route.redirecting.length > 0) {
      const list = route.redirecting.map(({ address }) => address).join(";");
      this.#warnings.warn(at, `Access control redirects traffic between ${between}`);
      this.#warnings.warn(at, `To let it pass, switch redirection off for ${list}`);
    }
    if (route.mapType !== "not_supported") return;
    if (route.redirecting.length > 0) {
      this.#warnings.warn(
        at,
        `The root device of ${route.check!.refused!.name} is not on the list`,
      );
    }
    this.#warnings.warn(at, `No common bridge and no listed host bridge for ${between}`);
  }

  #emit(provider: PciFunction, client: PciFunction, route: PeerRoute, cached: boolean): void {
    if (!this.#events.tick(P2P_ROUTE)) return;
    this.#events.emit(
      P2P_ROUTE,
      {
        provider: provider.name,
        client: client.name,
        distance: route.mapType === "not_supported" ? null : route.distance,
        map_type: route.mapType,
        hops: route.hops,
        cached,
      },
      {
        rule: "p2p.9.4",
        inputs: {
          common_bridge: route.commonBridge?.name ?? null,
          redirecting: route.redirecting.map(({ name }) => name),
          host_bridge: route.check === null ? "not asked" : route.check.reason,
        },
      },
    );
  }
}
