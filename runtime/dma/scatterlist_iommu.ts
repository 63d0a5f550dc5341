/**
 * Scatterlists behind an IOMMU: one range of IO addresses for the whole list, each entry on a
 * granule of its own, outputs joined where the device may see one piece.
 *
 * @see behaviour/dma.md 7.2
 */
import { type Bytes, DMA_MAPPING_ERROR, type DmaAddr, type PhysAddr } from "../address.ts";
import { ERRNO } from "../errno.ts";
import type { IommuDomain } from "../iommu/domain.ts";
import type { Machine } from "../machine.ts";
import { DMA_ATTR, type DmaDirection } from "./attributes.ts";
import { cleanCaches, invalidateCaches, sharesCacheLine } from "./cache_maintenance.ts";
import type { DmaDevice } from "./device.ts";
import {
  iommuMapPhys,
  iommuTearDown,
  iommuUnmapPhys,
  leafFlags,
  maintainsCaches,
} from "./iommu_path.ts";
import type { ScatterEntry, Scatterlist } from "./scatterlist.ts";
import { PEER_REFUSED, peerBusAddress } from "./scatterlist_peer.ts";

/** One entry while the list is mapped. */
interface Piece {
  readonly entry: ScatterEntry;
  /** A peer's bus address, which takes no IO addresses; null for all others. */
  readonly bus: DmaAddr | null;
  readonly offset: Bytes;
  /** Whole granules; grows by the padding before the next piece. */
  mappedBytes: Bytes;
}

/**
 * Maps a list.
 * @returns The number of outputs, or a negative errno with the list as it was.
 */
export function iommuMapSg(
  machine: Machine,
  dev: DmaDevice,
  domain: IommuDomain,
  list: Scatterlist,
  dir: DmaDirection,
  attrs: number,
): number {
  if (mustBounceList(dev, list, dir)) return mapBounced(machine, dev, domain, list, dir, attrs);
  if (maintainsCaches(dev, attrs)) {
    for (const { phys, lengthBytes } of list.entries) cleanCaches(machine, phys, lengthBytes);
  }
  const pieces: Piece[] = [];
  let totalBytes = 0;
  for (const entry of list.entries) {
    const bus = peerBusAddress(machine, dev, entry.phys);
    if (bus === PEER_REFUSED) return -ERRNO.EREMOTEIO;
    const offset = domain.offsetOf(entry.phys);
    const mappedBytes = bus === null ? domain.roundUp(entry.lengthBytes + offset) : 0;
    if (bus === null) totalBytes += padBefore(dev, pieces, totalBytes, mappedBytes) + mappedBytes;
    pieces.push({ entry, bus, offset, mappedBytes });
  }
  if (totalBytes === 0) return finalise(dev, list, pieces, 0);
  const iova = domain.allocIova(totalBytes, false);
  if (iova === 0) return -ERRNO.ENOMEM;
  const error = mapPieces(domain, pieces, iova, leafFlags(dev, dir, attrs));
  if (error !== 0) {
    domain.freeIova(iova, totalBytes);
    return error === -ERRNO.ENOMEM ? error : -ERRNO.EINVAL;
  }
  domain.syncMap(iova, totalBytes);
  return finalise(dev, list, pieces, iova);
}

/**
 * Moves a piece that would cross a segment boundary behind it: the piece before grows.
 * @returns The padding in bytes.
 */
function padBefore(dev: DmaDevice, pieces: Piece[], totalBytes: Bytes, mappedBytes: Bytes): Bytes {
  const boundaryBytes = dev.segmentBoundaryMask + 1;
  const pad = (boundaryBytes - totalBytes % boundaryBytes) % boundaryBytes;
  const previous = pieces.at(-1);
  if (pad === 0 || pad >= mappedBytes - 1 || previous === undefined) return 0;
  previous.mappedBytes += pad;
  return pad;
}

/** Writes the leaves, neighbours in memory by one call. On failure nothing stays mapped. */
function mapPieces(
  domain: IommuDomain,
  pieces: readonly Piece[],
  iova: number,
  flags: number,
): number {
  let doneBytes = 0;
  let runStart = 0;
  let runBytes = 0;
  const mapRun = (): number => {
    if (runBytes === 0) return 0;
    const error = domain.map(iova + doneBytes, runStart as PhysAddr, runBytes, flags);
    if (error === 0) doneBytes += runBytes;
    else if (doneBytes > 0) domain.unmap(iova, doneBytes, true);
    return error;
  };
  for (const { entry, bus, offset, mappedBytes } of pieces) {
    if (bus !== null) continue;
    const start = entry.phys - offset;
    if (runBytes > 0 && start === runStart + runBytes) {
      runBytes += mappedBytes;
      continue;
    }
    const error = mapRun();
    if (error !== 0) return error;
    runStart = start;
    runBytes = mappedBytes;
  }
  return mapRun();
}

/** Fills the outputs from the front; returns how many there are. */
function finalise(
  dev: DmaDevice,
  list: Scatterlist,
  pieces: readonly Piece[],
  iova: number,
): number {
  const boundaryBytes = dev.segmentBoundaryMask + 1;
  let position = iova;
  let outputs = 0;
  /** Bytes of the output that may still grow; 0 when none may. */
  let currentBytes = 0;
  for (const { entry, bus, offset, mappedBytes } of pieces) {
    const { lengthBytes } = entry;
    if (bus !== null) {
      list.entries[outputs]!.setOutput(entry.phys, bus, lengthBytes, true);
      outputs++;
      currentBytes = 0;
      continue;
    }
    // Unsigned in the kernel: an output that is too long already takes any more.
    const room = dev.maxSegmentSizeBytes - currentBytes;
    const joins = currentBytes !== 0 && offset === 0 && position % boundaryBytes !== 0 &&
      (room < 0 || room >= lengthBytes);
    if (joins) list.entries[outputs - 1]!.dmaLengthBytes += lengthBytes;
    else {
      const address = position + offset as DmaAddr;
      list.entries[outputs]!.setOutput(entry.phys, address, lengthBytes, false);
      outputs++;
      currentBytes = 0;
    }
    currentBytes += lengthBytes;
    if (lengthBytes + offset < mappedBytes) currentBytes = 0;
    position += mappedBytes;
  }
  for (const entry of list.entries.slice(outputs)) entry.clearOutput();
  return outputs;
}

/** True when every entry goes through `iommuMapPhys`, so that each can be bounced. */
function mustBounceList(dev: DmaDevice, list: Scatterlist, dir: DmaDirection): boolean {
  if (dev.untrusted) return true;
  return !dev.coherent &&
    list.entries.some(({ lengthBytes }) => sharesCacheLine(dev, lengthBytes, dir));
}

function mapBounced(
  machine: Machine,
  dev: DmaDevice,
  domain: IommuDomain,
  list: Scatterlist,
  dir: DmaDirection,
  attrs: number,
): number {
  list.bounced = true;
  let done = 0;
  for (const entry of list.entries) {
    const { phys, lengthBytes } = entry;
    const dma = iommuMapPhys(machine, dev, domain, phys, lengthBytes, dir, attrs);
    if (dma === DMA_MAPPING_ERROR) {
      // Nothing was transferred, so nothing is copied out.
      const skip = attrs | DMA_ATTR.SKIP_CPU_SYNC;
      for (const mapped of list.entries.slice(0, done)) {
        unmapEntry(machine, dev, domain, mapped, dir, skip);
        mapped.clearOutput();
      }
      return -ERRNO.EIO;
    }
    entry.setOutput(phys, dma, lengthBytes, false);
    done++;
  }
  return done;
}

function unmapEntry(
  machine: Machine,
  dev: DmaDevice,
  domain: IommuDomain,
  entry: ScatterEntry,
  dir: DmaDirection,
  attrs: number,
): void {
  const { dmaAddress, dmaLengthBytes } = entry;
  iommuUnmapPhys(machine, dev, domain, dmaAddress, dmaLengthBytes, dir, attrs);
}

/** Ends a list's mapping: entry by entry when bounced, else all of it at once. */
export function iommuUnmapSg(
  machine: Machine,
  dev: DmaDevice,
  domain: IommuDomain,
  list: Scatterlist,
  dir: DmaDirection,
  attrs: number,
): void {
  if (list.bounced) {
    for (const entry of list.entries) unmapEntry(machine, dev, domain, entry, dir, attrs);
    return;
  }
  if (maintainsCaches(dev, attrs)) {
    for (const { phys, lengthBytes } of list.entries) invalidateCaches(machine, phys, lengthBytes);
  }
  let first: DmaAddr | null = null;
  let end = 0;
  for (const entry of list.entries) {
    if (entry.dmaLengthBytes === 0) break;
    if (entry.isBusAddress) {
      entry.isBusAddress = false;
      continue;
    }
    first ??= entry.dmaAddress;
    end = entry.dmaAddress + entry.dmaLengthBytes;
  }
  if (first !== null) iommuTearDown(machine, domain, first, end - first);
}
