/**
 * Maps a request's metadata: by a plain pointer where one is enough, else by SGL descriptors.
 *
 * @see rules/nvme.md 3
 */
import {
  BLK_STS,
  type BlkStatus,
  type DmaAddr,
  type Machine,
  type PhysAddr,
} from "@dmalab/runtime";
import {
  attributesOf,
  type BlkDma,
  BlkDmaIter,
  opDirection,
  SegmentIterator,
} from "@dmalab/runtime/block";
import type { DmaDevice, PoolBlock } from "@dmalab/runtime/dma";
import { returnDescriptor, takeDescriptor } from "../command/descriptor_pools.ts";
import type { DescriptorWriter } from "../command/descriptor_writer.ts";
import type { FormatSettings } from "./format_choice.ts";
import { type Iod, IOD_FLAG } from "../command/iod.ts";
import { tellMetadataChoice } from "./metadata_choice.ts";
import type { NvmeRequest } from "../command/nvme_request.ts";
import type { NvmeRules } from "../nvme_rules.ts";
import { SGL_DESCRIPTOR_BYTES, SGL_TYPE } from "../protocol.ts";

export class MetadataMapper {
  readonly #machine: Machine;
  readonly #dev: DmaDevice;
  readonly #settings: FormatSettings;
  readonly #rules: NvmeRules;
  readonly #blk: BlkDma;
  readonly #writer: DescriptorWriter;
  readonly #iter = new BlkDmaIter();
  readonly #first = new SegmentIterator();

  constructor(
    machine: Machine,
    dev: DmaDevice,
    settings: FormatSettings,
    blk: BlkDma,
    writer: DescriptorWriter,
    rules: NvmeRules,
  ) {
    this.#machine = machine;
    this.#dev = dev;
    this.#settings = settings;
    this.#blk = blk;
    this.#writer = writer;
    this.#rules = rules;
  }

  /**
   * Maps and describes, after the data. On failure nothing of the metadata stays mapped that the
   * release undoes; the data is the caller's to undo.
   */
  map(iod: Iod, request: NvmeRequest): BlkStatus {
    const manyOrUser = request.nrIntegritySegments > 1 || request.userCommand;
    const wantsList = iod.usesSgl && this.#settings.metadataSgl && manyOrUser;
    if (wantsList || this.#isPeerMemory(request)) return this.#mapIterated(iod, request);
    this.#chosen("pointer", iod, request);
    return this.#mapPointer(iod, request);
  }

  #chosen(format: "pointer" | "sgl", iod: Iod, request: NvmeRequest): void {
    const { metadataSgl } = this.#settings;
    tellMetadataChoice(this.#machine.events, "nvme.3", format, iod, request, metadataSgl);
  }

  /** Ends the mapping, before the data's. */
  unmap(iod: Iod, request: NvmeRequest): void {
    const dir = opDirection(request.op);
    if (iod.hasFlag(IOD_FLAG.SINGLE_META_SEGMENT)) {
      this.#machine.dma.dmaUnmapPhys(this.#dev, iod.metaDma, iod.metaSingleBytes, dir, 0);
      return;
    }
    const kind = iod.hasFlag(IOD_FLAG.META_P2P)
      ? "bus_addr"
      : iod.hasFlag(IOD_FLAG.META_MMIO)
      ? "thru_host_bridge"
      : "none";
    if (!this.#blk.unmap(request, this.#dev, iod.metaState, iod.metaTotalBytes, kind, true)) {
      const attrs = attributesOf(kind);
      if (iod.usesMetadataSgl) this.#unmapListed(iod, request, attrs);
      else {
        this.#machine.dma.dmaUnmapPhys(this.#dev, iod.metaDma, iod.metaTotalBytes, dir, attrs);
      }
    }
    if (iod.usesMetadataSgl) {
      returnDescriptor(
        this.#machine.events,
        iod.pools.small,
        iod.metaDescriptor!,
        iod.metaDma,
      );
    }
  }

  #isPeerMemory(request: NvmeRequest): boolean {
    const { peers } = this.#machine;
    if (peers === null) return false;
    this.#first.startMetadata(request);
    return this.#first.next() && peers.isPeerMemory(this.#first.phys);
  }

  /** One mapping, one pointer. That it cannot be mapped is final, unlike for data. */
  #mapPointer(iod: Iod, request: NvmeRequest): BlkStatus {
    const first = this.#first;
    first.startMetadata(request);
    first.next();
    const firstVec = request.bios.find(({ metadata }) => metadata.length > 0)!.metadata[0]!;
    const sizeBytes = this.#rules.mapsFirstMetadataVecOnly ? firstVec.sizeBytes : first.sizeBytes;
    const dma = this.#machine.dma.dmaMapPhys(
      this.#dev,
      firstVec.phys,
      sizeBytes,
      opDirection(request.op),
      0,
    );
    if (this.#machine.dma.dmaMappingError(this.#dev, dma) !== 0) return BLK_STS.IOERR;
    iod.setMetadataPointer(dma);
    iod.metaSingleBytes = sizeBytes;
    iod.flags |= IOD_FLAG.SINGLE_META_SEGMENT;
    return BLK_STS.OK;
  }

  #mapIterated(iod: Iod, request: NvmeRequest): BlkStatus {
    const iter = this.#iter;
    if (!this.#blk.startMetadata(request, this.#dev, iod.metaState, iter)) return iter.status;
    if (iter.kind === "bus_addr") iod.flags |= IOD_FLAG.META_P2P;
    else if (iter.kind === "thru_host_bridge") iod.flags |= IOD_FLAG.META_MMIO;

    const entries = this.#blk.coalesce(iod.metaState) ? 1 : request.nrIntegritySegments;
    if (!this.#settings.metadataSgl || (entries === 1 && !request.userCommand)) {
      this.#chosen("pointer", iod, request);
      iod.setMetadataPointer(iter.addr);
      iod.metaTotalBytes = iter.lengthBytes;
      return BLK_STS.OK;
    }
    this.#chosen("sgl", iod, request);
    const list = takeDescriptor(this.#machine.events, iod.pools.small, "nvme.3", entries);
    if (list === null) {
      this.#undoFirst(iod, request);
      return BLK_STS.RESOURCE;
    }
    iod.setMetadataList(list);
    return this.#fillList(iod, request, list, entries);
  }

  /** One data block by itself; several after a descriptor with their number. */
  #fillList(iod: Iod, request: NvmeRequest, list: PoolBlock, entries: number): BlkStatus {
    const iter = this.#iter;
    const listPhys = list.phys;
    if (entries === 1) {
      this.#writer.listSgl(listPhys, iter.addr, iter.lengthBytes);
      iod.metaTotalBytes = iter.lengthBytes;
      return BLK_STS.OK;
    }
    let mapped = 0;
    do {
      mapped++;
      const at = (listPhys + mapped * SGL_DESCRIPTOR_BYTES) as PhysAddr;
      this.#writer.listSgl(at, iter.addr, iter.lengthBytes);
      iod.metaTotalBytes += iter.lengthBytes;
    } while (this.#blk.nextMetadata(request, this.#dev, iter));
    this.#writer.listLastSegment(
      listPhys,
      (list.dma + SGL_DESCRIPTOR_BYTES) as DmaAddr,
      mapped * SGL_DESCRIPTOR_BYTES,
    );
    if (iter.status !== BLK_STS.OK) this.unmap(iod, request);
    return iter.status;
  }

  #undoFirst(iod: Iod, request: NvmeRequest): void {
    const { addr, lengthBytes, kind } = this.#iter;
    if (this.#blk.unmap(request, this.#dev, iod.metaState, lengthBytes, kind, true)) return;
    this.#machine.dma.dmaUnmapPhys(
      this.#dev,
      addr,
      lengthBytes,
      opDirection(request.op),
      attributesOf(kind),
    );
  }

  #unmapListed(iod: Iod, request: NvmeRequest, attrs: number): void {
    const listPhys = iod.metaDescriptor!.phys;
    const dir = opDirection(request.op);
    const many = this.#writer.readSglType(listPhys) === SGL_TYPE.LAST_SEGMENT;
    const count = many ? this.#writer.readSglLengthBytes(listPhys) / SGL_DESCRIPTOR_BYTES : 1;
    for (let index = 0; index < count; index++) {
      const at = (listPhys + (many ? index + 1 : 0) * SGL_DESCRIPTOR_BYTES) as PhysAddr;
      this.#machine.dma.dmaUnmapPhys(
        this.#dev,
        this.#writer.readSglAddress(at),
        this.#writer.readSglLengthBytes(at),
        dir,
        attrs,
      );
    }
  }
}
