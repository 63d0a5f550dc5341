/**
 * The P2P mapping types and distances between peers, as the kernel computes them, with the kernel's
 * cache of these results.
 *
 * @see rules/p2p.md 9.4, 9.5
 */
import {
  eventId,
  type EventStream,
  type KernelWarnings,
  type Platform,
  type Random,
} from "@dmalab/runtime";
import type { PeerMapType } from "@dmalab/runtime/vocabulary";
import type { CpuIdentity } from "../host_bridge.ts";
import type { PciFunction } from "../pci_function.ts";
import type { PeerProvider } from "./peer_provider.ts";
import type { PeerProviders } from "./peer_providers.ts";
import { findRoute, type PeerRoute } from "./route.ts";

const P2P_ROUTE = eventId("p2p.route");
const P2P_CHOOSE = eventId("p2p.choose");

/** Largest number of providers at equal distance that are collected. */
const MAX_TIED = 512;

export class PeerRoutes {
  /** `computed`: number of computed routes; `remembered`: number of answers from the cache. */
  computed = 0;
  remembered = 0;
  readonly #events: EventStream;
  readonly #warnings: KernelWarnings;
  readonly #providers: PeerProviders;
  readonly #cpu: CpuIdentity;

  constructor({ events, warnings }: Platform, providers: PeerProviders, cpu: CpuIdentity) {
    this.#events = events;
    this.#warnings = warnings;
    this.#providers = providers;
    this.#cpu = cpu;
  }

  /**
   * The mapping type of a provider's memory for a client, from the cache if possible.
   *
   * A cached answer stays until `distance` computes the answer anew. No other change refreshes it,
   * not even a change of ACS services.
   *
   * @param client Null for a device that is no PCI function.
   */
  kind(func: PciFunction, client: PciFunction | null): Exclude<PeerMapType, "none"> {
    const provider = this.#providers.of(func);
    if (provider === null || client === null) return "not_supported";
    const cached = provider.routes.get(client.address.key);
    if (cached !== undefined) {
      this.remembered++;
      this.#emit(cached, true);
      return cached.mapType;
    }
    const route = this.#compute(func, client);
    this.#warn("pci_p2pdma_map_type", route, true);
    this.#emit(route, false);
    return route.mapType;
  }

  /** The answer that `kind` would give now, without changing the cache, emitting events or warning. */
  expectedKind(func: PciFunction, client: PciFunction): Exclude<PeerMapType, "none"> {
    const provider = this.#providers.of(func);
    if (provider === null) return "not_supported";
    const route = provider.routes.get(client.address.key) ?? findRoute(func, client, this.#cpu);
    return route.mapType;
  }

  /**
   * The sum of distances from a provider to its clients: smaller is better.
   *
   * @param clients For each client the nearest PCI function at or above it; null if the client has
   *   no such function.
   * @param verbose Whether to warn about obstacles, and to continue after the first client that
   *   cannot reach the memory.
   * @returns -1 without clients, or if a client cannot reach the memory.
   */
  distance(
    provider: PciFunction,
    clients: readonly (PciFunction | null)[],
    verbose = false,
  ): number {
    if (clients.length === 0 || !this.#providers.built) return -1;
    let sum = 0;
    for (const client of clients) {
      if (client === null) {
        if (verbose) {
          this.#warnings.warn(
            "pci_p2pdma_distance",
            `A client of ${provider.name} is no PCI device, nor is anything above it`,
            "cannot be used for peer-to-peer DMA as it is not a PCI device",
          );
        }
        return -1;
      }
      const route = this.#compute(provider, client);
      this.#warn("pci_p2pdma_distance", route, verbose);
      this.#emit(route, false);
      if (route.mapType !== "not_supported") {
        if (sum >= 0) sum += route.distance;
        continue;
      }
      sum = -1;
      if (!verbose) break;
    }
    return sum;
  }

  /**
   * The published provider that is nearest to all clients. Takes a reference to the device, which
   * the caller must drop.
   *
   * @param random Chooses among equally near providers.
   * @returns Null if no provider can be reached by all clients.
   */
  find(clients: readonly (PciFunction | null)[], random: Random): PeerProvider | null {
    let nearest = Infinity;
    let tied: PeerProvider[] = [];
    for (const provider of this.#providers.all) {
      if (provider.state !== "published") continue;
      const distance = this.distance(provider.func, clients);
      if (distance < 0 || distance > nearest) continue;
      if (distance < nearest) {
        nearest = distance;
        tied = [];
      }
      if (tied.length < MAX_TIED) tied.push(provider);
    }
    const chosen = tied.length === 0 ? null : tied[random.below(tied.length)]!;
    if (chosen !== null) chosen.deviceReferences++;
    if (this.#events.tick(P2P_CHOOSE)) {
      this.#events.emit(P2P_CHOOSE, {
        clients: clients.map((client) => client?.name ?? "none"),
        provider: chosen === null ? null : chosen.func.name,
        distance: chosen === null ? null : nearest,
        tied: tied.map(({ func }) => func.name),
      }, { rule: "p2p.9.5", inputs: { candidates: this.#providers.all.length } });
    }
    return chosen;
  }

  #compute(func: PciFunction, client: PciFunction): PeerRoute {
    this.computed++;
    const route = findRoute(func, client, this.#cpu);
    this.#providers.of(func)?.routes.set(client.address.key, route);
    return route;
  }

  /**
   * Warns in the same way as the kernel, on behalf of the client.
   * @param at Name of the kernel function that was called.
   */
  #warn(at: string, route: PeerRoute, verbose: boolean): void {
    const { provider, client, redirecting, mapType, check } = route;
    const refused = mapType === "not_supported";
    if (redirecting.length === 0 && !refused) return;
    const outer = this.#events.context.enterDevice(client.name);
    const between = `${client.name} and ${provider.name}`;
    if (redirecting.length > 0) {
      if (verbose) {
        const list = redirecting.map(({ address }) => address).join(";");
        this.#warnings.warn(
          at,
          `Access control redirects traffic between ${between}`,
          `ACS redirect is set between the client and provider (${provider.address})`,
        );
        this.#warnings.warn(
          at,
          `To let it pass directly, boot with pci=disable_acs_redir=${list}: what is below these ` +
            "functions is then not kept apart",
          "to disable ACS redirect for this path, add the kernel parameter: " +
            `pci=disable_acs_redir=${list}`,
        );
      }
      if (refused) {
        const bridge = check!.refused!;
        this.#warnings.warn(
          at,
          `The root device of ${bridge.name} is not on the list`,
          "Host bridge not in P2PDMA whitelist",
        );
      }
    }
    if (refused && verbose) {
      this.#warnings.warn(
        at,
        `No common bridge and no listed host bridge for ${between}`,
        "cannot be used for peer-to-peer DMA as the client and provider " +
          `(${provider.address}) do not share an upstream bridge or whitelisted host bridge`,
      );
    }
    this.#events.context.leaveDevice(outer);
  }

  #emit(route: PeerRoute, cached: boolean): void {
    if (!this.#events.tick(P2P_ROUTE)) return;
    this.#events.emit(
      P2P_ROUTE,
      {
        provider: route.provider.name,
        client: route.client.name,
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
