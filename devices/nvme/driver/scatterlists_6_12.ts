/**
 * Maps a request in the way of 6.1 and 6.12. A single segment is mapped by one call. Several
 * segments are mapped as a whole, by one scatterlist. The scatterlist exists as long as the
 * mapping. Metadata is mapped in the same way.
 *
 * @see rules/nvme.md 6, rules/captured.md (6.12)
 */
import {
  BLK_STS,
  type BlkStatus,
  type Bytes,
  type DmaAddr,
  ERRNO,
  invariant,
  type Machine,
  opDirection,
  type PhysAddr,
  vecOffset,
  type Why,
} from "@dmalab/runtime";
import {
  DMA_ATTR,
  type DmaDevice,
  SCATTER_TABLE_ENTRIES,
  type Scatterlist,
} from "@dmalab/runtime/dma";
import {
  avgSegSize,
  type ChosenFormat,
  ctrlPageOffset,
  DataMapper,
  type FormatSettings,
  type MemoryPool,
  prefersSgl,
  scatterlistPool,
  type SglUse,
} from "./map_data.ts";
import { CTRL_PAGE_BYTES, SGL_DESCRIPTOR_BYTES, SGL_TYPE } from "./protocol.ts";
import type { Iod, NvmeRequest, UnmapRule } from "./request.ts";

const { IOERR, OK, RESOURCE } = BLK_STS;

export class ScatterlistMapper extends DataMapper {
  protected readonly metadataRule = "nvme.6";
  readonly #lists: MemoryPool<Scatterlist>;
  /** The list that is iterated; `#output` is the index of the current output. */
  #walked: Scatterlist | null = null;
  #output = 0;

  constructor(machine: Machine, dev: DmaDevice, settings: FormatSettings) {
    super(machine, dev, settings);
    this.#lists = scatterlistPool(machine, SCATTER_TABLE_ENTRIES);
  }

  protected mapData(iod: Iod, request: NvmeRequest): BlkStatus {
    this.segments.start(request);
    if (!this.segments.next()) return IOERR;
    const use = this.#useSgls(request);
    const simple = request.nrPhysSegments === 1 ? this.#simpleFormat(request, use) : null;
    if (simple === null) return this.#mapList(iod, request, use);
    const { phys } = this.segments;
    this.choose(iod, request, simple, use, request.payloadBytes);
    const addr = this.mapOne(request, phys, request.payloadBytes);
    return this.setupDataSimple(iod, request, phys, addr, simple === "simple_sgl");
  }

  /** The formats that the request and the controller allow. */
  #useSgls(request: NvmeRequest): SglUse {
    if (request.admin || !this.settings.sgl) return "unsupported";
    const byUser = request.userCommand && !this.kernel.user_commands_not_by_sgl;
    return byUser || this.wantsMetadataSgl(request) ? "forced" : "supported";
  }

  /**
   * The format for a single segment without a list; null if a list is needed. A user command may
   * use PRPs here. If the metadata uses an SGL, the data must use an SGL too. A threshold of 0
   * excludes SGLs.
   */
  #simpleFormat(request: NvmeRequest, use: SglUse): "simple_prp" | "simple_sgl" | null {
    const { phys } = this.segments;
    const { peers } = this.machine;
    if (peers !== null && peers.isPeerMemory(phys)) return null;
    const fitsPrps = ctrlPageOffset(phys) + request.payloadBytes <= 2 * CTRL_PAGE_BYTES;
    if (fitsPrps && !this.wantsMetadataSgl(request)) return "simple_prp";
    return use !== "unsupported" && this.settings.sglThresholdBytes !== 0 ? "simple_sgl" : null;
  }

  #mapList(iod: Iod, request: NvmeRequest, use: SglUse): BlkStatus {
    const list = this.#lists.take();
    if (list === null) return RESOURCE;
    iod.dataList = list;
    do list.add(this.segments.phys, this.segments.sizeBytes); while (this.segments.next());
    const dir = opDirection(request.op);
    const error = this.dma.dmaMapSgtable(this.dev, list, dir, DMA_ATTR.NO_WARN);
    if (error !== 0) {
      this.#freeDataList(iod);
      if (error !== -ERRNO.EREMOTEIO) return RESOURCE;
      return this.kernel.p2p_design_2021 ? BLK_STS.P2PDMA : BLK_STS.TARGET;
    }
    if (list.outputs === 1) this.noteRange(request, list.dmaAddressAt(0), list.dmaLengthAt(0));

    const segments = this.kernel.sgl_chosen_before_mapping ? request.nrPhysSegments : list.outputs;
    const averageBytes = avgSegSize(request.payloadBytes, segments);
    const sgl = prefersSgl(use, averageBytes, this.settings.sglThresholdBytes);
    this.choose(iod, request, sgl ? "sgl" : "prp", use, averageBytes);
    this.#walked = list;
    this.#output = -1;
    this.iter.status = OK;
    this.nextSegment();
    const status = sgl ? this.#setupDataSgl(iod, list) : this.setupDataPrp(iod, request);
    if (status === OK) return OK;
    if (status === IOERR && this.kernel.refused_list_not_freed) this.loseDescriptors(iod);
    this.unmapData(iod, request);
    return status;
  }

  #setupDataSgl(iod: Iod, list: Scatterlist): BlkStatus {
    const entries = list.outputs;
    if (entries === 1) {
      this.setSgl(iod, list.dmaAddressAt(0), list.dmaLengthAt(0), SGL_TYPE.DATA_BLOCK);
      return OK;
    }
    const block = this.takeSglList(iod, "nvme.6", entries);
    if (block === null) return RESOURCE;
    this.writeOutputs(list, block.phys, 0);
    this.setSgl(iod, block.dma, entries * SGL_DESCRIPTOR_BYTES, SGL_TYPE.LAST_SEGMENT);
    return OK;
  }

  protected nextSegment(): boolean {
    const list = this.#walked;
    invariant(list !== null, "A walk goes on that was never started");
    if (this.#output + 1 >= list.outputs) return false;
    this.#output++;
    this.iter.addr = list.dmaAddressAt(this.#output);
    this.iter.lengthBytes = list.dmaLengthAt(this.#output);
    return true;
  }

  /** Nothing to save: the scatterlist contains the mappings. */
  protected saveMapping(): boolean {
    return true;
  }

  protected override unmapData(iod: Iod, request: NvmeRequest): void {
    super.unmapData(iod, request);
    if (iod.dataList !== null) this.#freeDataList(iod);
  }

  protected unmapSegments(iod: Iod, request: NvmeRequest): UnmapRule {
    this.dma.dmaUnmapSg(this.dev, iod.dataList!, opDirection(request.op));
    return "scatterlist";
  }

  #freeDataList(iod: Iod): void {
    iod.dataList!.clear();
    this.#lists.put(iod.dataList!);
    iod.dataList = null;
  }

  /** Maps by page, as drivers did before there was a call for physical addresses. */
  protected mapOne(request: NvmeRequest, phys: PhysAddr, sizeBytes: Bytes): DmaAddr {
    const offset = vecOffset(phys);
    const page = (phys - offset) as PhysAddr;
    return this.dma.dmaMapPage(this.dev, page, offset, sizeBytes, opDirection(request.op));
  }

  protected unmapOne(request: NvmeRequest, addr: DmaAddr, sizeBytes: Bytes): void {
    this.dma.dmaUnmapPage(this.dev, addr, sizeBytes, opDirection(request.op));
  }

  protected mapMetadata(iod: Iod, request: NvmeRequest): BlkStatus {
    return this.mapMetadataScatterlist(iod, request);
  }

  protected unmapMetadataSegments(iod: Iod, request: NvmeRequest): void {
    this.unmapMetadataScatterlist(iod, request);
  }

  protected whyChosen(
    iod: Iod,
    request: NvmeRequest,
    _format: ChosenFormat,
    use: SglUse,
    averageBytes: Bytes,
  ): Why {
    return {
      rule: "nvme.6",
      inputs: {
        sgl: use,
        payload_bytes: request.payloadBytes,
        segments: request.nrPhysSegments,
        mapped_segments: iod.dataList?.outputs ?? 1,
        average_bytes: averageBytes,
        threshold_bytes: this.settings.sglThresholdBytes,
        user_command: request.userCommand,
        metadata_segments: request.nrIntegritySegments,
      },
    };
  }

  protected whyUnmapped(request: NvmeRequest): Why {
    const inputs = { format: request.format, iova_bytes: request.iovaSizeBytes };
    return { rule: "nvme.6", inputs };
  }
}
