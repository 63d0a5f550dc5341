/** The two-step API of a release that has none: each of its calls says since when there is one. */
import type { DmaMachine } from "../dma_machine.ts";
import type { KernelCall } from "../../event_vocabulary.ts";
import { requireFeature } from "../../kernels/kernels.ts";
import type { TwoStepCalls } from "./two_step_calls.ts";

/** The calls as `DmaMapping` makes them. */
export type TwoStepApi = Pick<
  TwoStepCalls,
  "tryAlloc" | "link" | "sync" | "unlink" | "destroy" | "free"
>;

export function noTwoStep(machine: DmaMachine): TwoStepApi {
  const refuse = (call: KernelCall) => (): never => {
    requireFeature(machine, "two_step", call);
    throw new Error(`${call}() is there after all`);
  };
  return {
    tryAlloc: refuse("dma_iova_try_alloc"),
    link: refuse("dma_iova_link"),
    sync: refuse("dma_iova_sync"),
    unlink: refuse("dma_iova_unlink"),
    destroy: refuse("dma_iova_destroy"),
    free: refuse("dma_iova_free"),
  };
}
