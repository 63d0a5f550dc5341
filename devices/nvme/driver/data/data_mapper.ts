/**
 * Maps a request's data, describes it to the device, and undoes both, as 7.2 does: with the
 * two-step API.
 *
 * @see rules/nvme.md 2.1, 2.2, 2.6
 */
import {
  BLK_STS,
  type BlkStatus,
  type Bytes,
  type DmaAddr,
  type EventFields,
  eventId,
  type Machine,
  type PhysAddr,
} from "@dmalab/runtime";
import { BlkDma, BlkDmaIter, type BlockRules, opDirection } from "@dmalab/runtime/block";
import { DMA_ATTR, type DmaDevice } from "@dmalab/runtime/dma";
import { freeDescriptors } from "../command/descriptor_lists.ts";
import { DescriptorWriter } from "../command/descriptor_writer.ts";
import type { DmaVecSource } from "./dma_vec_pool.ts";
import {
  averageSegmentBytes,
  ctrlPageOffset,
  type FormatSettings,
  prefersSgl,
  type SglUse,
  sglUse,
  TWO_PRPS_BYTES,
} from "./format_choice.ts";
import { type Iod, IOD_FLAG } from "../command/iod.ts";
import { MetadataMapper } from "./metadata_mapper.ts";
import type { NvmeRequest, UnmapRule } from "../command/nvme_request.ts";
import type { NvmeRules } from "../nvme_rules.ts";
import { PrpBuilder } from "./prp_builder.ts";
import { PrpUnmap } from "./prp_unmap.ts";
import { CTRL_PAGE_BYTES, SGL_TYPE } from "../protocol.ts";
import { SavedVectors } from "./saved_vectors.ts";
import { SglBuilder } from "./sgl_builder.ts";
import { SglUnmap } from "./sgl_unmap.ts";

const { OK, RESOURCE } = BLK_STS;
const { DATA_MMIO, DATA_P2P, SINGLE_SEGMENT } = IOD_FLAG;
const PAGE_BYTES = CTRL_PAGE_BYTES;
const MAX_TWO_PRPS_BYTES = TWO_PRPS_BYTES;

const NVME_CHOOSE = eventId("nvme.choose");
const NVME_UNMAP = eventId("nvme.unmap");

/** How a release maps a request's data and metadata. */
export interface DataMapper {
  /** Maps and describes; on failure everything is undone that the release undoes. */
  map(iod: Iod, request: NvmeRequest): BlkStatus;
  /** Unmaps a request, metadata first, and frees the descriptor lists. */
  unmap(iod: Iod, request: NvmeRequest): void;
}

/** The row of 2.6 that each way to end a mapping is. */
const UNMAP_ROWS: Readonly<Record<UnmapRule, string>> = {
  single: "nvme.2.6.1",
  bus: "nvme.2.6.2",
  iova: "nvme.2.6.3",
  nothing: "nvme.2.6.4",
  from_sgl: "nvme.2.6.5",
  from_prp: "defects.M1",
  saved: "nvme.2.6.6",
  scatterlist: "nvme.6",
};

type ChosenFormat = EventFields<"nvme.choose">["format"];

export class TwoStepDataMapper implements DataMapper {
  readonly #machine: Machine;
  readonly #dev: DmaDevice;
  readonly #settings: FormatSettings;
  readonly #rules: NvmeRules;
  /** As many segments are mapped by one call, without the iterator. */
  readonly #segmentsAlone: number;
  readonly #blk: BlkDma;
  readonly #iter = new BlkDmaIter();
  readonly #writer: DescriptorWriter;
  readonly #saved: SavedVectors;
  readonly #prps: PrpBuilder;
  readonly #sgls: SglBuilder;
  readonly #prpUnmap: PrpUnmap;
  readonly #sglUnmap: SglUnmap;
  readonly #metadata: MetadataMapper;

  constructor(
    machine: Machine,
    dev: DmaDevice,
    settings: FormatSettings,
    vecSource: DmaVecSource,
    blockRules: BlockRules,
    rules: NvmeRules,
  ) {
    this.#machine = machine;
    this.#dev = dev;
    this.#settings = settings;
    this.#rules = rules;
    this.#segmentsAlone = rules.segmentsMappedAlone;
    this.#blk = new BlkDma(machine, blockRules);
    this.#writer = new DescriptorWriter(machine.events, machine.memory);
    this.#saved = new SavedVectors(machine, dev, this.#blk, vecSource, rules);
    this.#prps = new PrpBuilder(machine, dev, this.#blk, this.#writer, this.#saved, rules);
    this.#sgls = new SglBuilder(machine, dev, this.#blk, this.#writer, rules);
    this.#prpUnmap = new PrpUnmap(machine, dev, this.#writer);
    this.#sglUnmap = new SglUnmap(machine, dev, this.#writer, rules.swapsSglArguments);
    this.#metadata = new MetadataMapper(machine, dev, settings, this.#blk, this.#writer, rules);
  }

  map(iod: Iod, request: NvmeRequest): BlkStatus {
    const status = this.#mapData(iod, request);
    if (status !== OK || request.nrIntegritySegments === 0) return status;
    const metadataStatus = this.#metadata.map(iod, request);
    if (metadataStatus !== OK) this.#unmapData(iod, request);
    return metadataStatus;
  }

  unmap(iod: Iod, request: NvmeRequest): void {
    if (request.nrIntegritySegments !== 0) this.#metadata.unmap(iod, request);
    this.#unmapData(iod, request);
  }

  #mapData(iod: Iod, request: NvmeRequest): BlkStatus {
    const use = sglUse(request, this.#settings.sgl);
    if (request.nrPhysSegments === this.#segmentsAlone && this.#takesSimplePath(request, use)) {
      return this.#mapSimple(iod, request, use);
    }
    return this.#mapSegments(iod, request, use);
  }

  #mapSegments(iod: Iod, request: NvmeRequest, use: SglUse): BlkStatus {
    const iter = this.#iter;
    if (!this.#blk.start(request, this.#dev, iod.dmaState, iter)) {
      if (this.#rules.unmapsFailedRanges) this.#unmapFailedRange(iod, request);
      return iter.status;
    }
    if (iter.kind === "bus_addr") iod.flags |= DATA_P2P;
    else if (iter.kind === "thru_host_bridge") iod.flags |= DATA_MMIO;

    const coalesced = this.#blk.coalesce(iod.dmaState);
    if (coalesced) {
      request.iovaStart = iod.dmaState.addr;
      request.iovaSizeBytes = iod.dmaState.sizeBytes;
    }
    const averageBytes = averageSegmentBytes(
      request.payloadBytes,
      request.nrPhysSegments,
      coalesced,
    );
    const sgl = prefersSgl(use, averageBytes, this.#settings.sglThresholdBytes);
    this.#choose(request, sgl ? "sgl" : "prp", use, averageBytes, coalesced);
    const status = sgl
      ? this.#sgls.build(iod, request, iter)
      : this.#prps.build(iod, request, iter);
    if (status !== OK && iod.totalBytes > 0) {
      iod.totalBytes = coalesced
        ? this.#rules.failedRangeBytes(iod, request.payloadBytes)
        : iod.totalBytes;
      this.#unmapData(iod, request);
    } else if (status !== OK && request.mappedSegments > 0) {
      // The first segment was unmapped, or needs none.
      if (!this.#machine.dma.dmaNeedUnmap(this.#dev)) this.#ended(request, "nothing");
    }
    return status;
  }

  /** A range of which not all was linked is destroyed as if all had been. */
  #unmapFailedRange(iod: Iod, request: NvmeRequest): void {
    if (this.#iter.kind === "not_supported" || !this.#blk.coalesce(iod.dmaState)) return;
    iod.totalBytes = request.payloadBytes;
    this.#unmapData(iod, request);
  }

  #unmapData(iod: Iod, request: NvmeRequest): void {
    if (iod.hasFlag(SINGLE_SEGMENT)) {
      this.#unmapOne(request, iod.usesSgl ? iod.sglAddress : iod.prp1, iod.totalBytes, 0);
      this.#ended(request, "single");
      return;
    }
    const rule = this.#unmapSegments(iod, request);
    this.#ended(request, rule);
    freeDescriptors(this.#machine.events, this.#writer, iod);
  }

  /** Row A of the choice: one call, no iterator, no descriptor. */
  #takesSimplePath(request: NvmeRequest, use: SglUse): boolean {
    const phys = firstPhys(request);
    const peers = this.#machine.peers;
    if (peers !== null && peers.isPeerMemory(phys)) return false;
    return use !== "unsupported" || spanBytes(phys, request.payloadBytes) <= MAX_TWO_PRPS_BYTES;
  }

  #mapSimple(iod: Iod, request: NvmeRequest, use: SglUse): BlkStatus {
    const phys = firstPhys(request);
    const sizeBytes = request.payloadBytes;
    const sgl = use === "forced" || spanBytes(phys, sizeBytes) > MAX_TWO_PRPS_BYTES;
    this.#choose(request, sgl ? "simple_sgl" : "simple_prp", use, sizeBytes, false);
    const addr = this.#machine.dma.dmaMapPhys(
      this.#dev,
      phys,
      sizeBytes,
      opDirection(request.op),
      0,
    );
    if (this.#machine.dma.dmaMappingError(this.#dev, addr) !== 0) return RESOURCE;
    iod.flags |= SINGLE_SEGMENT;
    iod.totalBytes = sizeBytes;
    if (this.#dev.domain !== null) {
      request.iovaStart = addr;
      request.iovaSizeBytes = sizeBytes;
    }
    if (sgl) {
      this.#writer.commandSgl(iod, addr, sizeBytes, SGL_TYPE.DATA_BLOCK);
    } else {
      const firstBytes = PAGE_BYTES - ctrlPageOffset(phys);
      this.#writer.commandPrps(iod, addr, sizeBytes <= firstBytes ? 0 : addr + firstBytes);
    }
    return OK;
  }

  /** Ends the mapping by the first rule that fits (2.6); lists are still there to be read. */
  #unmapSegments(iod: Iod, request: NvmeRequest): UnmapRule {
    const kind = iod.hasFlag(DATA_P2P)
      ? "bus_addr"
      : iod.hasFlag(DATA_MMIO)
      ? "thru_host_bridge"
      : "none";
    const usesIova = this.#blk.coalesce(iod.dmaState);
    if (this.#blk.unmap(request, this.#dev, iod.dmaState, iod.totalBytes, kind)) {
      return kind === "bus_addr" ? "bus" : usesIova ? "iova" : "nothing";
    }
    const attrs = kind === "thru_host_bridge" ? DMA_ATTR.MMIO : 0;
    if (iod.usesSgl) {
      this.#sglUnmap.unmap(iod, request, attrs);
      return "from_sgl";
    }
    if (!this.#rules.savesMappings) {
      this.#prpUnmap.unmap(iod, request, attrs);
      return "from_prp";
    }
    this.#saved.unmapAll(iod, request, attrs);
    return "saved";
  }

  #unmapOne(request: NvmeRequest, addr: DmaAddr, sizeBytes: Bytes, attrs: number): void {
    this.#machine.dma.dmaUnmapPhys(this.#dev, addr, sizeBytes, opDirection(request.op), attrs);
  }

  #choose(
    request: NvmeRequest,
    format: ChosenFormat,
    use: SglUse,
    averageBytes: Bytes,
    coalesced: boolean,
  ): void {
    request.format = format === "sgl" || format === "simple_sgl" ? "sgl" : "prp";
    const events = this.#machine.events;
    if (!events.tick(NVME_CHOOSE)) return;
    const simple = format === "simple_sgl" || format === "simple_prp";
    events.emit(NVME_CHOOSE, { format }, {
      rule: simple ? "nvme.2.1.A" : format === "sgl" ? "nvme.2.1.C" : "nvme.2.1.D",
      inputs: {
        sgl: use,
        payload_bytes: request.payloadBytes,
        segments: request.nrPhysSegments,
        gap_bit: request.gapBit,
        coalesced,
        average_bytes: averageBytes,
        threshold_bytes: this.#settings.sglThresholdBytes,
        span_bytes: spanBytes(firstPhys(request), request.payloadBytes),
        user_command: request.userCommand,
        metadata_segments: request.nrIntegritySegments,
      },
    });
  }

  #ended(request: NvmeRequest, rule: UnmapRule): void {
    request.unmappedBy = rule;
    if (rule === "nothing") request.skipUnmaps(this.#dev);
    const events = this.#machine.events;
    if (!events.tick(NVME_UNMAP)) return;
    events.emit(NVME_UNMAP, { rule }, {
      rule: UNMAP_ROWS[rule],
      inputs: {
        format: request.format,
        iova_bytes: request.iovaSizeBytes,
        needs_unmap: this.#machine.dma.dmaNeedUnmap(this.#dev),
        coherent: this.#dev.coherent,
        bounced: !this.#dev.skipSync && !this.#dev.ownOps,
        translated: this.#dev.domain !== null,
        ...(this.#dev.ownOps ? { own_ops: true } : {}),
      },
    });
  }
}

/** Address of the request's first byte of memory. */
function firstPhys(request: NvmeRequest): PhysAddr {
  return request.specialPayload === null ? request.bios[0]!.firstPhys : request.specialPayload.phys;
}

/** How far data reaches from the start of its first page. */
function spanBytes(phys: PhysAddr, sizeBytes: Bytes): Bytes {
  return ctrlPageOffset(phys) + sizeBytes;
}
