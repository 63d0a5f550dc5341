/** The reason why a map failed: stored where it is decided, emitted where the call returns. */
import { DMA_MAPPING_ERROR, type DmaAddr } from "../../address.ts";
import type { Why } from "../../events.ts";
import type { DmaMachine } from "../dma_machine.ts";
import type { DmaDevice } from "../device/device.ts";
import { type MapBranch, type OutOfReach, reachLimit } from "./map_branch.ts";

export function refuseMap(machine: DmaMachine, branch: MapBranch): typeof DMA_MAPPING_ERROR {
  machine.dma.refusal = branch;
  machine.dma.outOfReach = null;
  return DMA_MAPPING_ERROR;
}

/** Fails a map because the device cannot reach the buffer, or its copy in the pool. */
export function refuseUnreached(
  machine: DmaMachine,
  dev: DmaDevice,
  branch: MapBranch,
  phys: number,
  dma: DmaAddr,
): typeof DMA_MAPPING_ERROR {
  refuseMap(machine, branch);
  machine.dma.outOfReach = { phys, dma, limit: reachLimit(dev, dma) };
  return DMA_MAPPING_ERROR;
}

/**
 * Why a map took its branch, for the map's event: the rule, and the inputs of the decision.
 * @param outOfReach The buffer that the device cannot reach, if that was the reason.
 */
export function whyBranch(
  machine: DmaMachine,
  dev: DmaDevice,
  { name, rule }: MapBranch,
  outOfReach: OutOfReach | null,
): Why {
  const inputs = {
    branch: name,
    iommu_mode: machine.config.iommu.mode,
    translated: dev.domain !== null,
    untrusted: dev.untrusted,
    coherent: dev.coherent,
    // Without translation, the addresses end with the ranges of the bus.
    last_address_of_device: dev.domain === null
      ? Math.min(dev.lastAddress, dev.rangeMap?.lastDma ?? Infinity)
      : dev.lastAddress,
    bounce_forced: machine.forcesBounce,
    pool_slots: machine.swiotlb.slots,
  };
  return outOfReach === null
    ? { rule, inputs }
    : { rule, inputs: { ...inputs, ...unreachedInputs(dev, outOfReach) } };
}

/** The limit that decided, with its value if it is a limit of the bus. */
function unreachedInputs({ rangeMap }: DmaDevice, { limit, phys }: OutOfReach): Why["inputs"] {
  return {
    unreached_address: phys,
    unreached_by: limit,
    ...limit === "bus_ranges" && rangeMap !== null ? { bus_ranges: rangeMap.memoryText } : {},
  };
}
