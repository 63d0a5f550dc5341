/**
 * The scatterlist functions of the DMA API, below their events: the choice of path, and the codes.
 *
 * @see behaviour/dma.md 1.8, chapter 7
 */
import { DMA_MAPPING_ERROR } from "../address.ts";
import { ERRNO } from "../errno.ts";
import type { Machine } from "../machine.ts";
import { DMA_ATTR, type DmaDirection } from "./attributes.ts";
import type { DmaDevice } from "./device.ts";
import { directMapPhys, directSyncForCpu, directSyncForDevice, directUnmapPhys } from "./direct.ts";
import { iommuSyncForCpu, iommuSyncForDevice } from "./iommu_path.ts";
import type { Scatterlist } from "./scatterlist.ts";
import { iommuMapSg, iommuUnmapSg } from "./scatterlist_iommu.ts";
import { PEER_REFUSED, peerBusAddress } from "./scatterlist_peer.ts";

/**
 * Maps a list.
 * @returns The number of outputs, or a negative errno with nothing mapped.
 */
export function mapSg(
  machine: Machine,
  dev: DmaDevice,
  list: Scatterlist,
  dir: DmaDirection,
  attrs: number,
): number {
  if (!dev.coherent && (attrs & DMA_ATTR.REQUIRE_COHERENT) !== 0) return -ERRNO.EOPNOTSUPP;
  const { domain } = dev;
  const outputs = domain === null
    ? directMapSg(machine, dev, list, dir, attrs)
    : iommuMapSg(machine, dev, domain, list, dir, attrs);
  list.outputs = Math.max(outputs, 0);
  if (outputs > 0) {
    dev.mappings++;
    if (domain !== null) machine.iommu.liveMappings++;
  }
  return outputs;
}

/** Entry by entry, nothing joined. @see behaviour/dma.md 7.1 */
function directMapSg(
  machine: Machine,
  dev: DmaDevice,
  list: Scatterlist,
  dir: DmaDirection,
  attrs: number,
): number {
  let done = 0;
  for (const entry of list.entries) {
    const { phys, lengthBytes } = entry;
    const bus = peerBusAddress(machine, dev, phys);
    const dma = bus === PEER_REFUSED
      ? DMA_MAPPING_ERROR
      : bus ?? directMapPhys(machine, dev, phys, lengthBytes, dir, attrs);
    if (dma === DMA_MAPPING_ERROR) {
      for (const mapped of list.entries.slice(0, done)) {
        if (!mapped.isBusAddress) {
          const { dmaAddress, dmaLengthBytes } = mapped;
          const skip = attrs | DMA_ATTR.SKIP_CPU_SYNC;
          directUnmapPhys(machine, dev, dmaAddress, dmaLengthBytes, dir, skip);
        }
        mapped.clearOutput();
      }
      return bus === PEER_REFUSED ? -ERRNO.EREMOTEIO : -ERRNO.EIO;
    }
    entry.setOutput(phys, dma, lengthBytes, bus !== null);
    done++;
  }
  return done;
}

/** Ends a list's mapping. */
export function unmapSg(
  machine: Machine,
  dev: DmaDevice,
  list: Scatterlist,
  dir: DmaDirection,
  attrs: number,
): void {
  const { domain } = dev;
  if (domain !== null) iommuUnmapSg(machine, dev, domain, list, dir, attrs);
  else {
    for (const entry of list.entries) {
      if (entry.isBusAddress) entry.isBusAddress = false;
      else {
        directUnmapPhys(machine, dev, entry.dmaAddress, entry.dmaLengthBytes, dir, attrs);
      }
    }
  }
  if (list.outputs > 0) {
    dev.mappings--;
    if (domain !== null) machine.iommu.liveMappings--;
  }
  list.outputs = 0;
}

/** Hands a list to the CPU or to the device, entry by entry where there is something to do. */
export function syncSg(
  machine: Machine,
  dev: DmaDevice,
  list: Scatterlist,
  dir: DmaDirection,
  owner: "cpu" | "device",
): void {
  const forCpu = owner === "cpu";
  const sync = dev.domain === null
    ? forCpu ? directSyncForCpu : directSyncForDevice
    : forCpu
    ? iommuSyncForCpu
    : iommuSyncForDevice;
  for (const { dmaAddress, dmaLengthBytes, isBusAddress } of list.entries) {
    if (dmaLengthBytes > 0 && !isBusAddress) sync(machine, dev, dmaAddress, dmaLengthBytes, dir);
  }
}

/**
 * The code `dma_map_sgtable` returns for what a list map returned: 0 for success, and -EIO with a
 * warning for a code it does not know.
 */
export function sgtableResult(machine: Machine, outputs: number): number {
  switch (outputs) {
    case -ERRNO.EINVAL:
    case -ERRNO.ENOMEM:
    case -ERRNO.EIO:
    case -ERRNO.EREMOTEIO:
    case -ERRNO.EOPNOTSUPP:
      return outputs;
  }
  if (outputs > 0) return 0;
  machine.warnings.warnOnce("__dma_map_sg_attrs", `A list map ended with ${outputs}`);
  return -ERRNO.EIO;
}
