/** Walks what a scatterlist was mapped to, the way the PRP builder walks a request. */
import type { BlkDmaIter, BlockRequest } from "@dmalab/runtime/block";
import type { DmaDevice, Scatterlist } from "@dmalab/runtime/dma";
import { BLK_STS, invariant } from "@dmalab/runtime";
import type { MappingKeeper, SegmentSteps } from "../data/prp_builder.ts";

export class ScatterlistWalk implements SegmentSteps {
  #list: Scatterlist | null = null;
  #index = 0;

  /** Puts the list's first output into the iterator. */
  start(list: Scatterlist, iter: BlkDmaIter): void {
    this.#list = list;
    this.#index = 0;
    iter.status = BLK_STS.OK;
    this.#show(iter);
  }

  next(_request: BlockRequest, _dev: DmaDevice, iter: BlkDmaIter): boolean {
    invariant(this.#list !== null, "A walk goes on that was never started");
    if (this.#index + 1 >= this.#list.outputs) return false;
    this.#index++;
    this.#show(iter);
    return true;
  }

  #show(iter: BlkDmaIter): void {
    iter.addr = this.#list!.dmaAddressAt(this.#index);
    iter.lengthBytes = this.#list!.dmaLengthAt(this.#index);
  }
}

/** The list itself holds what is mapped. */
export const KEPT_IN_LIST: MappingKeeper = { save: () => true };
