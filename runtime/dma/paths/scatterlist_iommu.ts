/**
 * Scatterlists behind an IOMMU: one IOVA range for the whole list, with each entry on a separate
 * granule. Outputs are joined if the device's segment limits allow it.
 *
 * @see rules/dma.md 7.2
 */
import { DMA_MAPPING_ERROR, type DmaAddr, type PhysAddr } from "../../address.ts";
import { ERRNO, invariant } from "../../errno.ts";
import type { IommuDomain } from "../../iommu/domain.ts";
import type { DmaMachine } from "../dma_machine.ts";
import { DMA_ATTR, type DmaDirection } from "../attributes.ts";
import {
  cleanCaches,
  invalidateCaches,
  type MemoryOwner,
  sharesCacheLine,
} from "./cache_maintenance.ts";
import type { DmaDevice, TranslatedDevice } from "../device/device.ts";
import {
  iommuMapPhys,
  iommuSync,
  iommuTearDown,
  iommuUnmapPhys,
  leafFlags,
  warnErrorUnmapped,
} from "./iommu_path.ts";
import { MAP_FAILURE } from "./map_branch.ts";
import { refuseMap } from "./refusal.ts";
import { APART, type Apart, type Scatterlist } from "../scatterlist.ts";
import { PEER_BEHIND_BRIDGE, PEER_REFUSED, peerBusAddress, peerMemo } from "./scatterlist_peer.ts";

/** The length of a list's entry has 32 bits. */
const MAX_ENTRY_BYTES = 2 ** 32 - 1;

/**
 * Maps a list.
 * @returns The number of outputs, or a negative errno with nothing mapped.
 */
export function iommuMapSg(
  machine: DmaMachine,
  dev: TranslatedDevice,
  list: Scatterlist,
  dir: DmaDirection,
  attrs: number,
): number {
  if (mayBounce(dev, list, dir)) return mapEach(machine, dev, list, dir, attrs);
  if (maintainsCachesOfList(dev, attrs)) {
    for (let index = 0; index < list.count; index++) {
      cleanCaches(machine, list.physAt(index), list.lengthAt(index));
    }
  }
  const totalBytes = layOut(machine, dev, list);
  if (totalBytes < 0) return totalBytes;
  if (totalBytes === 0) return finalise(dev, list, 0);
  const { domain } = dev;
  const iova = domain.allocIova(dev, totalBytes, false);
  if (iova === 0) return invalidate(list, -ERRNO.ENOMEM);
  const done = mapRuns(domain, iova, leafFlags(dev, dir, attrs));
  if (done !== totalBytes) {
    // If fewer bytes were mapped than the range has, the leaves of those bytes stay in the table,
    // because the kernel does not unmap them (list_length_wraps).
    domain.freeIova(iova, totalBytes);
    return invalidate(list, done === -ERRNO.ENOMEM ? done : -ERRNO.EINVAL);
  }
  domain.syncMap(iova, totalBytes);
  return finalise(dev, list, iova);
}

/**
 * Assigns each entry its place in the range, and adds its pages to the domain's runs. An entry that
 * would cross a segment boundary is moved behind the boundary. This enlarges the mapping of the
 * previous entry, and gives the device access to memory outside the list.
 *
 * @returns The bytes of the whole range. -EREMOTEIO for a peer that cannot be reached. -EINVAL if
 *   one entry maps more bytes than 32 bits can count, in releases where the number of an entry's
 *   bytes does not wrap.
 */
function layOut(
  machine: DmaMachine,
  dev: TranslatedDevice,
  list: Scatterlist,
): number {
  const { domain } = dev;
  const boundaryBytes = dev.segmentBoundaryMask + 1;
  const perBoundary = 1 / boundaryBytes;
  const memo = peerMemo(machine);
  const { list_length_wraps: wraps, p2p_design_2021: inPageLink } = machine.kernel;
  const { runs } = domain;
  runs.count = 0;
  let totalBytes = 0;
  let previous = -1;
  for (let index = 0; index < list.count; index++) {
    const phys = list.physAt(index);
    const bus = memo === null ? null : peerBusAddress(machine, dev, phys, memo);
    if (bus === PEER_REFUSED) {
      restoreFromOutputs(list, index);
      refuseMap(machine, MAP_FAILURE.PEER_UNREACHABLE);
      return invalidate(list, -ERRNO.EREMOTEIO);
    }
    if (bus !== null && bus !== PEER_BEHIND_BRIDGE) {
      list.setBusOutput(index, phys, bus, list.lengthAt(index), inPageLink);
      continue;
    }
    // An earlier map may have set the mark, which would now mean a peer's address.
    list.clearBusMark(index);
    const inGranule = domain.offsetOf(phys);
    const mappedBytes = domain.roundUp(list.lengthAt(index) + inGranule);
    invariant(mappedBytes >= list.lengthAt(index), "An entry of a list maps less than it has");
    const pad = Math.ceil(totalBytes * perBoundary) * boundaryBytes - totalBytes;
    const moves = pad !== 0 && pad < mappedBytes - 1 && previous >= 0;
    const padded = moves ? list.mappedAt(previous) + pad : 0;
    if (!wraps && Math.max(padded, mappedBytes) > MAX_ENTRY_BYTES) {
      refuseMap(machine, MAP_FAILURE.LIST_TOO_LONG);
      return invalidate(list, -ERRNO.EINVAL);
    }
    if (moves) {
      const before = list.mappedAt(previous);
      list.setMapped(previous, padded);
      runs.lengthen(list.mappedAt(previous) - before);
      totalBytes += pad;
    }
    list.setMapped(index, mappedBytes);
    runs.add(phys - inGranule as PhysAddr, list.mappedAt(index));
    totalBytes += mappedBytes;
    previous = index;
  }
  return totalBytes;
}

/**
 * Undoes a refused map: restores each entry's offset and length from its DMA fields, where `layOut`
 * saved them. Entries that `layOut` did not reach still contain values of an earlier map.
 *
 * @param first The entry that was refused.
 * @see rules/dma.md 7.2, hazards
 */
function restoreFromOutputs(list: Scatterlist, first: number): void {
  for (let index = first; index < list.count; index++) {
    if (list.isBusAddressAt(index)) continue;
    const staleAddress = list.dmaAddressAt(index);
    const staleBytes = list.dmaLengthAt(index);
    const shift = staleAddress === DMA_MAPPING_ERROR ? 0 : staleAddress;
    const lengthBytes = staleBytes === 0 ? list.lengthAt(index) : staleBytes;
    list.setSegment(index, list.physAt(index) + shift as PhysAddr, lengthBytes);
  }
}

/** Clears all outputs of a list; returns the error. */
function invalidate(list: Scatterlist, error: number): number {
  list.clearOutputs(0);
  return error;
}

/**
 * Writes the leaves of the runs that `layOut` has gathered.
 * @returns The bytes mapped; or a negative errno, and then nothing is mapped.
 */
function mapRuns(domain: IommuDomain, iova: number, flags: number): number {
  const { runs } = domain;
  let doneBytes = 0;
  for (let run = 0; run < runs.count; run++) {
    const sizeBytes = runs.sizeAt(run);
    // An entry of 0 bytes ends the list.
    if (sizeBytes === 0) break;
    const error = domain.map(iova + doneBytes, runs.physAt(run), sizeBytes, flags);
    if (error !== 0) {
      if (doneBytes > 0) domain.unmap(iova, doneBytes, true, "iommu_unmap");
      return error;
    }
    doneBytes += sizeBytes;
    const granules = domain.mapGranules(iova + doneBytes, runs, run + 1, flags);
    doneBytes += granules * domain.granuleBytes;
    run += granules;
  }
  return doneBytes;
}

/** Fills the outputs from the front; returns how many there are. */
function finalise(dev: TranslatedDevice, list: Scatterlist, iova: number): number {
  const { domain } = dev;
  const boundaryBytes = dev.segmentBoundaryMask + 1;
  const perBoundary = 1 / boundaryBytes;
  /** Bytes of the range before the current entry: a small integer for V8, unlike an IOVA. */
  let doneBytes = 0;
  let outputs = 0;
  /** Bytes of the current output, if further entries may join it; else 0. */
  let currentBytes = 0;
  /** The reason why no entry may join the last output, while `currentBytes` is 0. */
  let ended: Apart = APART.UNJOINED;
  for (let index = 0; index < list.count; index++) {
    const phys = list.physAt(index);
    const lengthBytes = list.lengthAt(index);
    if (list.isBusAddressAt(index)) {
      const inPageLink = list.busMarkAt(index) === "page_link";
      list.setBusOutput(outputs, phys, list.dmaAddressAt(index), lengthBytes, inPageLink);
      list.setApart(outputs, APART.BUS_ADDRESS);
      outputs++;
      currentBytes = 0;
      ended = APART.BEHIND_BUS_ADDRESS;
      continue;
    }
    const offset = domain.offsetOf(phys);
    // This difference is unsigned in the kernel: if the output is already too long, the difference
    // wraps, and any entry can be joined to the output.
    const room = dev.maxSegmentSizeBytes - currentBytes;
    const position = iova + doneBytes;
    const onBoundary = Math.floor(position * perBoundary) * boundaryBytes === position;
    const joins = currentBytes !== 0 && offset === 0 && !onBoundary &&
      (room < 0 || room >= lengthBytes);
    invariant(!joins || outputs > 0, "The first entry of a list joins another");
    if (joins) list.growOutput(outputs - 1, lengthBytes);
    else {
      const since = currentBytes === 0 ? ended : onBoundary ? APART.BOUNDARY : APART.LONGEST;
      const inside = offset !== 0 && outputs > 0 && since !== APART.BEHIND_BUS_ADDRESS;
      const apart = inside ? APART.STARTS_INSIDE : since;
      list.setOutput(outputs, phys, position + offset as DmaAddr, lengthBytes, apart);
      outputs++;
      currentBytes = 0;
    }
    // This length has 32 bits in the kernel: if the output was already too long, the length may
    // wrap. It then starts again from a small number.
    currentBytes = (currentBytes + lengthBytes) >>> 0;
    const mappedBytes = list.mappedAt(index);
    if (lengthBytes + offset < mappedBytes) {
      currentBytes = 0;
      // If the entry ends on a granule, only a segment boundary can have moved the next entry away.
      const onGranule = domain.offsetOf(phys + lengthBytes as PhysAddr) === 0;
      ended = onGranule ? APART.BOUNDARY : APART.HOLE_BEFORE;
    }
    doneBytes += mappedBytes;
  }
  invariant(outputs <= list.count, "A list has more outputs than entries");
  list.clearOutputs(outputs);
  return outputs;
}

/** True when any entry might bounce, so that each is mapped separately. */
function mayBounce(dev: DmaDevice, list: Scatterlist, dir: DmaDirection): boolean {
  if (dev.untrusted) return true;
  if (dev.coherent) return false;
  for (let index = 0; index < list.count; index++) {
    if (sharesCacheLine(dev, list.lengthAt(index), dir)) return true;
  }
  return false;
}

/** Maps each entry separately, without checking for peer memory. */
function mapEach(
  machine: DmaMachine,
  dev: TranslatedDevice,
  list: Scatterlist,
  dir: DmaDirection,
  attrs: number,
): number {
  list.bounced = true;
  for (let index = 0; index < list.count; index++) {
    const phys = list.physAt(index);
    const lengthBytes = list.lengthAt(index);
    const dma = iommuMapPhys(machine, dev, phys, lengthBytes, dir, attrs);
    if (dma === DMA_MAPPING_ERROR) {
      // The device has transferred nothing, so nothing is copied back.
      unmapEach(machine, dev, list, index, dir, attrs | DMA_ATTR.SKIP_CPU_SYNC);
      return invalidate(list, -ERRNO.EIO);
    }
    list.setOutput(index, phys, dma, lengthBytes, APART.ONE_BY_ONE);
    list.setBranch(index, machine.dma.taken);
  }
  return list.count;
}

/** Ends the first `count` entries' mappings one by one. */
function unmapEach(
  machine: DmaMachine,
  dev: TranslatedDevice,
  list: Scatterlist,
  count: number,
  dir: DmaDirection,
  attrs: number,
): void {
  for (let index = 0; index < count; index++) {
    const dma = list.dmaAddressAt(index);
    if (dma !== DMA_MAPPING_ERROR) {
      iommuUnmapPhys(machine, dev, dma, list.dmaLengthAt(index), dir, attrs);
      continue;
    }
    // After a list was joined, some entries have no output, and contain the error value instead of
    // an address.
    warnErrorUnmapped(machine, dev);
  }
}

/**
 * Ends a list's mapping: entry by entry if some entries may have been bounced, else the whole range
 * at once.
 */
export function iommuUnmapSg(
  machine: DmaMachine,
  dev: TranslatedDevice,
  list: Scatterlist,
  dir: DmaDirection,
  attrs: number,
): void {
  if (list.bounced) {
    unmapEach(machine, dev, list, list.count, dir, attrs);
    return;
  }
  if (maintainsCachesOfList(dev, attrs)) {
    for (let index = 0; index < list.count; index++) {
      invalidateCaches(machine, list.physAt(index), list.lengthAt(index), dir);
    }
  }
  let start: DmaAddr = DMA_MAPPING_ERROR;
  let end = 0;
  for (let index = 0; index < list.count; index++) {
    if (list.dmaLengthAt(index) === 0) break;
    if (list.isBusAddressAt(index)) continue;
    const address = list.dmaAddressAt(index);
    if (start === DMA_MAPPING_ERROR) start = address;
    end = address + list.dmaLengthAt(index);
  }
  invariant(end === 0 || start !== DMA_MAPPING_ERROR, "A list ends without a start");
  if (end !== 0) iommuTearDown(dev.domain, start, end - start);
}

/**
 * Hands a list to the CPU or to the device. If entries may have been bounced, each entry's address
 * is looked up. If none was bounced, only the cache lines of the buffers are maintained.
 *
 * @see rules/dma.md 1.6, sync of lists
 */
export function iommuSyncSg(
  machine: DmaMachine,
  dev: DmaDevice,
  list: Scatterlist,
  dir: DmaDirection,
  owner: MemoryOwner,
): void {
  for (let index = 0; index < list.count; index++) {
    if (list.bounced) {
      iommuSync(machine, dev, list.dmaAddressAt(index), list.lengthAt(index), dir, owner);
    } else if (!dev.coherent) {
      const [phys, sizeBytes] = [list.physAt(index), list.lengthAt(index)];
      if (owner === "cpu") invalidateCaches(machine, phys, sizeBytes, dir);
      else cleanCaches(machine, phys, sizeBytes);
    }
  }
}

/**
 * True when the CPU's caches must be maintained for a list. MMIO is included, unlike for a single
 * mapping. @see rules/dma.md 7.2
 */
function maintainsCachesOfList(dev: DmaDevice, attrs: number): boolean {
  return !dev.coherent && (attrs & DMA_ATTR.SKIP_CPU_SYNC) === 0;
}
