/**
 * The scatterlist functions of the DMA API without their events: the choice of path, and the error
 * codes.
 *
 * @see rules/dma.md 1.8, chapter 7
 */
import { type Bytes, DMA_MAPPING_ERROR } from "../../address.ts";
import { ERRNO, invariant } from "../../errno.ts";
import type { DmaMachine } from "../dma_machine.ts";
import { DMA_ATTR, type DmaDirection } from "../attributes.ts";
import { type DmaDevice, isTranslated } from "../device/device.ts";
import type { MemoryOwner } from "./cache_maintenance.ts";
import { directMapPhys, directSync, directUnmapPhys } from "./direct.ts";
import { MAP_BRANCH, MAP_FAILURE } from "./map_branch.ts";
import { refuseMap } from "./refusal.ts";
import type { Scatterlist } from "../scatterlist.ts";
import { iommuMapSg, iommuSyncSg, iommuUnmapSg } from "./scatterlist_iommu.ts";
import { PEER_BEHIND_BRIDGE, PEER_REFUSED, peerBusAddress, peerMemo } from "./scatterlist_peer.ts";

/**
 * Maps a list.
 * @returns The number of outputs, or a negative errno with nothing mapped.
 */
export function mapSg(
  machine: DmaMachine,
  dev: DmaDevice,
  list: Scatterlist,
  dir: DmaDirection,
  attrs: number,
): number {
  list.outputs = 0;
  if (!dev.coherent && (attrs & DMA_ATTR.REQUIRE_COHERENT) !== 0) {
    refuseMap(machine, MAP_BRANCH.NEEDS_COHERENT);
    return -ERRNO.EOPNOTSUPP;
  }
  const outputs = isTranslated(dev)
    ? iommuMapSg(machine, dev, list, dir, attrs)
    : directMapSg(machine, dev, list, dir, attrs);
  invariant(outputs <= list.count, "A list has more outputs than entries");
  if (outputs > 0) countMapped(machine, dev, list, outputs);
  return outputs;
}

/** Counts a list of `outputs` outputs as one more live mapping of its device. */
export function countMapped(
  machine: DmaMachine,
  dev: DmaDevice,
  list: Scatterlist,
  outputs: number,
): void {
  list.outputs = outputs;
  dev.mappings++;
  if (dev.domain !== null) machine.iommu.liveMappings++;
}

/** Maps entry by entry, joining nothing. @see rules/dma.md 7.1 */
function directMapSg(
  machine: DmaMachine,
  dev: DmaDevice,
  list: Scatterlist,
  dir: DmaDirection,
  attrs: number,
): number {
  // A device with its own dma_map_ops sees peer memory as ordinary pages (p2p.md 9.6).
  const memo = dev.ownOps ? null : peerMemo(machine);
  const { kernel } = machine;
  machine.dma.caller = "list";
  for (let index = 0; index < list.count; index++) {
    const phys = list.physAt(index);
    const lengthBytes = list.lengthAt(index);
    const bus = memo === null ? null : peerBusAddress(machine, dev, phys, memo);
    if (bus === PEER_REFUSED) {
      undoDirect(machine, dev, list, index, dir, attrs);
      refuseMap(machine, MAP_FAILURE.PEER_UNREACHABLE);
      return -ERRNO.EREMOTEIO;
    }
    if (bus === PEER_BEHIND_BRIDGE) {
      if (kernel.sg_host_bridge_unmapped) {
        list.setOutput(index, phys, list.dmaAddressAt(index), lengthBytes);
        continue;
      }
    } else if (bus !== null) {
      const busBytes = kernel.sg_bus_length_missing ? 0 : lengthBytes;
      list.setBusOutput(index, phys, bus, busBytes, kernel.p2p_design_2021);
      continue;
    }
    const dma = directMapPhys(machine, dev, phys, lengthBytes, dir, attrs);
    if (dma === DMA_MAPPING_ERROR) {
      undoDirect(machine, dev, list, index, dir, attrs);
      return -ERRNO.EIO;
    }
    list.setOutput(index, phys, dma, lengthBytes);
    list.setBranch(index, machine.dma.taken);
  }
  return list.count;
}

/** Ends the first `count` mappings, without copying back, and clears the outputs. */
function undoDirect(
  machine: DmaMachine,
  dev: DmaDevice,
  list: Scatterlist,
  count: number,
  dir: DmaDirection,
  attrs: number,
): void {
  unmapDirect(machine, dev, list, count, dir, attrs | DMA_ATTR.SKIP_CPU_SYNC);
  list.clearOutputs(0);
}

function unmapDirect(
  machine: DmaMachine,
  dev: DmaDevice,
  list: Scatterlist,
  count: number,
  dir: DmaDirection,
  attrs: number,
): void {
  for (let index = 0; index < count; index++) {
    const lengthBytes: Bytes = list.dmaLengthAt(index);
    if (list.isBusAddressAt(index) || lengthBytes === 0) continue;
    directUnmapPhys(machine, dev, list.dmaAddressAt(index), lengthBytes, dir, attrs);
  }
}

/** Ends a list's mapping. The outputs stay readable: only their bus-address marks are cleared later. */
export function unmapSg(
  machine: DmaMachine,
  dev: DmaDevice,
  list: Scatterlist,
  dir: DmaDirection,
  attrs: number,
): void {
  if (isTranslated(dev)) iommuUnmapSg(machine, dev, list, dir, attrs);
  else unmapDirect(machine, dev, list, list.count, dir, attrs);
  if (list.outputs === 0) return;
  if (dev.mappings > 0) dev.mappings--;
  if (dev.domain !== null) machine.iommu.liveMappings--;
}

/** Hands a list to the CPU or to the device, entry by entry, if there is something to do. */
export function syncSg(
  machine: DmaMachine,
  dev: DmaDevice,
  list: Scatterlist,
  dir: DmaDirection,
  owner: MemoryOwner,
): void {
  if (dev.domain !== null) {
    iommuSyncSg(machine, dev, list, dir, owner);
    return;
  }
  for (let index = 0; index < list.count; index++) {
    const lengthBytes: Bytes = list.dmaLengthAt(index);
    // A peer's bus address is treated like an address of RAM.
    if (lengthBytes === 0) continue;
    directSync(machine, dev, list.dmaAddressAt(index), lengthBytes, dir, owner);
  }
}

/**
 * The code that `dma_map_sgtable` returns for a list map's result: 0 for success, and -EIO with a
 * warning for an unknown code.
 */
export function sgtableResult(machine: DmaMachine, outputs: number): number {
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
  if (outputs === 0) machine.checker?.warned("list_empty", "A list without entries is mapped");
  return -ERRNO.EIO;
}
