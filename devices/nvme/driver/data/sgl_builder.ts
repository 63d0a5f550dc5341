/**
 * Describes a request's data as SGL descriptors: one in the command, or a list of data blocks.
 *
 * @see behaviour/nvme.md 2.4
 */
import type { Bytes, PhysAddr } from "../../../../runtime/address.ts";
import { opDirection } from "../../../../runtime/block/bio.ts";
import {
  attributesOf,
  type BlkDma,
  type BlkDmaIter,
} from "../../../../runtime/block/dma_iterator.ts";
import type { DmaDevice } from "../../../../runtime/dma/device/device.ts";
import { BLK_STS, type BlkStatus, invariant } from "../../../../runtime/errno.ts";
import type { PoolBlock } from "../../../../runtime/dma/calls/pool.ts";
import type { Machine } from "../../../../runtime/machine.ts";
import { takeList } from "../command/descriptor_lists.ts";
import type { DescriptorWriter } from "../command/descriptor_writer.ts";
import { type Iod, IOD_FLAG } from "../command/iod.ts";
import type { NvmeRequest } from "../command/nvme_request.ts";
import type { NvmeRules } from "../nvme_rules.ts";
import {
  CTRL_PAGE_BYTES,
  MAX_SMALL_SGLS,
  SGL_DESCRIPTOR_BYTES,
  SGL_LINK_OFFSET_BYTES,
  SGL_TYPE,
  SGLS_PER_PAGE,
} from "../protocol.ts";

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
    const list = takeList(this.#machine.events, iod, pool, "nvme.2.4", entries);
    if (list === null) {
      if (this.#rules.undoesFirstMapping) this.#undo(iod, request, iter);
      return BLK_STS.RESOURCE;
    }
    const perSegment = small ? MAX_SMALL_SGLS : SGLS_PER_PAGE;
    let segment = list;
    let mapped = 0;
    /** Descriptors in the segment at hand. */
    let filled = 0;
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
      if (filled === perSegment) {
        const next = this.#goOn(iod, segment, entries - mapped);
        if (next === null) {
          this.#undo(iod, request, iter);
          status = BLK_STS.RESOURCE;
          break;
        }
        invariant(next.dma !== segment.dma, "A segment links to itself");
        segment = next;
        filled = 1;
      }
      const at = (segment.phys + filled * SGL_DESCRIPTOR_BYTES) as PhysAddr;
      this.#writer.listSgl(at, iter.addr, iter.lengthBytes);
      iod.totalBytes += iter.lengthBytes;
      mapped++;
      filled++;
    } while (this.#blk.next(request, this.#dev, iter));
    invariant(filled > 0 && filled <= perSegment, "A segment has more entries than fit");
    this.#link(iod, filled * SGL_DESCRIPTOR_BYTES);
    return status === BLK_STS.OK ? iter.status : status;
  }

  /**
   * Adds a segment (`sgl_segment_chains`): the last descriptor of the full one moves over, and makes
   * room for the one that will lead here.
   */
  #goOn(iod: Iod, full: PoolBlock, left: number): PoolBlock | null {
    const next = takeList(this.#machine.events, iod, iod.pools.large, "nvme.2.4", left + 1);
    if (next === null) return null;
    const last = full.phys + SGL_LINK_OFFSET_BYTES as PhysAddr;
    this.#writer.listSgl(
      next.phys,
      this.#writer.readSglAddress(last),
      this.#writer.readSglLengthBytes(last),
    );
    return next;
  }

  /** Points the command to the first segment, and each segment to the next. */
  #link(iod: Iod, lastBytes: Bytes): void {
    const count = iod.nrDescriptors;
    invariant(count > 0, "A list of segments is empty");
    for (let index = 1; index < count; index++) {
      const at = iod.descriptors[index - 1]!.phys + SGL_LINK_OFFSET_BYTES as PhysAddr;
      const { dma } = iod.descriptors[index]!;
      if (index === count - 1) this.#writer.listLastSegment(at, dma, lastBytes);
      else this.#writer.listSegment(at, dma, CTRL_PAGE_BYTES);
    }
    const { dma } = iod.descriptors[0]!;
    if (count === 1) this.#writer.commandSgl(iod, dma, lastBytes, SGL_TYPE.LAST_SEGMENT);
    else this.#writer.commandSgl(iod, dma, CTRL_PAGE_BYTES, SGL_TYPE.SEGMENT);
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
