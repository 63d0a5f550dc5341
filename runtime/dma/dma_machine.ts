/**
 * The DMA layer's interface to its machine: the platform, its IOMMU, the checker, and routes to
 * peers.
 */
import type { Bytes, DmaAddr, PhysAddr } from "../address.ts";
import type { DeviceAccess, Iommu, IommuPlatform } from "../iommu/iommu.ts";
import type { CpuCaches } from "../memory/cpu_caches.ts";
import type { PeerMapType } from "../vocabulary/shared_words.ts";
import type { DmaChecker } from "./checker/dma_checker.ts";
import type { DmaDevice } from "./device/device.ts";
import type { DeviceMemory } from "./device/device_memory.ts";
import type { MapBranch, OutOfReach } from "./paths/map_branch.ts";

/** An observer of the memory that devices access. @internal */
export interface AccessWatcher {
  /**
   * A device reads or writes memory, which lies in one page.
   * @param dma The address as the device sees it.
   */
  accessed(
    dev: DmaDevice,
    dma: number,
    phys: PhysAddr,
    sizeBytes: Bytes,
    access: DeviceAccess,
  ): void;
}

/** The runtime's questions to the PCI tree, which is above it. */
export interface PeerRouter {
  /** Whether a page is a peer's at all. Does not look for a route. */
  isPeerMemory(phys: PhysAddr): boolean;
  /**
   * The end of the memory that a device may access from a bus address on without a mapping: its own
   * BAR, or allocated peer memory, with a bus address that drivers get; -1 for nothing.
   */
  unmappedEnd(client: DmaDevice, dma: number): number;
  /** How `client` reaches the memory at `phys`. */
  mapType(phys: PhysAddr, client: DmaDevice): PeerMapType;
  /** The PCI bus address of peer memory. */
  busAddress(phys: PhysAddr): DmaAddr;
  /** What lends the memory at `phys`, to tell one provider from another; null for none. */
  providerAt(phys: PhysAddr): unknown;
  /**
   * Where an access of `client` ends when its address lies in a BAR that it reaches without passing
   * the root complex; -1 when it goes there; -2 when it, or the answer to it, is lost on the way.
   */
  resolveBusAddress(client: DmaDevice, dma: number, access: DeviceAccess): PhysAddr | -1 | -2;
  /**
   * Whether the root complex carries on an access that it has translated, or need not.
   * @param phys Where it leads; memory of the host is always carried on to.
   */
  passesRoot(client: DmaDevice, dma: number, phys: PhysAddr, access: DeviceAccess): boolean;
}

/** How the release maps, and what became of the last map. */
export interface MapDecisions {
  /** The branch on which the last map failed; null where nothing in it decided that. */
  refusal: MapBranch | null;
  /** The buffer of the last failed map that the device cannot reach; null where that did not decide it. */
  outOfReach: OutOfReach | null;
  /** The branch that the last map took which did not fail. */
  taken: MapBranch;
  /** Whether the map under way is of a single buffer or of a list. */
  caller: "single" | "list";
}

/** A machine as the DMA layer knows it. */
export interface DmaMachine extends IommuPlatform {
  readonly iommu: Iommu;
  readonly dma: MapDecisions;
  readonly checker: DmaChecker | null;
  readonly deviceMemory: DeviceMemory | null;
  readonly peers: PeerRouter | null;
  readonly accessWatchers: readonly AccessWatcher[];
  useCaches(): CpuCaches;
}
