/**
 * Maps a request's data as 6.12 does: one call for a single segment, else a scatterlist that is
 * mapped as a whole and lives as long as the mapping.
 *
 * @see rules/nvme.md 6, rules/captured.md (6.12)
 */
import {
  BLK_STS,
  type BlkStatus,
  type Bytes,
  type DmaAddr,
  ERRNO,
  type EventFields,
  eventId,
  type Machine,
  type PhysAddr,
} from "@dmalab/runtime";
import { BlkDmaIter, opDirection, SegmentIterator } from "@dmalab/runtime/block";
import { DMA_ATTR, type DmaDevice, type Scatterlist } from "@dmalab/runtime/dma";
import type { DataMapper } from "../data/data_mapper.ts";
import { freeDescriptors, takeList } from "../command/descriptor_lists.ts";
import { DescriptorWriter } from "../command/descriptor_writer.ts";
import {
  averageSegmentBytes,
  ctrlPageOffset,
  type FormatSettings,
  prefersSgl,
  type SglUse,
  TWO_PRPS_BYTES,
} from "../data/format_choice.ts";
import { type Iod, IOD_FLAG } from "../command/iod.ts";
import type { NvmeRequest, UnmapRule } from "../command/nvme_request.ts";
import type { NvmeRules } from "../nvme_rules.ts";
import { PrpBuilder } from "../data/prp_builder.ts";
import { CTRL_PAGE_BYTES, MAX_SMALL_SGLS, SGL_DESCRIPTOR_BYTES, SGL_TYPE } from "../protocol.ts";
import { ScatterlistMetadataMapper, wantsMetadataSgl } from "./scatterlist_metadata.ts";
import { ScatterlistPool } from "./scatterlist_pool.ts";
import { mapPage } from "../data/single_page.ts";
import { KEPT_IN_LIST, ScatterlistWalk } from "./scatterlist_walk.ts";

const NVME_CHOOSE = eventId("nvme.choose");
const NVME_UNMAP = eventId("nvme.unmap");

type ChosenFormat = EventFields<"nvme.choose">["format"];

export class ScatterlistDataMapper implements DataMapper {
  readonly #machine: Machine;
  readonly #dev: DmaDevice;
  readonly #settings: FormatSettings;
  readonly #writer: DescriptorWriter;
  readonly #lists: ScatterlistPool;
  readonly #prps: PrpBuilder;
  readonly #metadata: ScatterlistMetadataMapper;
  readonly #segments = new SegmentIterator();
  readonly #walk = new ScatterlistWalk();
  readonly #rules: NvmeRules;
  readonly #iter = new BlkDmaIter();

  constructor(machine: Machine, dev: DmaDevice, settings: FormatSettings, rules: NvmeRules) {
    this.#rules = rules;
    this.#machine = machine;
    this.#dev = dev;
    this.#settings = settings;
    this.#writer = new DescriptorWriter(machine.events, machine.memory);
    this.#lists = new ScatterlistPool(machine, rules.maxSegments);
    this.#prps = new PrpBuilder(machine, dev, this.#walk, this.#writer, KEPT_IN_LIST, rules);
    this.#metadata = new ScatterlistMetadataMapper(machine, dev, settings, this.#writer, rules);
  }

  map(iod: Iod, request: NvmeRequest): BlkStatus {
    const status = this.#mapData(iod, request);
    if (status !== BLK_STS.OK || request.nrIntegritySegments === 0) return status;
    const metadataStatus = this.#metadata.map(iod, request);
    if (metadataStatus !== BLK_STS.OK) this.#unmapData(iod, request);
    return metadataStatus;
  }

  unmap(iod: Iod, request: NvmeRequest): void {
    if (request.nrIntegritySegments !== 0) this.#metadata.unmap(iod, request);
    this.#unmapData(iod, request);
  }

  #mapData(iod: Iod, request: NvmeRequest): BlkStatus {
    this.#segments.start(request);
    if (!this.#segments.next()) return BLK_STS.IOERR;
    const use = this.#sglUse(request);
    const simple = request.nrPhysSegments === 1 ? this.#simpleFormat(request, use) : null;
    return simple === null
      ? this.#mapList(iod, request, use)
      : this.#mapSimple(iod, request, use, simple);
  }

  /** What the request and the controller allow. */
  #sglUse(request: NvmeRequest): SglUse {
    if (request.admin || !this.#settings.sgl) return "unsupported";
    return request.userCommand || wantsMetadataSgl(request, this.#settings)
      ? "forced"
      : "supported";
  }

  /**
   * How a lone segment is described without a list; null when it needs one. A user's command is no
   * reason for an SGL here, and a threshold of 0 rules one out.
   */
  #simpleFormat(request: NvmeRequest, use: SglUse): "simple_prp" | "simple_sgl" | null {
    const { phys } = this.#segments;
    const { peers } = this.#machine;
    if (peers !== null && peers.isPeerMemory(phys)) return null;
    if (wantsMetadataSgl(request, this.#settings)) return null;
    if (ctrlPageOffset(phys) + request.payloadBytes <= TWO_PRPS_BYTES) return "simple_prp";
    return use !== "unsupported" && this.#settings.sglThresholdBytes !== 0 ? "simple_sgl" : null;
  }

  #mapSimple(
    iod: Iod,
    request: NvmeRequest,
    use: SglUse,
    format: "simple_prp" | "simple_sgl",
  ): BlkStatus {
    const { phys } = this.#segments;
    const sizeBytes = request.payloadBytes;
    this.#choose(request, format, use, sizeBytes, 1);
    const addr = mapPage(this.#machine, this.#dev, phys, sizeBytes, request);
    if (this.#machine.dma.dmaMappingError(this.#dev, addr) !== 0) return BLK_STS.RESOURCE;
    iod.flags |= IOD_FLAG.SINGLE_SEGMENT;
    iod.totalBytes = sizeBytes;
    this.#noteRange(request, addr, sizeBytes);
    if (format === "simple_sgl") {
      this.#writer.commandSgl(iod, addr, sizeBytes, SGL_TYPE.DATA_BLOCK);
    } else {
      const firstBytes = CTRL_PAGE_BYTES - ctrlPageOffset(phys);
      this.#writer.commandPrps(iod, addr, sizeBytes <= firstBytes ? 0 : addr + firstBytes);
    }
    return BLK_STS.OK;
  }

  #mapList(iod: Iod, request: NvmeRequest, use: SglUse): BlkStatus {
    const list = this.#lists.take();
    if (list === null) return BLK_STS.RESOURCE;
    iod.dataList = list;
    do list.add(this.#segments.phys, this.#segments.sizeBytes); while (this.#segments.next());
    const error = this.#machine.dma.dmaMapSgtable(
      this.#dev,
      list,
      opDirection(request.op),
      DMA_ATTR.NO_WARN,
    );
    if (error !== 0) {
      this.#lists.put(list);
      iod.dataList = null;
      return error === -ERRNO.EREMOTEIO ? this.#rules.peerRefused : BLK_STS.RESOURCE;
    }
    if (list.outputs === 1) this.#noteRange(request, list.dmaAddressAt(0), list.dmaLengthAt(0));

    const averageBytes = averageSegmentBytes(request.payloadBytes, list.outputs, false);
    const sgl = prefersSgl(use, averageBytes, this.#settings.sglThresholdBytes);
    this.#choose(request, sgl ? "sgl" : "prp", use, averageBytes, list.outputs);
    const status = sgl ? this.#buildSgl(iod, list) : this.#buildPrps(iod, request, list);
    if (status !== BLK_STS.OK) this.#unmapData(iod, request);
    return status;
  }

  #buildPrps(iod: Iod, request: NvmeRequest, list: Scatterlist): BlkStatus {
    this.#walk.start(list, this.#iter);
    return this.#prps.build(iod, request, this.#iter);
  }

  #buildSgl(iod: Iod, list: Scatterlist): BlkStatus {
    const entries = list.outputs;
    if (entries === 1) {
      const sizeBytes = list.dmaLengthAt(0);
      this.#writer.commandSgl(iod, list.dmaAddressAt(0), sizeBytes, SGL_TYPE.DATA_BLOCK);
      return BLK_STS.OK;
    }
    const small = entries <= MAX_SMALL_SGLS;
    const pool = small ? iod.pools.small : iod.pools.large;
    if (small) iod.flags |= IOD_FLAG.SMALL_DESCRIPTOR;
    const block = takeList(this.#machine.events, iod, pool, "nvme.6", entries);
    if (block === null) return BLK_STS.RESOURCE;
    for (let index = 0; index < entries; index++) {
      const at = (block.phys + index * SGL_DESCRIPTOR_BYTES) as PhysAddr;
      this.#writer.listSgl(at, list.dmaAddressAt(index), list.dmaLengthAt(index));
    }
    const sizeBytes = entries * SGL_DESCRIPTOR_BYTES;
    this.#writer.commandSgl(iod, block.dma, sizeBytes, SGL_TYPE.LAST_SEGMENT);
    return BLK_STS.OK;
  }

  #unmapData(iod: Iod, request: NvmeRequest): void {
    const { dma, events } = this.#machine;
    const dir = opDirection(request.op);
    if (iod.hasFlag(IOD_FLAG.SINGLE_SEGMENT)) {
      dma.dmaUnmapPage(
        this.#dev,
        iod.usesSgl ? iod.sglAddress : iod.prp1,
        iod.totalBytes,
        dir,
      );
      this.#ended(request, "single");
      return;
    }
    const list = iod.dataList!;
    dma.dmaUnmapSg(this.#dev, list, dir);
    this.#ended(request, "scatterlist");
    freeDescriptors(events, this.#writer, iod);
    this.#lists.put(list);
    iod.dataList = null;
  }

  /** All data lies in one IOVA range. */
  #noteRange(request: NvmeRequest, start: DmaAddr, sizeBytes: Bytes): void {
    if (this.#dev.domain === null) return;
    request.iovaStart = start;
    request.iovaSizeBytes = sizeBytes;
  }

  #choose(
    request: NvmeRequest,
    format: ChosenFormat,
    use: SglUse,
    averageBytes: Bytes,
    mappedSegments: number,
  ): void {
    request.format = format === "sgl" || format === "simple_sgl" ? "sgl" : "prp";
    const { events } = this.#machine;
    if (!events.tick(NVME_CHOOSE)) return;
    events.emit(NVME_CHOOSE, { format }, {
      rule: "nvme.6",
      inputs: {
        sgl: use,
        payload_bytes: request.payloadBytes,
        segments: request.nrPhysSegments,
        mapped_segments: mappedSegments,
        average_bytes: averageBytes,
        threshold_bytes: this.#settings.sglThresholdBytes,
        user_command: request.userCommand,
        metadata_segments: request.nrIntegritySegments,
      },
    });
  }

  #ended(request: NvmeRequest, rule: UnmapRule): void {
    request.unmappedBy = rule;
    const { events } = this.#machine;
    if (!events.tick(NVME_UNMAP)) return;
    events.emit(NVME_UNMAP, { rule }, {
      rule: "nvme.6",
      inputs: { format: request.format, iova_bytes: request.iovaSizeBytes },
    });
  }
}
