/**
 * Describes a request's data as PRP entries: two in the command, the rest in chained list pages.
 *
 * @see rules/nvme.md 2.3
 */
import {
  BLK_STS,
  type BlkStatus,
  type Bytes,
  type DmaAddr,
  invariant,
  type Machine,
  type PhysAddr,
} from "@dmalab/runtime";
import type { BlkDmaIter, BlockRequest } from "@dmalab/runtime/block";
import type { DescriptorPool, DmaDevice, PoolBlock } from "@dmalab/runtime/dma";
import { takeList } from "../command/descriptor_lists.ts";
import type { DescriptorWriter } from "../command/descriptor_writer.ts";
import { ctrlPageOffset } from "./format_choice.ts";
import { type Iod, IOD_FLAG } from "../command/iod.ts";
import type { NvmeRequest } from "../command/nvme_request.ts";
import type { NvmeRules } from "../nvme_rules.ts";
import { CTRL_PAGE_BYTES, MAX_SMALL_PRPS, PRPS_PER_PAGE } from "../protocol.ts";

/** The walk found a segment that PRPs cannot say, or too little data: a broken limit or a defect. */
const BAD_REQUEST = -1;
type Outcome = BlkStatus | typeof BAD_REQUEST;

/** Steps through what is mapped of a request, or maps it on the way. */
export interface SegmentSteps {
  /** Puts the next mapped segment into the iterator; false at the end or, by its status, on failure. */
  next(request: BlockRequest, dev: DmaDevice, iter: BlkDmaIter): boolean;
}

/** Saves mappings that have to be unmapped one by one. */
export interface MappingKeeper {
  /** False when it cannot, so that the request must fail. */
  save(iod: Iod, request: NvmeRequest, iter: BlkDmaIter, first: boolean): boolean;
}

export class PrpBuilder {
  readonly #machine: Machine;
  readonly #dev: DmaDevice;
  readonly #steps: SegmentSteps;
  readonly #writer: DescriptorWriter;
  readonly #saved: MappingKeeper;
  readonly #rules: NvmeRules;
  /** Bytes of the request that no PRP points to yet. */
  #leftBytes: Bytes = 0;
  #prp2 = 0;

  constructor(
    machine: Machine,
    dev: DmaDevice,
    steps: SegmentSteps,
    writer: DescriptorWriter,
    saved: MappingKeeper,
    rules: NvmeRules,
  ) {
    this.#machine = machine;
    this.#dev = dev;
    this.#steps = steps;
    this.#writer = writer;
    this.#saved = saved;
    this.#rules = rules;
  }

  /**
   * Builds on from the iterator's first step.
   *
   * @returns OK; else the caller unmaps what `iod` says was mapped, unless it is
   * nothing at all (`iod.totalBytes` is 0).
   */
  build(iod: Iod, request: NvmeRequest, iter: BlkDmaIter): BlkStatus {
    this.#leftBytes = request.payloadBytes;
    this.#prp2 = 0;
    if (!this.#saved.save(iod, request, iter, true)) return BLK_STS.RESOURCE;
    const prp1 = iter.addr;
    const outcome = this.#fill(iod, request, iter);
    if (outcome !== BAD_REQUEST) {
      this.#writer.commandPrps(iod, prp1, this.#prp2);
      return outcome;
    }
    this.#machine.warnings.warnOnce(
      "nvme_pci_setup_data_prp",
      `a segment of request ${request.id} ends inside a page, or its data ends too early`,
      `Incorrectly formed request for payload:${request.payloadBytes} nents:${request.nrPhysSegments}`,
    );
    if (this.#rules.badRequestWritesPrps) this.#writer.commandPrps(iod, prp1, this.#prp2);
    return BLK_STS.IOERR;
  }

  #fill(iod: Iod, request: NvmeRequest, iter: BlkDmaIter): Outcome {
    const firstBytes = Math.min(this.#leftBytes, CTRL_PAGE_BYTES - ctrlPageOffset(iter.addr));
    // The first entry is not checked against its segment: a shorter one wraps the 32-bit rest.
    const outcome = this.#consume(iod, request, iter, firstBytes);
    if (outcome !== BLK_STS.OK || this.#leftBytes === 0) return outcome;
    if (this.#leftBytes <= CTRL_PAGE_BYTES) {
      this.#prp2 = iter.addr;
      iod.totalBytes += this.#leftBytes;
      return BLK_STS.OK;
    }
    return this.#fillList(iod, request, iter);
  }

  #fillList(iod: Iod, request: NvmeRequest, iter: BlkDmaIter): Outcome {
    const entries = this.#leftEntries();
    invariant(entries > 1, "A list is built for a single entry");
    const small = entries <= MAX_SMALL_PRPS;
    const pool = small ? iod.pools.small : iod.pools.large;
    if (small) iod.flags |= IOD_FLAG.SMALL_DESCRIPTOR;

    let list = takeList(this.#machine.events, iod, pool, "nvme.2.3.4", entries);
    if (list === null) return BLK_STS.RESOURCE;
    this.#prp2 = list.dma;
    let index = 0;
    for (;;) {
      if (index === PRPS_PER_PAGE && this.#rules.chainsPages) {
        list = this.#chain(iod, pool, list.phys);
        if (list === null) return BLK_STS.RESOURCE;
        index = 1;
      }
      this.#writer.listPrp(list.phys, iod.nrDescriptors - 1, index++, iter.addr);
      const takenBytes = Math.min(this.#leftBytes, CTRL_PAGE_BYTES);
      if (iter.lengthBytes < takenBytes) return BAD_REQUEST;
      const outcome = this.#consume(iod, request, iter, takenBytes);
      if (outcome !== BLK_STS.OK) return outcome;
      if (this.#leftBytes === 0) return this.#endList(iod, pool, list.phys, index);
    }
  }

  /** With the quirk `prp_full_page_chained` a full page gets a needless link. */
  #endList(iod: Iod, pool: DescriptorPool, listPhys: PhysAddr, entries: number): Outcome {
    if (entries !== PRPS_PER_PAGE || !this.#rules.chainsFullPage) return BLK_STS.OK;
    return this.#chain(iod, pool, listPhys) === null ? BLK_STS.RESOURCE : BLK_STS.OK;
  }

  /** Entries for the bytes that no PRP points to yet. */
  #leftEntries(): number {
    return Math.ceil(this.#leftBytes / CTRL_PAGE_BYTES);
  }

  /** Adds a list page; the last entry of the full one moves over and makes room for the link. */
  #chain(iod: Iod, pool: DescriptorPool, fullPhys: PhysAddr): PoolBlock | null {
    // The entry that makes room for the link goes over, too.
    const entries = 1 + this.#leftEntries();
    const list = takeList(this.#machine.events, iod, pool, "nvme.2.3.5", entries);
    if (list === null) return null;
    const page = iod.nrDescriptors - 1;
    invariant(page > 0, "A list chains to itself");
    const moved = this.#writer.readPrp(fullPhys, PRPS_PER_PAGE - 1);
    this.#writer.listPrp(list.phys, page, 0, moved);
    this.#writer.listPrp(fullPhys, page - 1, PRPS_PER_PAGE - 1, list.dma);
    return list;
  }

  /** Moves past bytes that an entry now covers, and maps the next segment if that was the last. */
  #consume(iod: Iod, request: NvmeRequest, iter: BlkDmaIter, sizeBytes: Bytes): Outcome {
    iod.totalBytes += sizeBytes;
    invariant(sizeBytes <= this.#leftBytes, "A PRP entry goes beyond the data");
    this.#leftBytes -= sizeBytes;
    iter.addr = (iter.addr + sizeBytes) as DmaAddr;
    iter.lengthBytes -= sizeBytes;
    if (iter.lengthBytes < 0) iter.lengthBytes += 2 ** 32;
    if (iter.lengthBytes !== 0 || this.#leftBytes === 0) return BLK_STS.OK;
    if (!this.#steps.next(request, this.#dev, iter)) {
      return iter.status === BLK_STS.OK ? BAD_REQUEST : iter.status;
    }
    return this.#saved.save(iod, request, iter, false) ? BLK_STS.OK : BLK_STS.RESOURCE;
  }
}
