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

/** A map's branch as an event tells it, with what was looked at. */
export function whyBranch(machine: DmaMachine, dev: DmaDevice, branch: MapBranch): Why {
  return { rule: branch.rule, inputs: { branch: branch.name, ...mapInputs(machine, dev) } };
}

/** Why a mask was refused: without translation it must reach the zone that DMA memory comes from. */
export function whyMaskRefused(rule: string, bits: number, injected: boolean): Why {
  return { rule, inputs: { bits, injected } };
}

/** What the choice of a branch looks at. */
function mapInputs(machine: DmaMachine, dev: DmaDevice): Why["inputs"] {
  const { config, forcesBounce } = machine;
  return {
    iommu_mode: config.iommu.mode,
    translated: dev.domain !== null,
    untrusted: dev.untrusted,
    coherent: dev.coherent,
    last_address_of_device: dev.lastAddress,
    bounce_forced: forcesBounce,
    pool_slots: machine.swiotlb.slots,
  };
}
