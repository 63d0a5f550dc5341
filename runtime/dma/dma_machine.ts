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
   * Called when a device reads or writes memory. The accessed bytes lie in one page.
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

/** The PCI tree's routing functions that the runtime calls; the PCI tree is a higher layer. */
export interface PeerRouter {
  /** Whether a page is peer memory. Does not search for a route. */
  isPeerMemory(phys: PhysAddr): boolean;
  /**
   * The end of the memory that a device may access at a bus address without a mapping. Such memory
   * is the device's own BAR, or allocated peer memory with a bus address that drivers use; -1 for
   * any other address.
   */
  unmappedEnd(client: DmaDevice, dma: number): number;
  /** How `client` reaches the memory at `phys`. */
  mapType(phys: PhysAddr, client: DmaDevice): PeerMapType;
  /** The PCI bus address of peer memory. */
  busAddress(phys: PhysAddr): DmaAddr;
  /** The provider of the memory at `phys`, for comparison with another; null for none. */
  providerAt(phys: PhysAddr): unknown;
  /**
   * The physical address that an access of `client` reaches when it goes to a BAR without passing
   * the root complex; -1 when it goes to the root complex; -2 when the access or its completion is
   * lost on the way.
   */
  resolveBusAddress(client: DmaDevice, dma: number, access: DeviceAccess): PhysAddr | -1 | -2;
  /**
   * Whether the root complex forwards an access, after any translation.
   * @param phys The access's target; an access to the host's memory is always forwarded.
   */
  passesRoot(client: DmaDevice, dma: number, phys: PhysAddr, access: DeviceAccess): boolean;
}

/** Properties of the current map call, and the result of the last one. */
export interface MapDecisions {
  /** The branch on which the last map failed; null where no branch of the map decided the failure. */
  refusal: MapBranch | null;
  /**
   * The buffer that the device cannot reach, if the last map failed for that reason; null if it failed
   * for another reason.
   */
  outOfReach: OutOfReach | null;
  /** The branch of the last successful map. */
  taken: MapBranch;
  /** Whether the current map call is for a single buffer or for a list. */
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
