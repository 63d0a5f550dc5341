/**
 * The PCI tree of a machine: which functions can do P2P DMA according to the kernel, and the routes
 * of their transactions.
 *
 * @see rules/p2p.md 9.1 to 9.8
 */
import {
  type DeviceAccess,
  type DmaAddr,
  invariant,
  type Machine,
  type PhysAddr,
  PTE_READ,
  PTE_WRITE,
} from "@dmalab/runtime";
import type { DmaDevice, PeerRouter } from "@dmalab/runtime/dma";
import type { PeerMapType } from "@dmalab/runtime/vocabulary";
import { type CpuIdentity, type HostBridge, ORDINARY_CPU } from "./host_bridge.ts";
import { iommuGroups, type PciIommuGroup } from "./iommu_groups.ts";
import { PciFunction } from "./pci_function.ts";
import type { PciTree } from "./pci_tree.ts";
import type { PeerMemory } from "./peers/peer_memory.ts";
import { PeerProviders } from "./peers/peer_providers.ts";
import { PeerRoutes } from "./peers/peer_routes.ts";
import { Wire } from "./peers/wire.ts";

export class PciTopology implements PeerRouter {
  readonly hostBridges: readonly HostBridge[];
  /** Every function, sorted by address, including ports of switches. */
  readonly functions: readonly PciFunction[];
  /** The groups at boot: changing access control later does not affect them. */
  readonly groups: readonly PciIommuGroup[];
  readonly providers: PeerProviders;
  readonly routes: PeerRoutes;
  readonly wire: Wire;
  readonly #machine: Machine;

  /**
   * @param machine Gets this topology as its router as soon as a function provides peer memory.
   *   Before that, accesses need no routing.
   * @param tree The functions of this tree have BARs; peer memory in these BARs is added and
   *   published.
   * @param cpu The processor of the boot CPU.
   */
  constructor(machine: Machine, tree: PciTree, readonly cpu: CpuIdentity = ORDINARY_CPU) {
    this.hostBridges = tree.hostBridges;
    this.functions = tree.functions;
    this.groups = iommuGroups(tree);
    this.#machine = machine;
    this.providers = new PeerProviders(machine, () => machine.peers ??= this);
    this.routes = new PeerRoutes(machine, this.providers, cpu);
    this.wire = new Wire(machine.events, tree.functions, cpu);
    for (const func of tree.functions) {
      for (const { index, peerBytes } of func.bars) {
        if (peerBytes === 0) continue;
        // If the size or place of the memory is unsuitable, the driver works without peer memory
        // (p2p.md 9.3).
        if (this.providers.addResource(func, index, peerBytes) === 0) {
          this.providers.publish(func, true);
        }
      }
    }
  }

  find(name: string): PciFunction | undefined {
    return this.functions.find((func) => func.name === name);
  }

  /**
   * Removes a function from its slot: none of its BARs answers any more. The function's driver is
   * unbound, at once or when its last peer memory is freed.
   */
  unplug(func: PciFunction): void {
    func.present = false;
    this.providers.unbind(func);
  }

  /** The peer memory of a function, or null if it provides none. */
  peerMemory(func: PciFunction): PeerMemory | null {
    return this.providers.of(func)?.pool ?? null;
  }

  /** @see PeerRouter */
  isPeerMemory(phys: PhysAddr): boolean {
    return this.providers.holding(phys) !== null;
  }

  /** @see PeerRouter */
  unmappedEnd(client: DmaDevice, dma: number): number {
    const func = functionOf(client);
    const window = func === null ? null : this.wire.atBus(func.hostBridge, dma);
    if (window === null) return -1;
    if (window.func === func) return window.busEnd;
    const phys = window.basePhys + dma - window.busStart;
    const end = this.providers.holding(phys)?.pool?.takenEnd(phys) ?? -1;
    return end < 0 ? -1 : dma + end - phys;
  }

  /** @see PeerRouter */
  providerAt(phys: PhysAddr): PciFunction | null {
    return this.providers.holding(phys)?.func ?? null;
  }

  /** @see PeerRouter */
  mapType(phys: PhysAddr, client: DmaDevice): PeerMapType {
    const provider = this.providers.holding(phys);
    if (provider === null) return "none";
    return this.routes.kind(provider.func, functionOf(client));
  }

  /** @see PeerRouter */
  busAddress(phys: PhysAddr): DmaAddr {
    const provider = this.providers.holding(phys);
    invariant(provider !== null, `0x${phys.toString(16)} is no peer memory`);
    return provider.busAddress(phys);
  }

  /** @see PeerRouter */
  resolveBusAddress(
    client: DmaDevice,
    dma: number,
    access: DeviceAccess = "read",
  ): PhysAddr | -1 | -2 {
    const func = functionOf(client);
    if (!this.wire.mayBeBus(dma)) {
      // The hops up to the translation are emitted only if events are observed.
      if (
        func !== null && this.#machine.events.attentive && this.#leadsToBar(client, dma, access)
      ) {
        this.wire.announce(func, dma, access);
      }
      return -1;
    }
    if (func === null) return -1;
    const phys = this.wire.climb(func, dma, access);
    if (phys >= 0) this.#arrived(client, dma, phys as PhysAddr);
    return phys;
  }

  /** @see PeerRouter */
  passesRoot(client: DmaDevice, dma: number, phys: PhysAddr, access: DeviceAccess): boolean {
    const func = functionOf(client);
    const window = this.wire.mayBePhys(phys) ? this.wire.atPhys(phys) : null;
    if (window === null) {
      if (func !== null && client.domain === null && this.wire.mayBeBus(dma)) {
        const meant = this.wire.atBus(func.hostBridge, dma);
        if (meant !== null) {
          this.#machine.checker?.peers.misrouted(client, dma, phys, meant.func.name);
        }
      }
      return true;
    }
    // A device that is no PCI function is on the CPU's side of the host bridges.
    if (func !== null && !this.wire.passRoot(func, dma, window, phys, access)) return false;
    this.#arrived(client, dma, phys);
    return true;
  }

  /** Whether the IOMMU translates the address of an access into an address in a BAR. */
  #leadsToBar({ domain }: DmaDevice, dma: number, access: DeviceAccess): boolean {
    if (domain === null || !domain.table.walk(dma)) return false;
    const { walkPhys, walkFlags } = domain.table;
    const needed = access === "read" ? PTE_READ : PTE_WRITE;
    return (walkFlags & needed) !== 0 && this.wire.mayBePhys(walkPhys) &&
      this.wire.atPhys(walkPhys) !== null;
  }

  /** Checks a transaction that has reached a BAR: the BAR's provider must still be bound. */
  #arrived(client: DmaDevice, dma: number, phys: PhysAddr): void {
    const { checker } = this.#machine;
    if (checker === null) return;
    const window = this.wire.atPhys(phys);
    if (window === null) return;
    const provider = this.providers.everOf(window.func);
    if (provider?.leaving === "left") checker.peers.usedAfterUnbind(client, dma, window.func.name);
  }
}

function functionOf(client: DmaDevice): PciFunction | null {
  return client.peer instanceof PciFunction ? client.peer : null;
}
