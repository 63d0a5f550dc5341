/**
 * Maps a request's metadata as 6.12 does: one page call for the plain pointer, else a scatterlist of
 * its own by SGL descriptors.
 *
 * @see rules/nvme.md 3 and 6
 */
import {
  BLK_STS,
  type BlkStatus,
  type DmaAddr,
  type Machine,
  type PhysAddr,
} from "@dmalab/runtime";
import { opDirection, SegmentIterator } from "@dmalab/runtime/block";
import { DMA_ATTR, type DmaDevice, type PoolBlock, type Scatterlist } from "@dmalab/runtime/dma";
import { returnDescriptor, takeDescriptor } from "../command/descriptor_pools.ts";
import type { DescriptorWriter } from "../command/descriptor_writer.ts";
import type { FormatSettings } from "../data/format_choice.ts";
import { type Iod, IOD_FLAG } from "../command/iod.ts";
import { tellMetadataChoice } from "../data/metadata_choice.ts";
import type { NvmeRequest } from "../command/nvme_request.ts";
import type { NvmeRules } from "../nvme_rules.ts";
import { MAX_SMALL_SGLS, SGL_DESCRIPTOR_BYTES } from "../protocol.ts";
import { ScatterlistPool } from "./scatterlist_pool.ts";
import { mapPage } from "../data/single_page.ts";

/** The controller takes SGLs for metadata, and the request is one that has them. */
export function wantsMetadataSgl(request: NvmeRequest, settings: FormatSettings): boolean {
  return settings.metadataSgl && (request.nrIntegritySegments > 1 || request.userCommand);
}

export class ScatterlistMetadataMapper {
  readonly #machine: Machine;
  readonly #dev: DmaDevice;
  readonly #settings: FormatSettings;
  readonly #writer: DescriptorWriter;
  readonly #rules: NvmeRules;
  readonly #lists: ScatterlistPool;
  readonly #segments = new SegmentIterator();

  constructor(
    machine: Machine,
    dev: DmaDevice,
    settings: FormatSettings,
    writer: DescriptorWriter,
    rules: NvmeRules,
  ) {
    this.#machine = machine;
    this.#dev = dev;
    this.#settings = settings;
    this.#writer = writer;
    this.#rules = rules;
    this.#lists = new ScatterlistPool(machine, MAX_SMALL_SGLS);
  }

  /** Maps and describes, after the data, which is the caller's to undo on failure. */
  map(iod: Iod, request: NvmeRequest): BlkStatus {
    const { events } = this.#machine;
    const wantsList = iod.usesSgl && wantsMetadataSgl(request, this.#settings);
    const format = wantsList ? "sgl" : "pointer";
    tellMetadataChoice(events, "nvme.6", format, iod, request, this.#settings.metadataSgl);
    return wantsList ? this.#mapList(iod, request) : this.#mapPointer(iod, request);
  }

  /** Ends the mapping, before the data's. */
  unmap(iod: Iod, request: NvmeRequest): void {
    const { dma, events } = this.#machine;
    const dir = opDirection(request.op);
    const list = iod.metaList;
    if (list === null) {
      dma.dmaUnmapPage(this.#dev, iod.metaDma, iod.metaSingleBytes, dir);
      return;
    }
    dma.dmaUnmapSg(this.#dev, list, dir);
    returnDescriptor(events, iod.pools.small, iod.metaDescriptor!, iod.metaDma);
    this.#freeList(iod, list);
  }

  /** One mapping, one pointer. That it cannot be mapped is final, unlike for data. */
  #mapPointer(iod: Iod, request: NvmeRequest): BlkStatus {
    this.#segments.startMetadata(request);
    this.#segments.next();
    const firstVec = request.bios[0]!.metadata[0]!;
    const sizeBytes = this.#rules.mapsFirstMetadataVecOnly
      ? firstVec.sizeBytes
      : this.#segments.sizeBytes;
    const dma = mapPage(this.#machine, this.#dev, firstVec.phys, sizeBytes, request);
    if (this.#machine.dma.dmaMappingError(this.#dev, dma) !== 0) return BLK_STS.IOERR;
    iod.setMetadataPointer(dma);
    iod.metaSingleBytes = sizeBytes;
    iod.flags |= IOD_FLAG.SINGLE_META_SEGMENT;
    return BLK_STS.OK;
  }

  #mapList(iod: Iod, request: NvmeRequest): BlkStatus {
    const { dma, events } = this.#machine;
    const dir = opDirection(request.op);
    const list = this.#lists.take();
    if (list === null) return BLK_STS.RESOURCE;
    iod.metaList = list;
    this.#segments.startMetadata(request);
    while (this.#segments.next()) list.add(this.#segments.phys, this.#segments.sizeBytes);
    if (dma.dmaMapSgtable(this.#dev, list, dir, DMA_ATTR.NO_WARN) !== 0) {
      this.#freeList(iod, list);
      return BLK_STS.RESOURCE;
    }
    const block = takeDescriptor(events, iod.pools.small, "nvme.6", list.outputs);
    if (block === null) {
      dma.dmaUnmapSg(this.#dev, list, dir);
      this.#freeList(iod, list);
      return BLK_STS.RESOURCE;
    }
    iod.setMetadataList(block);
    this.#describe(list, block);
    return BLK_STS.OK;
  }

  /** One data block by itself; several after a descriptor with their number. */
  #describe(list: Scatterlist, { phys: listPhys, dma: address }: PoolBlock): void {
    const entries = list.outputs;
    const first = entries === 1 ? 0 : 1;
    for (let index = 0; index < entries; index++) {
      const at = (listPhys + (first + index) * SGL_DESCRIPTOR_BYTES) as PhysAddr;
      this.#writer.listSgl(at, list.dmaAddressAt(index), list.dmaLengthAt(index));
    }
    if (entries === 1) return;
    this.#writer.listLastSegment(
      listPhys,
      (address + SGL_DESCRIPTOR_BYTES) as DmaAddr,
      entries * SGL_DESCRIPTOR_BYTES,
    );
  }

  #freeList(iod: Iod, list: Scatterlist): void {
    this.#lists.put(list);
    iod.metaList = null;
  }
}
