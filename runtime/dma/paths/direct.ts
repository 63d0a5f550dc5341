/**
 * Mapping for devices without translation: the physical address itself, or a bounce buffer.
 *
 * `DmaMapping` calls these functions for a device without a translating domain, and emits `dma.map`
 * and `dma.unmap`. A caller checks `machine.swiotlb.contains(dma)` to know whether a buffer was
 * bounced.
 *
 * @see rules/dma.md ch. 2
 */
import {
  addressDigits,
  type Bytes,
  DMA_MAPPING_ERROR,
  type DmaAddr,
  hexAddress,
  lastAddressOfBits,
  type PhysAddr,
} from "../../address.ts";
import type { DmaMachine } from "../dma_machine.ts";
import { DMA_ATTR, type DmaDirection } from "../attributes.ts";
import { cleanCaches, handOver, type MemoryOwner, sharesCacheLine } from "./cache_maintenance.ts";
import type { DmaDevice } from "../device/device.ts";
import {
  directAddress,
  MAP_BRANCH,
  MAP_FAILURE,
  type MapBranch,
  reaches,
  UNTOUCHABLE,
} from "./map_branch.ts";
import { refuseMap, refuseUnreached } from "./refusal.ts";

const { CC_SHARED, MMIO, REQUIRE_COHERENT, SKIP_CPU_SYNC } = DMA_ATTR;
const NOT_TO_TOUCH = UNTOUCHABLE;

/**
 * The kernel functions that warn of an address out of reach. Single buffers, lists and bounce
 * buffers (`swiotlb_map`) each warn once. @see rules/dma.md 2.1
 */
const OVERFLOW_SITES = { single: "dma_direct_map", list: "dma_direct_map_sg" } as const;

/**
 * Maps a buffer at its address on the device's bus, or through a bounce buffer when the device
 * cannot reach it.
 *
 * @param phys First byte; any alignment.
 * @param attrs Bits of `DMA_ATTR`.
 * @returns The address for the device, or `DMA_MAPPING_ERROR`.
 * @see rules/dma.md 2.1
 */
export function directMapPhys(
  machine: DmaMachine,
  dev: DmaDevice,
  phys: PhysAddr,
  sizeBytes: Bytes,
  dir: DmaDirection,
  attrs: number,
): DmaAddr {
  const branch = directBranch(machine, dev, phys, sizeBytes, dir, attrs);
  machine.dma.taken = branch;
  if (branch.outcome !== "direct") return mapElsewhere(machine, dev, phys, sizeBytes, dir, attrs);
  if (!dev.coherent && (attrs & SKIP_CPU_SYNC) === 0) cleanCaches(machine, phys, sizeBytes);
  // The unencrypted address of a shared page is its direct address.
  return directAddress(dev, phys);
}

/** Maps a buffer on a branch other than the direct mapping of memory. */
function mapElsewhere(
  machine: DmaMachine,
  dev: DmaDevice,
  phys: PhysAddr,
  sizeBytes: Bytes,
  dir: DmaDirection,
  attrs: number,
): DmaAddr {
  const branch = machine.dma.taken;
  switch (branch.outcome) {
    case "mmio":
      return mmioAddress(machine, dev, phys);
    case "bounce":
      return bounce(machine, dev, phys, sizeBytes, dir, attrs);
    case "overflow":
      return overflow(machine, dev, phys, addressOf(machine, dev, phys, attrs), sizeBytes, branch);
    default:
      return branch === MAP_BRANCH.OWN_OPS_UNREACHABLE
        ? refuseUnreached(machine, dev, branch, phys, directAddress(dev, phys))
        : refuseMap(machine, branch);
  }
}

/**
 * Ends a direct mapping. For a buffer of a coherent device that was never bounced, there is nothing
 * to do, so an unbalanced unmap call goes unnoticed.
 *
 * @see rules/dma.md 2.2
 */
export function directUnmapPhys(
  machine: DmaMachine,
  dev: DmaDevice,
  dma: DmaAddr,
  sizeBytes: Bytes,
  dir: DmaDirection,
  attrs: number,
): void {
  if ((attrs & NOT_TO_TOUCH) !== 0) return;
  if (dev.coherent && !machine.swiotlb.contains(physBehind(dev, dma))) return;
  if ((attrs & SKIP_CPU_SYNC) === 0) directSync(machine, dev, dma, sizeBytes, dir, "cpu");
  machine.swiotlb.release(dev, physBehind(dev, dma), dir, attrs);
}

/** Hands a mapping, or a part of one, to the CPU or to the device. @see rules/dma.md 2.2 */
export function directSync(
  machine: DmaMachine,
  dev: DmaDevice,
  dma: DmaAddr,
  sizeBytes: Bytes,
  dir: DmaDirection,
  owner: MemoryOwner,
): void {
  handOver(machine, dev, physBehind(dev, dma), sizeBytes, dir, owner);
}

/**
 * The physical address for an address that a map returned. A bus address outside all ranges of the bus
 * has no physical address.
 */
export function physBehind(dev: DmaDevice, dma: DmaAddr): PhysAddr {
  return (dev.rangeMap === null ? dma : dev.rangeMap.physOf(dma)) as number as PhysAddr;
}

function bounce(
  machine: DmaMachine,
  dev: DmaDevice,
  phys: PhysAddr,
  sizeBytes: Bytes,
  dir: DmaDirection,
  attrs: number,
): DmaAddr {
  if (machine.kernel.peer_memory_never_bounced && isPeerMemory(machine, dev, phys)) {
    const { PEER_NOT_BOUNCED } = MAP_FAILURE;
    return overflow(machine, dev, phys, directAddress(dev, phys), sizeBytes, PEER_NOT_BOUNCED);
  }
  const tlb = machine.swiotlb.map(dev, phys, sizeBytes, 0, dir, attrs);
  if (tlb === DMA_MAPPING_ERROR) return refuseMap(machine, MAP_FAILURE.POOL_FULL);
  const dma = directAddress(dev, tlb);
  if (reaches(dev, dma, sizeBytes)) {
    // The data copied into the bounce buffer lies in the CPU's caches, like the data that a sync
    // copies.
    if (!dev.coherent && (attrs & SKIP_CPU_SYNC) === 0) {
      cleanCaches(machine, tlb as PhysAddr, sizeBytes);
    }
    return dma;
  }
  machine.swiotlb.release(dev, tlb as PhysAddr, dir, attrs);
  return overflow(machine, dev, tlb, dma, sizeBytes, MAP_FAILURE.POOL_UNREACHABLE);
}

function isPeerMemory(machine: DmaMachine, dev: DmaDevice, phys: PhysAddr): boolean {
  return machine.peers !== null && machine.peers.mapType(phys, dev) !== "none";
}

/** @param dma The address that the buffer would have for the device. */
function overflow(
  machine: DmaMachine,
  dev: DmaDevice,
  phys: number,
  dma: DmaAddr,
  sizeBytes: Bytes,
  branch: MapBranch,
): DmaAddr {
  const { dma: { caller }, kernel } = machine;
  const site = OVERFLOW_SITES[kernel.overflow_warns_per_call ? caller : "single"];
  const isPool = branch === MAP_FAILURE.POOL_UNREACHABLE;
  const { rangeMap } = dev;
  machine.warnings.warnOnce(
    isPool ? "swiotlb_map" : site,
    `Device "${dev.name}" cannot reach ${hexAddress(phys)} (${sizeBytes} bytes): ` +
      (dma === DMA_MAPPING_ERROR && rangeMap !== null
        ? `its bus has memory ${rangeMap.memoryText} only`
        : `its last address is ${hexAddress(dev.lastAddress)}`),
    `${isPool ? "swiotlb" : "DMA"} addr ${loggedAddress(dma)}+${sizeBytes} ` +
      `overflow (mask ${addressDigits(lastAddressOfBits(dev.maskBits))}, ` +
      `bus limit ${addressDigits(loggedBusLimit(dev))}).`,
  );
  return refuseUnreached(machine, dev, branch, phys, dma);
}

/** An address as the kernel prints it; for the error value, all bits are set. */
function loggedAddress(dma: DmaAddr): string {
  const address = dma === DMA_MAPPING_ERROR ? lastAddressOfBits(64) : dma;
  return `0x${addressDigits(address).padStart(16, "0")}`;
}

/**
 * The bus limit that firmware gives a device: the smaller of the width of the bus and the end of
 * its ranges; 0 if there is no limit.
 */
function loggedBusLimit({ busLimitBits, rangeMap }: DmaDevice): number {
  const carried = busLimitBits === 0 ? [] : [lastAddressOfBits(busLimitBits)];
  const limits = rangeMap === null ? carried : [...carried, rangeMap.lastDma];
  return limits.length === 0 ? 0 : Math.min(...limits);
}

/** The address of a buffer on the device's bus. */
function addressOf(machine: DmaMachine, dev: DmaDevice, phys: number, attrs: number): DmaAddr {
  return (attrs & MMIO) !== 0 ? mmioAddress(machine, dev, phys) : directAddress(dev, phys);
}

/**
 * The address of MMIO on the device's bus; not every release translates the physical address.
 * @see rules/v7.3.md 3.1
 */
function mmioAddress(machine: DmaMachine, dev: DmaDevice, phys: number): DmaAddr {
  return machine.kernel.mmio_untranslated ? phys as DmaAddr : directAddress(dev, phys);
}

function mmioBranch(
  machine: DmaMachine,
  dev: DmaDevice,
  phys: number,
  sizeBytes: Bytes,
): MapBranch {
  const at = mmioAddress(machine, dev, phys);
  return reaches(dev, at, sizeBytes) ? MAP_BRANCH.MMIO_REACHED : MAP_BRANCH.MMIO_UNREACHABLE;
}

/** True where the attribute for shared memory has no effect. @see rules/v7.3.md 3.3 */
function mapsSharedAsAny({ config, encryption, kernel }: DmaMachine): boolean {
  return !kernel.shared_attribute_taken_literally && (encryption === null || config.swiotlb.force);
}

/**
 * The branch of a map without translation: the first row that matches in the table of the rule.
 * @see rules/dma.md 2.1
 */
function directBranch(
  machine: DmaMachine,
  dev: DmaDevice,
  phys: PhysAddr,
  sizeBytes: Bytes,
  dir: DmaDirection,
  attrs: number,
): MapBranch {
  if (dev.ownOps) {
    return reaches(dev, directAddress(dev, phys), sizeBytes)
      ? MAP_BRANCH.OWN_OPS
      : MAP_BRANCH.OWN_OPS_UNREACHABLE;
  }
  const shared = (attrs & CC_SHARED) !== 0 && !mapsSharedAsAny(machine);
  if (machine.forcesBounce) {
    const exempt = (attrs & MMIO) !== 0 && !machine.kernel.host_bridge_p2p_with_forced_bounce;
    if (!shared && !exempt) {
      return (attrs & NOT_TO_TOUCH) === 0
        ? MAP_BRANCH.FORCED_BOUNCE
        : MAP_BRANCH.FORCED_BOUNCE_FORBIDDEN;
    }
  } else if (shared) return MAP_BRANCH.SHARED_WITHOUT_ENCRYPTION;
  if ((attrs & MMIO) !== 0) return mmioBranch(machine, dev, phys, sizeBytes);
  const reached = reaches(dev, directAddress(dev, phys), sizeBytes);
  if (shared) return reached ? MAP_BRANCH.SHARED_REACHED : MAP_BRANCH.SHARED_UNREACHABLE;
  if (reached && !sharesCacheLine(dev, sizeBytes, dir)) return MAP_BRANCH.MEMORY_REACHED;
  if ((attrs & REQUIRE_COHERENT) === 0 && machine.swiotlb.active) {
    return reached ? MAP_BRANCH.BOUNCE_CACHE_LINE : MAP_BRANCH.BOUNCE_UNREACHABLE;
  }
  return MAP_BRANCH.MEMORY_UNREACHABLE;
}
