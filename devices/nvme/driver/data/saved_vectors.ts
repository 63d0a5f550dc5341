/**
 * Saves single mappings, whose sizes the PRPs do not hold.
 *
 * @see rules/nvme.md 2.3, Saved mappings and first failure row
 */
import { attributesOf, type BlkDma, type BlkDmaIter, opDirection } from "@dmalab/runtime/block";
import type { DmaDevice } from "@dmalab/runtime/dma";
import { dereferenceNull, type Machine } from "@dmalab/runtime";
import type { DmaVecSource } from "./dma_vec_pool.ts";
import { type Iod, IOD_FLAG } from "../command/iod.ts";
import type { NvmeRequest } from "../command/nvme_request.ts";
import type { NvmeRules } from "../nvme_rules.ts";
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
   * Saves the iterator's mapping if it has to be unmapped by itself.
   *
   * @param first The request's first mapping: there is none before it to unwind.
   * @returns False when there is no array; the mapping is then undone, except, with the quirk
   * `bounce_slot_lost_on_array_failure`, one that is not the first, and with the quirk
   * `first_mapping_leaked` the first.
   * @throws {KernelError} EFAULT with the quirk `need_unmap_flip_null_list`, when something must be
   * saved and the first mapping needed no array.
   */
  save(iod: Iod, request: NvmeRequest, iter: BlkDmaIter, first: boolean): boolean {
    const rules = this.#rules;
    if (!rules.savesRanges && this.#blk.coalesce(iod.dmaState)) return true;
    if (!rules.savesBusAddresses && iod.hasFlag(IOD_FLAG.DATA_P2P)) return true;
    if (!rules.savesMappings || !this.#machine.dma.dmaNeedUnmap(this.#dev)) return true;
    if (iod.nrDmaVecs === 0 && !this.#takeArray(iod, request, iter, first)) return false;
    iod.dmaVecs!.set(iod.nrDmaVecs++, iter.addr, iter.lengthBytes);
    return true;
  }

  #takeArray(iod: Iod, request: NvmeRequest, iter: BlkDmaIter, first: boolean): boolean {
    const rules = this.#rules;
    if (!first && !rules.savesFromAnyMapping) {
      dereferenceNull(
        this.#machine.events,
        "nvme_pci_setup_data_prp",
        `request ${request.id} must save a mapping, and its first one needed no array`,
      );
    }
    iod.dmaVecs = this.#source.take();
    if (iod.dmaVecs !== null) return true;
    const undone = first ? rules.undoesFirstMapping : rules.undoesUnsavedMapping;
    if (undone) {
      this.#machine.dma.dmaUnmapPhys(
        this.#dev,
        iter.addr,
        iter.lengthBytes,
        opDirection(request.op),
        attributesOf(iter.kind),
      );
    }
    return false;
  }

  /** Unmaps the saved mappings and frees the array. */
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
