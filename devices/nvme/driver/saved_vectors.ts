/**
 * Remembers single mappings whose addresses the PRPs alone do not tell.
 *
 * @see behaviour/nvme.md 2.3, Saved mappings and first failure row
 */
import { attributesOf, type BlkDma, type BlkDmaIter } from "../../../runtime/block/dma_iterator.ts";
import { opDirection } from "../../../runtime/block/bio.ts";
import type { DmaDevice } from "../../../runtime/dma/device.ts";
import type { Machine } from "../../../runtime/machine.ts";
import type { DmaVecSource } from "./dma_vec_pool.ts";
import { type Iod, IOD_FLAG } from "./iod.ts";
import type { NvmeRequest } from "./nvme_request.ts";
import type { NvmeRules } from "./nvme_rules.ts";
import type { MappingKeeper } from "./prp_builder.ts";

export class SavedVectors implements MappingKeeper {
  readonly #machine: Machine;
  readonly #dev: DmaDevice;
  readonly #blk: BlkDma;
  readonly #source: DmaVecSource;
  readonly #rules: NvmeRules;

  constructor(
    machine: Machine,
    dev: DmaDevice,
    blk: BlkDma,
    source: DmaVecSource,
    rules: NvmeRules,
  ) {
    this.#machine = machine;
    this.#dev = dev;
    this.#blk = blk;
    this.#source = source;
    this.#rules = rules;
  }

  /**
   * Saves the iterator's mapping if somebody will have to unmap it by itself.
   *
   * @param first The request's first mapping, which has nothing behind it to unwind.
   * @returns False when there is no array; the mapping is then undone, except, with the quirk
   * `bounce_slot_lost_on_array_failure`, one that is not the first.
   */
  save(iod: Iod, request: NvmeRequest, iter: BlkDmaIter, first: boolean): boolean {
    if (this.#blk.coalesce(iod.dmaState) || iod.hasFlag(IOD_FLAG.DATA_P2P)) return true;
    const dma = this.#machine.dma;
    if (!dma.dmaNeedUnmap(this.#dev)) return true;
    if (iod.nrDmaVecs === 0) {
      const vecs = this.#source.take();
      if (vecs === null) {
        if (first || this.#rules.undoesUnsavedMapping) {
          dma.dmaUnmapPhys(
            this.#dev,
            iter.addr,
            iter.lengthBytes,
            opDirection(request.op),
            attributesOf(iter.kind),
          );
        }
        return false;
      }
      iod.dmaVecs = vecs;
    }
    iod.dmaVecs!.set(iod.nrDmaVecs++, iter.addr, iter.lengthBytes);
    return true;
  }

  /** Unmaps what was saved and gives the array back. */
  unmapAll(iod: Iod, request: NvmeRequest, attrs: number): void {
    const vecs = iod.dmaVecs;
    if (vecs === null) return;
    const dir = opDirection(request.op);
    for (let index = 0; index < iod.nrDmaVecs; index++) {
      this.#machine.dma.dmaUnmapPhys(
        this.#dev,
        vecs.addrAt(index),
        vecs.sizeAt(index),
        dir,
        attrs,
      );
    }
    this.#source.put(vecs);
    iod.dmaVecs = null;
  }
}
