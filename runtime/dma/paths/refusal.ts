/** Why a map failed: kept where it is decided, emitted where the call returns. */
import { DMA_MAPPING_ERROR } from "../../address.ts";
import type { Why } from "../../events.ts";
import type { DmaMachine } from "../dma_machine.ts";
import type { DmaDevice } from "../device/device.ts";
import type { MapBranch } from "./map_branch.ts";

export function refuseMap(machine: DmaMachine, branch: MapBranch): typeof DMA_MAPPING_ERROR {
  machine.dma.refusal = branch;
  return DMA_MAPPING_ERROR;
}

/** A map's branch as an event tells it, with what the choice looks at. */
export function whyBranch(machine: DmaMachine, dev: DmaDevice, { name, rule }: MapBranch): Why {
  return {
    rule,
    inputs: {
      branch: name,
      iommu_mode: machine.config.iommu.mode,
      translated: dev.domain !== null,
      untrusted: dev.untrusted,
      coherent: dev.coherent,
      last_address_of_device: dev.lastAddress,
      bounce_forced: machine.forcesBounce,
      pool_slots: machine.swiotlb.slots,
    },
  };
}
