/**
 * Describes a request's data as SGL descriptors: one in the command, or a list of data blocks.
 *
 * @see rules/nvme.md 2.4
 */
import { BLK_STS, type BlkStatus, invariant, type Machine, type PhysAddr } from "@dmalab/runtime";
import { attributesOf, type BlkDma, type BlkDmaIter, opDirection } from "@dmalab/runtime/block";
import type { DmaDevice } from "@dmalab/runtime/dma";
import { takeList } from "../command/descriptor_lists.ts";
import type { DescriptorWriter } from "../command/descriptor_writer.ts";
import { type Iod, IOD_FLAG } from "../command/iod.ts";
import type { NvmeRequest } from "../command/nvme_request.ts";
import type { NvmeRules } from "../nvme_rules.ts";
import { MAX_SMALL_SGLS, SGL_DESCRIPTOR_BYTES, SGL_TYPE, SGLS_PER_PAGE } from "../protocol.ts";

export class SglBuilder {
  readonly #machine: Machine;
  readonly #dev: DmaDevice;
  readonly #blk: BlkDma;
  readonly #writer: DescriptorWriter;
  readonly #rules: NvmeRules;

  constructor(
    machine: Machine,
    dev: DmaDevice,
    blk: BlkDma,
    writer: DescriptorWriter,
    rules: NvmeRules,
  ) {
    this.#machine = machine;
    this.#dev = dev;
    this.#blk = blk;
    this.#writer = writer;
    this.#rules = rules;
  }

  /**
   * Builds on from the iterator's first step.
   *
   * @returns OK; else the caller unmaps what `iod` says was mapped, unless it is nothing at all
   * (`iod.totalBytes` is 0).
   */
  build(iod: Iod, request: NvmeRequest, iter: BlkDmaIter): BlkStatus {
    const entries = request.nrPhysSegments;
    if (entries === 1 || this.#blk.coalesce(iod.dmaState)) {
      this.#writer.commandSgl(iod, iter.addr, iter.lengthBytes, SGL_TYPE.DATA_BLOCK);
      iod.totalBytes += iter.lengthBytes;
      return BLK_STS.OK;
    }
    const small = entries <= MAX_SMALL_SGLS;
    const pool = small ? iod.pools.small : iod.pools.large;
    if (small) iod.flags |= IOD_FLAG.SMALL_DESCRIPTOR;
    invariant(entries <= SGLS_PER_PAGE, "A list has more entries than fit");
    const list = takeList(this.#machine.events, iod, pool, "nvme.2.4", entries);
    if (list === null) {
      if (this.#rules.undoesFirstMapping) this.#undo(iod, request, iter);
      return BLK_STS.RESOURCE;
    }
    let mapped = 0;
    let status: BlkStatus = BLK_STS.OK;
    do {
      if (mapped === entries) {
        this.#machine.warnings.warnOnce(
          "nvme_pci_setup_data_sgl",
          `request ${request.id} has more segments than the ${entries} that were counted`,
        );
        status = BLK_STS.IOERR;
        break;
      }
      const at = (list.phys + mapped * SGL_DESCRIPTOR_BYTES) as PhysAddr;
      this.#writer.listSgl(at, iter.addr, iter.lengthBytes);
      iod.totalBytes += iter.lengthBytes;
      mapped++;
    } while (this.#blk.next(request, this.#dev, iter));
    const listBytes = mapped * SGL_DESCRIPTOR_BYTES;
    this.#writer.commandSgl(iod, list.dma, listBytes, SGL_TYPE.LAST_SEGMENT);
    return status === BLK_STS.OK ? iter.status : status;
  }

  /** There is no list to hold the segment: unmap it here. */
  #undo(iod: Iod, request: NvmeRequest, iter: BlkDmaIter): void {
    const dma = this.#machine.dma;
    if (iod.hasFlag(IOD_FLAG.DATA_P2P) || !dma.dmaNeedUnmap(this.#dev)) return;
    dma.dmaUnmapPhys(
      this.#dev,
      iter.addr,
      iter.lengthBytes,
      opDirection(request.op),
      attributesOf(iter.kind),
    );
  }
}
