/**
 * `nvme_map_data()`, `nvme_unmap_data()` and their callees: map a request's data and metadata,
 * describe both to the device as PRP entries or SGL descriptors, and unmap them again.
 *
 * `DataMapper` is the common part of all releases; `TwoStepMapper` maps like 7.2, with the two-step
 * API. The mapper of 6.12 is in `scatterlists_6_12.ts`. Hot: a request of one segment goes from
 * `map` to `setupDataSimple` and ends at the first lines of `unmapData`.
 *
 * @see rules/nvme.md 2, 3
 */
import {
  attributesOf,
  BLK_STS,
  BlkDma,
  BlkDmaIter,
  type BlkStatus,
  type Bytes,
  dereferenceNull,
  type DmaAddr,
  type EventFields,
  eventId,
  type EventStream,
  gapMeets,
  INJECTION,
  invariant,
  type Machine,
  opDirection,
  type PhysAddr,
  type PhysicalMemory,
  SegmentIterator,
  type Why,
} from "@dmalab/runtime";
import {
  type DescriptorPool,
  DMA_ATTR,
  type DmaDevice,
  type DmaMapping,
  DmaPool,
  type PoolBlock,
  SCATTER_ENTRY_BYTES,
  Scatterlist,
} from "@dmalab/runtime/dma";
import type { Kernel } from "@dmalab/runtime/kernels";
import type { PeerMapType } from "@dmalab/runtime/vocabulary";
import {
  CTRL_PAGE_BYTES,
  MAX_SEGMENTS,
  MAX_SMALL_PRPS,
  MAX_SMALL_SGLS,
  PRP_BYTES,
  PRPS_PER_PAGE,
  SGL_DESCRIPTOR_BYTES,
  SGL_TYPE,
  SGLS_PER_PAGE,
  SMALL_DESCRIPTOR_BYTES,
} from "./protocol.ts";
import {
  type DescriptorPools,
  DmaVecs,
  type Iod,
  IOD_FLAG,
  type NvmeRequest,
  readListedAddress,
  type UnmapRule,
} from "./request.ts";

const { IOERR, OK, RESOURCE } = BLK_STS;
const {
  DATA_MMIO,
  DATA_P2P,
  META_MMIO,
  META_P2P,
  SINGLE_META_SEGMENT,
  SINGLE_SEGMENT,
  SMALL_DESCRIPTOR,
} = IOD_FLAG;
const PAGE_BYTES = CTRL_PAGE_BYTES;
const PAGE_MASK = CTRL_PAGE_BYTES - 1;
/** The least number that is negative as a signed 32-bit integer. */
const FIRST_NEGATIVE = 2 ** 31;
/** Bytes that two PRP entries can cover, from the start of the first entry's page. */
const TWO_PRPS_BYTES = 2 * CTRL_PAGE_BYTES;
const DATA_BLOCK = SGL_TYPE.DATA_BLOCK;
const LAST_SEGMENT = SGL_TYPE.LAST_SEGMENT;

const MEM_ALLOC = eventId("mem.alloc");
const MEM_FREE = eventId("mem.free");
const NVME_CHOOSE = eventId("nvme.choose");
const NVME_METADATA = eventId("nvme.metadata");
const NVME_PRP = eventId("nvme.prp");
const NVME_SGL = eventId("nvme.sgl");
const NVME_UNMAP = eventId("nvme.unmap");

const DMA_VEC_BYTES = 16;

/** Index of PRP1 and PRP2 in `nvme.prp`. */
const PRP1_INDEX = -1;
const PRP2_INDEX = -2;

/** Whether SGLs can be, or must be, used for a request. */
export type SglUse = "unsupported" | "supported" | "forced";

export type ChosenFormat = EventFields<"nvme.choose">["format"];

/** The settings that, together with the request, determine the choice of a format. */
export interface FormatSettings {
  /** Whether the controller supports SGLs for data. */
  sgl: boolean;
  /** Whether the controller supports SGLs for metadata. */
  metadataSgl: boolean;
  /** Average segment size from which SGLs are preferred; 0 for never. */
  sglThresholdBytes: Bytes;
}

/**
 * PRPs cannot describe the segments, or the segments have too little data. The cause is a violated
 * limit or a simulated defect.
 */
const BAD_REQUEST = -1;
type Outcome = BlkStatus | typeof BAD_REQUEST;

/** Maps a request's data and metadata; the driver of each release has a subclass. */
export abstract class DataMapper {
  /** Pool of scatterlists for metadata; created at first use. */
  #metadataLists: MemoryPool<Scatterlist> | null = null;
  protected readonly kernel: Kernel;
  protected readonly dma: DmaMapping;
  protected readonly events: EventStream;
  protected readonly memory: PhysicalMemory;
  protected readonly iter = new BlkDmaIter();
  protected readonly segments = new SegmentIterator();
  /** The rule that requires a list of metadata descriptors. */
  protected abstract readonly metadataRule: "nvme.3" | "nvme.6";
  /** Bytes of the request that are not covered by PRPs yet. */
  #leftBytes: Bytes = 0;
  #prp2 = 0;

  constructor(
    protected readonly machine: Machine,
    protected readonly dev: DmaDevice,
    protected readonly settings: FormatSettings,
  ) {
    this.kernel = machine.kernel;
    this.dma = machine.dma;
    this.events = machine.events;
    this.memory = machine.memory;
  }

  /** Maps and describes a request; on failure, undoes the steps that the kernel release undoes. */
  map(iod: Iod, request: NvmeRequest): BlkStatus {
    const status = this.mapData(iod, request);
    iod.hasMetadata = request.hasMetadata;
    if (status !== OK || !iod.hasMetadata) return status;
    const metadataStatus = this.mapMetadata(iod, request);
    if (metadataStatus !== OK) this.unmapData(iod, request);
    return metadataStatus;
  }

  /** Unmaps a request, metadata first, and frees the descriptor lists. */
  unmap(iod: Iod, request: NvmeRequest): void {
    if (iod.hasMetadata) this.#unmapMetadata(iod, request);
    this.unmapData(iod, request);
  }

  protected abstract mapData(iod: Iod, request: NvmeRequest): BlkStatus;

  /** Unmaps all segments, while the lists are still readable. */
  protected abstract unmapSegments(iod: Iod, request: NvmeRequest): UnmapRule;

  /** Maps and describes the metadata, after the data; on failure the caller undoes the data. */
  protected abstract mapMetadata(iod: Iod, request: NvmeRequest): BlkStatus;

  /** Unmaps metadata that was mapped by more than one call. */
  protected abstract unmapMetadataSegments(iod: Iod, request: NvmeRequest): void;

  /** Maps one segment by a separate call. @returns Its DMA address, or `DMA_MAPPING_ERROR`. */
  protected abstract mapOne(request: NvmeRequest, phys: PhysAddr, sizeBytes: Bytes): DmaAddr;

  protected abstract unmapOne(request: NvmeRequest, addr: DmaAddr, sizeBytes: Bytes): void;

  /**
   * Advances the iterator to the next mapped segment.
   * @returns False at the end or on failure. The iterator's status distinguishes the two cases.
   */
  protected abstract nextSegment(request: NvmeRequest): boolean;

  /**
   * Saves the iterator's mapping if it must be unmapped separately.
   * @param first Whether the mapping is the request's first one, so that no earlier mapping has to
   *   be unmapped.
   * @returns False if the mapping cannot be saved; the request must then fail.
   */
  protected abstract saveMapping(iod: Iod, request: NvmeRequest, first: boolean): boolean;

  protected abstract whyChosen(
    iod: Iod,
    request: NvmeRequest,
    format: ChosenFormat,
    use: SglUse,
    averageBytes: Bytes,
  ): Why;

  protected abstract whyUnmapped(request: NvmeRequest, rule: UnmapRule): Why;

  protected unmapData(iod: Iod, request: NvmeRequest): void {
    if (iod.hasFlag(SINGLE_SEGMENT)) {
      // An SGL descriptor stores its address in the same bytes as PRP1.
      this.unmapOne(request, iod.prp1, iod.totalBytes);
      this.unmapped(request, "single");
      return;
    }
    this.unmapped(request, this.unmapSegments(iod, request));
    this.#freeDescriptors(iod);
  }

  /**
   * Describes a single segment that was mapped by one call, without a list.
   * @param addr The segment's DMA address.
   */
  protected setupDataSimple(
    iod: Iod,
    request: NvmeRequest,
    phys: PhysAddr,
    addr: DmaAddr,
    sgl: boolean,
  ): BlkStatus {
    if (this.dma.dmaMappingError(this.dev, addr) !== 0) return RESOURCE;
    const sizeBytes = request.payloadBytes;
    iod.flags |= SINGLE_SEGMENT;
    iod.totalBytes = sizeBytes;
    this.noteRange(request, addr, sizeBytes);
    if (sgl) {
      this.setSgl(iod, addr, sizeBytes, DATA_BLOCK);
    } else {
      const firstBytes = PAGE_BYTES - (phys & PAGE_MASK);
      this.#setPrps(iod, addr, sizeBytes <= firstBytes ? 0 : addr + firstBytes);
    }
    return OK;
  }

  /** Records that all data is in one IOVA range. */
  protected noteRange(request: NvmeRequest, start: DmaAddr, sizeBytes: Bytes): void {
    if (this.dev.domain === null) return;
    request.iovaStart = start;
    request.iovaSizeBytes = sizeBytes;
  }

  protected choose(
    iod: Iod,
    request: NvmeRequest,
    format: ChosenFormat,
    use: SglUse,
    averageBytes: Bytes,
  ): void {
    request.format = format === "sgl" || format === "simple_sgl" ? "sgl" : "prp";
    if (!this.events.tick(NVME_CHOOSE)) return;
    const why = this.whyChosen(iod, request, format, use, averageBytes);
    this.events.emit(NVME_CHOOSE, { format }, why);
  }

  /** Records how the data was unmapped: by a row of rules/nvme.md 2.6. */
  protected unmapped(request: NvmeRequest, rule: UnmapRule): void {
    request.unmappedBy = rule;
    if (rule === "nothing") request.skipUnmaps(this.dev);
    if (!this.events.tick(NVME_UNMAP)) return;
    this.events.emit(NVME_UNMAP, { rule }, this.whyUnmapped(request, rule));
  }

  // PRPs. @see rules/nvme.md 2.3

  /**
   * Describes the data as PRP entries, beginning with the iterator's first segment. Two entries are
   * in the command, the rest in chained list pages.
   *
   * @returns OK, or an error. After an error the caller unmaps the mappings recorded in `iod`,
   *   except if nothing was mapped (`iod.totalBytes` is 0).
   */
  protected setupDataPrp(iod: Iod, request: NvmeRequest): BlkStatus {
    this.#leftBytes = request.payloadBytes;
    this.#prp2 = 0;
    if (!this.saveMapping(iod, request, true)) return RESOURCE;
    const prp1 = this.iter.addr;
    const outcome = this.#fillPrps(iod, request);
    if (outcome !== BAD_REQUEST) {
      this.#setPrps(iod, prp1, this.#prp2);
      return outcome;
    }
    this.machine.warnings.warnOnce(
      "nvme_pci_setup_data_prp",
      `a segment of request ${request.id} ends inside a page, or its data ends too early`,
      `${
        this.kernel.short_first_segment_refused ? "Invalid SGL" : "Incorrectly formed request"
      } for payload:${request.payloadBytes} nents:${request.nrPhysSegments}`,
    );
    if (!this.kernel.list_returned_with_stale_address) this.#setPrps(iod, prp1, this.#prp2);
    return IOERR;
  }

  #fillPrps(iod: Iod, request: NvmeRequest): Outcome {
    const { iter } = this;
    const firstBytes = Math.min(this.#leftBytes, CTRL_PAGE_BYTES - ctrlPageOffset(iter.addr));
    // As in the kernel, this does not check the size of the first entry against the length of its
    // segment. If the segment is shorter, the remaining length wraps around in 32 bits.
    const outcome = this.#consume(iod, request, firstBytes);
    if (outcome !== OK || this.#leftBytes === 0) return outcome;
    if (this.#leftBytes <= CTRL_PAGE_BYTES) {
      this.#prp2 = iter.addr;
      iod.totalBytes += this.#leftBytes;
      return OK;
    }
    return this.#fillPrpList(iod, request);
  }

  #fillPrpList(iod: Iod, request: NvmeRequest): Outcome {
    const { iter } = this;
    const entries = this.#leftEntries();
    invariant(entries > 1, "A list is built for a single entry");
    const pool = this.#poolFor(iod, entries <= MAX_SMALL_PRPS);
    let list = this.#takeList(iod, pool, "nvme.2.3.4", entries);
    if (list === null) return RESOURCE;
    if (iter.lengthBytes >= FIRST_NEGATIVE && this.kernel.short_first_segment_refused) {
      return BAD_REQUEST;
    }
    this.#prp2 = list.dma;
    let index = 0;
    for (;;) {
      if (index === PRPS_PER_PAGE && !this.kernel.prp_single_page) {
        list = this.#chain(iod, pool, list.phys);
        if (list === null) return RESOURCE;
        index = 1;
      }
      this.#writePrp(list.phys, iod.nrDescriptors - 1, index++, iter.addr);
      const takenBytes = Math.min(this.#leftBytes, CTRL_PAGE_BYTES);
      if (iter.lengthBytes < takenBytes) return BAD_REQUEST;
      const outcome = this.#consume(iod, request, takenBytes);
      if (outcome !== OK) return outcome;
      if (this.#leftBytes === 0) return this.#endPrpList(iod, pool, list.phys, index);
    }
  }

  /** Ends a list. With the quirk `prp_full_page_chained` a full page gets a needless link. */
  #endPrpList(iod: Iod, pool: DescriptorPool, listPhys: PhysAddr, entries: number): Outcome {
    if (entries !== PRPS_PER_PAGE || !this.kernel.prp_full_page_chained) return OK;
    return this.#chain(iod, pool, listPhys) === null ? RESOURCE : OK;
  }

  /** Number of entries for the bytes that are not covered yet. */
  #leftEntries(): number {
    return Math.ceil(this.#leftBytes / CTRL_PAGE_BYTES);
  }

  /**
   * Adds a list page. The last entry of the full page moves to the new page, and the link to the
   * new page takes its place.
   */
  #chain(iod: Iod, pool: DescriptorPool, fullPhys: PhysAddr): PoolBlock | null {
    // `entries` includes the moved entry.
    const entries = 1 + this.#leftEntries();
    const list = this.#takeList(iod, pool, "nvme.2.3.5", entries);
    if (list === null) return null;
    const page = iod.nrDescriptors - 1;
    invariant(page > 0, "A list chains to itself");
    const moved = this.readPrp(fullPhys, PRPS_PER_PAGE - 1);
    this.#writePrp(list.phys, page, 0, moved);
    this.#writePrp(fullPhys, page - 1, PRPS_PER_PAGE - 1, list.dma);
    return list;
  }

  /**
   * Moves past bytes that an entry covers now. If the segment has no more bytes, maps the next
   * segment.
   */
  #consume(iod: Iod, request: NvmeRequest, sizeBytes: Bytes): Outcome {
    const { iter } = this;
    iod.totalBytes += sizeBytes;
    invariant(sizeBytes <= this.#leftBytes, "A PRP entry goes beyond the data");
    this.#leftBytes -= sizeBytes;
    iter.addr = (iter.addr + sizeBytes) as DmaAddr;
    iter.lengthBytes -= sizeBytes;
    if (iter.lengthBytes < 0) iter.lengthBytes += 2 * FIRST_NEGATIVE;
    if (iter.lengthBytes !== 0 || this.#leftBytes === 0) return OK;
    if (!this.nextSegment(request)) return iter.status === OK ? BAD_REQUEST : iter.status;
    return this.saveMapping(iod, request, false) ? OK : RESOURCE;
  }

  /** Writes the two PRP entries into the command. */
  #setPrps(iod: Iod, prp1: number, prp2: number): void {
    iod.setPrps(prp1, prp2);
    const { events } = this;
    if (events.tick(NVME_PRP)) {
      events.emit(NVME_PRP, { index: PRP1_INDEX, entry: prp1 as DmaAddr, list_page: null });
    }
    if (prp2 === 0) return;
    if (events.tick(NVME_PRP)) {
      events.emit(NVME_PRP, { index: PRP2_INDEX, entry: prp2 as DmaAddr, list_page: null });
    }
  }

  /**
   * Writes one entry of a PRP list.
   *
   * @param pagePhys The list page in host memory.
   * @param page Number of the list page, from 0.
   * @param index Entry in that page.
   */
  #writePrp(pagePhys: PhysAddr, page: number, index: number, entry: DmaAddr): void {
    this.memory.writeU64((pagePhys + index * PRP_BYTES) as PhysAddr, entry);
    if (this.events.tick(NVME_PRP)) {
      this.events.emit(NVME_PRP, { index, entry, list_page: page });
    }
  }

  /** Reads one entry of a PRP list back. */
  protected readPrp(pagePhys: PhysAddr, index: number): DmaAddr {
    return readListedAddress(this.memory, (pagePhys + index * PRP_BYTES) as PhysAddr);
  }

  // SGLs. @see rules/nvme.md 2.4

  /** Writes the data's SGL descriptor into the command. */
  protected setSgl(iod: Iod, address: DmaAddr, lengthBytes: Bytes, type: number): void {
    iod.setSgl(address, lengthBytes, type);
    this.#reportSgl(type, address, lengthBytes);
  }

  /** Allocates the list of a request's data blocks; null without memory. */
  protected takeSglList(iod: Iod, rule: string, entries: number): PoolBlock | null {
    invariant(entries <= SGLS_PER_PAGE, "A list has more entries than fit");
    return this.#takeList(iod, this.#poolFor(iod, entries <= MAX_SMALL_SGLS), rule, entries);
  }

  /**
   * Writes a descriptor of a list. The descriptor is a data block, or a segment descriptor that
   * points to the descriptors after it.
   */
  protected writeSgl(
    listPhys: PhysAddr,
    index: number,
    address: DmaAddr,
    lengthBytes: Bytes,
    type: number = DATA_BLOCK,
  ): void {
    const at = listPhys + index * SGL_DESCRIPTOR_BYTES;
    this.memory.writeU64(at as PhysAddr, address);
    this.memory.writeU32((at + 8) as PhysAddr, lengthBytes);
    this.memory.writeU32((at + 12) as PhysAddr, type * 0x100_0000);
    this.#reportSgl(type, address, lengthBytes);
  }

  #reportSgl(type: number, address: DmaAddr, lengthBytes: Bytes): void {
    if (this.events.tick(NVME_SGL)) {
      const word = type === DATA_BLOCK ? "data_block" : "last_segment";
      this.events.emit(NVME_SGL, { type: word, address, length_bytes: lengthBytes });
    }
  }

  // Metadata. @see rules/nvme.md 3

  /**
   * Maps metadata: by one map call if the command has a plain pointer. Otherwise maps a separate
   * scatterlist and describes it by SGL descriptors.
   */
  protected mapMetadataScatterlist(iod: Iod, request: NvmeRequest): BlkStatus {
    if (!iod.usesSgl || !this.wantsMetadataSgl(request)) return this.setupMetaMptr(iod, request);
    this.chooseMetadata(iod, request, "sgl");
    const dir = opDirection(request.op);
    const lists = this.#metadataLists ??= scatterlistPool(this.machine, MAX_SMALL_SGLS);
    const list = lists.take();
    if (list === null) return RESOURCE;
    iod.metaList = list;
    this.segments.start(request, true);
    while (this.segments.next()) list.add(this.segments.phys, this.segments.sizeBytes);
    if (this.dma.dmaMapSgtable(this.dev, list, dir, DMA_ATTR.NO_WARN) !== 0) {
      this.#freeMetadataScatterlist(iod);
      return RESOURCE;
    }
    const block = this.takeMetadataList(iod, list.outputs);
    if (block === null) {
      this.dma.dmaUnmapSg(this.dev, list, dir);
      this.#freeMetadataScatterlist(iod);
      return RESOURCE;
    }
    // A single data block is written alone. Several data blocks are written after a segment
    // descriptor, which has their total length.
    const isOne = list.outputs === 1;
    this.writeOutputs(list, block.phys, isOne ? 0 : 1);
    if (!isOne) this.writeMetadataSegment(block, list.outputs);
    return OK;
  }

  protected unmapMetadataScatterlist(iod: Iod, request: NvmeRequest): void {
    this.freeMetadataList(iod);
    this.dma.dmaUnmapSg(this.dev, iod.metaList!, opDirection(request.op));
    this.#freeMetadataScatterlist(iod);
  }

  #freeMetadataScatterlist(iod: Iod): void {
    iod.metaList!.clear();
    this.#metadataLists!.put(iod.metaList!);
    iod.metaList = null;
  }

  /**
   * Writes a data block for each mapped segment of a scatterlist. The first is written to the
   * descriptor with index `first`.
   */
  protected writeOutputs(list: Scatterlist, listPhys: PhysAddr, first: number): void {
    for (let index = 0; index < list.outputs; index++) {
      this.writeSgl(listPhys, first + index, list.dmaAddressAt(index), list.dmaLengthAt(index));
    }
  }

  /** Whether the request's metadata is to be described by SGLs, which the controller must support. */
  protected wantsMetadataSgl(request: NvmeRequest): boolean {
    return this.settings.metadataSgl && !this.kernel.metadata_by_one_pointer &&
      (request.nrIntegritySegments > 1 || request.userCommand);
  }

  /** Emits an event with the format chosen for the metadata, and the inputs of the choice. */
  protected chooseMetadata(iod: Iod, request: NvmeRequest, format: "pointer" | "sgl"): void {
    if (!this.events.tick(NVME_METADATA)) return;
    this.events.emit(NVME_METADATA, { format }, {
      rule: this.metadataRule,
      inputs: {
        data_sgl: iod.usesSgl,
        controller_metadata_sgl: this.settings.metadataSgl,
        metadata_segments: request.nrIntegritySegments,
        user_command: request.userCommand,
      },
    });
  }

  /**
   * Maps metadata for the plain pointer, by one call. If the map fails, the request ends with an
   * I/O error; a failed map of data would end it with the status for a lack of resources.
   */
  protected setupMetaMptr(iod: Iod, request: NvmeRequest): BlkStatus {
    const { segments } = this;
    this.chooseMetadata(iod, request, "pointer");
    segments.start(request, true);
    segments.next();
    const firstVec = request.bios[0]!.metadata[0]!;
    const sizeBytes = this.kernel.mptr_first_vector_only ? firstVec.sizeBytes : segments.sizeBytes;
    const addr = this.mapOne(request, firstVec.phys, sizeBytes);
    if (this.dma.dmaMappingError(this.dev, addr) !== 0) return IOERR;
    iod.setMetadataPointer(addr);
    iod.metaSingleBytes = sizeBytes;
    iod.flags |= SINGLE_META_SEGMENT;
    return OK;
  }

  /** Allocates the list of metadata descriptors; null without memory. */
  protected takeMetadataList(iod: Iod, entries: number): PoolBlock | null {
    const list = this.#takeBlock(iod.pools.small, this.metadataRule, entries);
    if (list !== null) iod.setMetadataList(list);
    return list;
  }

  /** Writes the segment descriptor for the data blocks of metadata, which follow it. */
  protected writeMetadataSegment({ dma, phys }: PoolBlock, entries: number): void {
    const address = (dma + SGL_DESCRIPTOR_BYTES) as DmaAddr;
    this.writeSgl(phys, 0, address, entries * SGL_DESCRIPTOR_BYTES, LAST_SEGMENT);
  }

  #unmapMetadata(iod: Iod, request: NvmeRequest): void {
    if (iod.hasFlag(SINGLE_META_SEGMENT)) this.unmapOne(request, iod.metaDma, iod.metaSingleBytes);
    else this.unmapMetadataSegments(iod, request);
  }

  // Lists of descriptors. @see rules/nvme.md 2.6

  #poolFor(iod: Iod, small: boolean): DescriptorPool {
    if (small) iod.flags |= SMALL_DESCRIPTOR;
    return small ? iod.pools.small : iod.pools.large;
  }

  /**
   * Allocates a further list for a request's data. Null without memory.
   *
   * @param rule The rule that requires the list.
   * @param entries Number of entries for this list and the lists after it.
   */
  #takeList(iod: Iod, pool: DescriptorPool, rule: string, entries: number): PoolBlock | null {
    const block = this.#takeBlock(pool, rule, entries);
    if (block !== null) iod.descriptors[iod.nrDescriptors++] = block;
    return block;
  }

  /**
   * Frees the lists of a request's data in chain order. The device address of the first list is
   * read from the command. The address of each further list is read from the link in the previous
   * list. This happens before the previous list is freed.
   */
  #freeDescriptors(iod: Iod): void {
    const pool = iod.hasFlag(SMALL_DESCRIPTOR) ? iod.pools.small : iod.pools.large;
    const count = iod.nrDescriptors;
    invariant(count <= iod.descriptors.length, "More lists are freed than were taken");
    let dma = iod.usesSgl ? iod.sglAddress : iod.prp2;
    for (let index = 0; index < count; index++) {
      const block = iod.descriptors[index]!;
      // With SGLs there is only one list. With PRPs, the last entry of a list page is the address
      // of the next list.
      const next = index + 1 < count ? this.readPrp(block.phys, PRPS_PER_PAGE - 1) : dma;
      this.#freeBlock(pool, block, dma);
      dma = next;
    }
    iod.nrDescriptors = 0;
  }

  /** Simulates a leak: the lists of a request's data are never freed. */
  protected loseDescriptors(iod: Iod): void {
    iod.nrDescriptors = 0;
  }

  protected freeMetadataList(iod: Iod): void {
    this.#freeBlock(iod.pools.small, iod.metaDescriptor!, iod.metaDma);
  }

  /**
   * Allocates a block and records the cost for the request. Null without memory.
   *
   * @param rule The rule that chose the pool.
   * @param entries Number of entries for which the pool was chosen.
   */
  #takeBlock(pool: DescriptorPool, rule: string, entries: number): PoolBlock | null {
    const block = pool.alloc();
    if (block !== null && this.events.tick(MEM_ALLOC)) {
      this.events.emit(MEM_ALLOC, costOf(pool), { rule, inputs: { entries } });
    }
    return block;
  }

  /** Frees a block by its DMA address, which was read from the command or from a link. */
  #freeBlock(pool: DescriptorPool, block: PoolBlock, dma: DmaAddr): void {
    pool.free(block, dma);
    if (this.events.tick(MEM_FREE)) this.events.emit(MEM_FREE, costOf(pool));
  }
}

/** For each way of unmapping: its row in rules/nvme.md 2.6, or its defect. */
const UNMAP_ROWS: Readonly<Record<Exclude<UnmapRule, "scatterlist">, string>> = {
  single: "nvme.2.6.1",
  bus: "nvme.2.6.2",
  iova: "nvme.2.6.3",
  nothing: "nvme.2.6.4",
  from_sgl: "nvme.2.6.5",
  from_prp: "defects.M1",
  saved: "nvme.2.6.6",
};

/**
 * Maps with the two-step API: a whole request as one IOVA range if possible, else each segment
 * separately.
 */
export class TwoStepMapper extends DataMapper {
  protected readonly metadataRule = "nvme.3";
  readonly #blk: BlkDma;
  readonly #metadataIter = new BlkDmaIter();
  readonly #vecs: MemoryPool<DmaVecs>;

  constructor(machine: Machine, dev: DmaDevice, settings: FormatSettings) {
    super(machine, dev, settings);
    this.#blk = new BlkDma(machine);
    const why = { rule: "nvme.2.3", inputs: { room: MAX_SEGMENTS } };
    const vecs = () => new DmaVecs(MAX_SEGMENTS);
    this.#vecs = new MemoryPool(machine, "dma_vecs", MAX_SEGMENTS * DMA_VEC_BYTES, vecs, why);
  }

  protected mapData(iod: Iod, request: NvmeRequest): BlkStatus {
    const use = this.#useSgls(request);
    if (request.nrPhysSegments === 1 && !this.kernel.single_segment_by_iterator) {
      const phys = firstPhys(request);
      const sizeBytes = request.payloadBytes;
      const long = (phys & PAGE_MASK) + sizeBytes > TWO_PRPS_BYTES;
      // Row A of the choice (rules/nvme.md 2.1): one map call, without iterator or descriptor list.
      if ((use !== "unsupported" || !long) && !this.#isPeerMemory(phys)) {
        const sgl = use === "forced" || long;
        this.choose(iod, request, sgl ? "simple_sgl" : "simple_prp", use, sizeBytes);
        const addr = this.mapOne(request, phys, sizeBytes);
        return this.setupDataSimple(iod, request, phys, addr, sgl);
      }
    }
    return this.#mapSegments(iod, request, use);
  }

  /**
   * The first step of the choice between PRPs and SGLs, by the limits of the request and the
   * controller.
   */
  #useSgls(request: NvmeRequest): SglUse {
    if (request.admin || !this.settings.sgl) return "unsupported";
    return gapMeets(request.gapBit, PAGE_MASK) || request.userCommand ||
        request.nrIntegritySegments > 1
      ? "forced"
      : "supported";
  }

  #mapSegments(iod: Iod, request: NvmeRequest, use: SglUse): BlkStatus {
    const { iter } = this;
    if (!this.#blk.start(request, this.dev, iod.dmaState, iter)) {
      if (this.kernel.half_linked_on_error) this.#unmapFailedRange(iod, request);
      return iter.status;
    }
    if (iter.kind === "bus_addr") iod.flags |= DATA_P2P;
    else if (iter.kind === "thru_host_bridge") iod.flags |= DATA_MMIO;

    const coalesced = this.#blk.coalesce(iod.dmaState);
    if (coalesced) this.noteRange(request, iod.dmaState.addr, iod.dmaState.sizeBytes);
    const segments = coalesced ? 1 : request.nrPhysSegments;
    const averageBytes = avgSegSize(request.payloadBytes, segments);
    const sgl = prefersSgl(use, averageBytes, this.settings.sglThresholdBytes);
    this.choose(iod, request, sgl ? "sgl" : "prp", use, averageBytes);
    const status = sgl ? this.#setupDataSgl(iod, request) : this.setupDataPrp(iod, request);
    if (status !== OK && iod.totalBytes > 0) {
      // All of the payload is linked into the range, even if the command describes only a part of
      // it. Therefore all of it is unmapped.
      if (coalesced && !this.kernel.partial_destroy_on_list_failure) {
        iod.totalBytes = request.payloadBytes;
      }
      this.unmapData(iod, request);
    } else if (status !== OK && request.mappedSegments > 0) {
      // The first segment has already been unmapped, or needs no unmap.
      if (!this.dma.dmaNeedUnmap(this.dev)) this.unmapped(request, "nothing");
    }
    return status;
  }

  /** Destroys a range of which only a part was linked, as if all of it were linked. */
  #unmapFailedRange(iod: Iod, request: NvmeRequest): void {
    if (this.iter.kind === "not_supported" || !this.#blk.coalesce(iod.dmaState)) return;
    iod.totalBytes = request.payloadBytes;
    this.unmapData(iod, request);
  }

  /**
   * Describes the data by one descriptor in the command, or by a list of data blocks, beginning
   * with the iterator's first segment.
   */
  #setupDataSgl(iod: Iod, request: NvmeRequest): BlkStatus {
    const { iter } = this;
    const entries = request.nrPhysSegments;
    if (entries === 1 || this.#blk.coalesce(iod.dmaState)) {
      this.setSgl(iod, iter.addr, iter.lengthBytes, DATA_BLOCK);
      iod.totalBytes += iter.lengthBytes;
      return OK;
    }
    const list = this.takeSglList(iod, "nvme.2.4", entries);
    if (list === null) {
      // Without a list, later code cannot unmap the segment; so it is unmapped here.
      const isOurs = !iod.hasFlag(DATA_P2P) && this.dma.dmaNeedUnmap(this.dev);
      if (isOurs && !this.kernel.first_mapping_leaked) this.#unmapStep(request, iter);
      return RESOURCE;
    }
    let mapped = 0;
    let status: BlkStatus = OK;
    do {
      if (mapped === entries) {
        this.machine.warnings.warnOnce(
          "nvme_pci_setup_data_sgl",
          `request ${request.id} has more segments than the ${entries} that were counted`,
        );
        status = IOERR;
        break;
      }
      this.writeSgl(list.phys, mapped++, iter.addr, iter.lengthBytes);
      iod.totalBytes += iter.lengthBytes;
    } while (this.nextSegment(request));
    this.setSgl(iod, list.dma, mapped * SGL_DESCRIPTOR_BYTES, LAST_SEGMENT);
    return status === OK ? iter.status : status;
  }

  protected nextSegment(request: NvmeRequest): boolean {
    return this.#blk.next(request, this.dev, this.iter);
  }

  /**
   * Saves a mapping in an array, because PRPs do not contain the sizes of mappings.
   *
   * @returns False without memory for the array. The mapping is then undone, with two exceptions.
   *   With the quirk `first_mapping_leaked`, the first mapping of a request is not undone. With
   *   `bounce_slot_lost_on_array_failure`, mappings after the first are not undone.
   * @throws {KernelError} EFAULT with the quirk `need_unmap_flip_null_list`, if a mapping must be
   *   saved and the first mapping of the request needed no array.
   */
  protected saveMapping(iod: Iod, request: NvmeRequest, first: boolean): boolean {
    const { iter, kernel } = this;
    if (!kernel.vectors_allocated_for_iova && this.#blk.coalesce(iod.dmaState)) return true;
    if (!kernel.vectors_leaked_p2p && iod.hasFlag(DATA_P2P)) return true;
    if (kernel.unmap_rebuilt_from_prps || !this.dma.dmaNeedUnmap(this.dev)) return true;
    if (iod.nrDmaVecs === 0 && !this.#takeVecs(iod, request, first)) return false;
    iod.dmaVecs!.set(iod.nrDmaVecs++, iter.addr, iter.lengthBytes);
    return true;
  }

  #takeVecs(iod: Iod, request: NvmeRequest, first: boolean): boolean {
    const { kernel } = this;
    if (!first && kernel.need_unmap_flip_null_list) {
      dereferenceNull(
        this.events,
        "nvme_pci_setup_data_prp",
        `request ${request.id} must save a mapping, and its first one needed no array`,
      );
    }
    iod.dmaVecs = this.#vecs.take();
    if (iod.dmaVecs !== null) return true;
    const isLeaked = first ? kernel.first_mapping_leaked : kernel.bounce_slot_lost_on_array_failure;
    if (!isLeaked) this.#unmapStep(request, this.iter);
    return false;
  }

  protected unmapSegments(iod: Iod, request: NvmeRequest): UnmapRule {
    const kind = mapTypeOf(iod, DATA_P2P, DATA_MMIO);
    const usesIova = this.#blk.coalesce(iod.dmaState);
    if (this.#blk.unmap(request, this.dev, iod.dmaState, iod.totalBytes, kind)) {
      return kind === "bus_addr" ? "bus" : usesIova ? "iova" : "nothing";
    }
    const attrs = attributesOf(kind);
    if (iod.usesSgl) {
      this.#freeSgls(iod, request, attrs);
      return "from_sgl";
    }
    if (!this.kernel.unmap_rebuilt_from_prps) {
      this.#freePrps(iod, request, attrs);
      return "saved";
    }
    this.#unmapByEntries(iod, request, attrs);
    return "from_prp";
  }

  /** Unmaps the saved mappings and frees the array. */
  #freePrps(iod: Iod, request: NvmeRequest, attrs: number): void {
    const vecs = iod.dmaVecs;
    if (vecs === null) return;
    for (let index = 0; index < iod.nrDmaVecs; index++) {
      this.#unmapSegment(request, vecs.addrAt(index), vecs.sizeAt(index), attrs);
    }
    this.#vecs.put(vecs);
    iod.dmaVecs = null;
  }

  /**
   * Unmaps a request by its PRPs alone, like the driver of June 2025: a defect.
   *
   * An entry covers one page, but a mapping covers any number of pages. This function treats
   * contiguous entries as one mapping, which is wrong if two mappings happen to be contiguous.
   *
   * @see rules/defects.md, M1
   */
  #unmapByEntries(iod: Iod, request: NvmeRequest, attrs: number): void {
    let start = 0;
    let runBytes = 0;
    let leftBytes = iod.totalBytes;
    for (const entry of this.#entriesOf(iod)) {
      const sizeBytes = Math.min(leftBytes, CTRL_PAGE_BYTES - ctrlPageOffset(entry));
      if (runBytes !== 0 && entry !== start + runBytes) {
        this.#unmapSegment(request, start as DmaAddr, runBytes, attrs);
        runBytes = 0;
      }
      if (runBytes === 0) start = entry;
      runBytes += sizeBytes;
      leftBytes -= sizeBytes;
    }
    if (runBytes > 0) this.#unmapSegment(request, start as DmaAddr, runBytes, attrs);
  }

  /** All entries that may point to data: those in the command, and those in the lists, except links. */
  *#entriesOf(iod: Iod): Generator<DmaAddr> {
    yield iod.prp1;
    if (iod.nrDescriptors === 0) yield iod.prp2;
    for (let page = 0; page < iod.nrDescriptors; page++) {
      const { phys } = iod.descriptors[page]!;
      const entries = page + 1 < iod.nrDescriptors ? PRPS_PER_PAGE - 1 : PRPS_PER_PAGE;
      for (let index = 0; index < entries; index++) yield this.readPrp(phys, index);
    }
  }

  /**
   * Unmaps the data block in the command, or each block of the list to which the command points.
   * The addresses that the device uses are also the addresses to unmap.
   *
   * @see rules/nvme.md 2.6, row 5
   */
  #freeSgls(iod: Iod, request: NvmeRequest, attrs: number): void {
    if (this.kernel.sgl_unmap_args_swapped) {
      this.#freeSglsSwapped(iod, request, attrs);
    } else if (iod.sglIsDataBlock) {
      this.#unmapSegment(request, iod.sglAddress, iod.sglLengthBytes, attrs);
    } else {
      const { phys } = iod.descriptors[0]!;
      const count = iod.sglLengthBytes / SGL_DESCRIPTOR_BYTES;
      for (let index = 0; index < count; index++) this.#unmapListed(request, phys, index, attrs);
    }
  }

  /**
   * Unmaps with the quirk `sgl_unmap_args_swapped`: two pointers to descriptors are passed in the
   * wrong order, so the list is read as if it were the command's descriptor. A list begins with a
   * data block. Therefore that one block is unmapped, and the rest of the list is not read. For a
   * request without a list, the pointer is null or still points at an old list: the last list of an
   * earlier request with the same tag.
   */
  #freeSglsSwapped(iod: Iod, request: NvmeRequest, attrs: number): void {
    const list = iod.descriptors[0];
    if (list === undefined) {
      dereferenceNull(
        this.events,
        "nvme_unmap_data",
        `request ${request.id} has no list of descriptors`,
      );
    }
    this.#unmapListed(request, list.phys, 0, attrs);
  }

  /** Unmaps the range that a descriptor of a list describes. */
  #unmapListed(request: NvmeRequest, listPhys: PhysAddr, index: number, attrs: number): void {
    const at = (listPhys + index * SGL_DESCRIPTOR_BYTES) as PhysAddr;
    const sizeBytes = this.memory.readU32((at + 8) as PhysAddr);
    this.#unmapSegment(request, readListedAddress(this.memory, at), sizeBytes, attrs);
  }

  /** Unmaps the current segment of an iterator. */
  #unmapStep(request: NvmeRequest, { addr, kind, lengthBytes }: BlkDmaIter): void {
    this.#unmapSegment(request, addr, lengthBytes, attributesOf(kind));
  }

  #unmapSegment(request: NvmeRequest, addr: DmaAddr, sizeBytes: Bytes, attrs: number): void {
    this.dma.unmapSegment(this.dev, addr, sizeBytes, opDirection(request.op), attrs);
  }

  protected mapOne(request: NvmeRequest, phys: PhysAddr, sizeBytes: Bytes): DmaAddr {
    return this.dma.mapSegment(this.dev, phys, sizeBytes, opDirection(request.op), 0);
  }

  protected unmapOne(request: NvmeRequest, addr: DmaAddr, sizeBytes: Bytes): void {
    this.dma.unmapSegment(this.dev, addr, sizeBytes, opDirection(request.op), 0);
  }

  /** Maps metadata with a plain pointer if that is enough, else with SGL descriptors. */
  protected mapMetadata(iod: Iod, request: NvmeRequest): BlkStatus {
    if (this.kernel.metadata_scatterlist) return this.mapMetadataScatterlist(iod, request);
    const wantsList = iod.usesSgl && this.wantsMetadataSgl(request);
    return wantsList || this.#isPeerMetadata(request)
      ? this.#setupMetaIter(iod, request)
      : this.setupMetaMptr(iod, request);
  }

  #isPeerMemory(phys: PhysAddr): boolean {
    const { peers } = this.machine;
    return peers !== null && peers.isPeerMemory(phys);
  }

  #isPeerMetadata(request: NvmeRequest): boolean {
    if (this.machine.peers === null) return false;
    this.segments.start(request, true);
    return this.segments.next() && this.#isPeerMemory(this.segments.phys);
  }

  #setupMetaIter(iod: Iod, request: NvmeRequest): BlkStatus {
    const iter = this.#metadataIter;
    if (!this.#blk.start(request, this.dev, iod.metaState, iter, true)) return iter.status;
    if (iter.kind === "bus_addr") iod.flags |= META_P2P;
    else if (iter.kind === "thru_host_bridge") iod.flags |= META_MMIO;

    const entries = this.#blk.coalesce(iod.metaState) ? 1 : request.nrIntegritySegments;
    if (!this.settings.metadataSgl || (entries === 1 && !request.userCommand)) {
      this.chooseMetadata(iod, request, "pointer");
      iod.setMetadataPointer(iter.addr);
      iod.metaTotalBytes = iter.lengthBytes;
      return OK;
    }
    this.chooseMetadata(iod, request, "sgl");
    const list = this.takeMetadataList(iod, entries);
    if (list === null) {
      const { dev } = this;
      if (!this.#blk.unmap(request, dev, iod.metaState, iter.lengthBytes, iter.kind, true)) {
        this.#unmapStep(request, iter);
      }
      return RESOURCE;
    }
    return this.#fillMetadataList(iod, request, list, entries);
  }

  /**
   * Writes the descriptors of metadata. A single data block is written alone. Several data blocks
   * follow a segment descriptor that has their total length. On failure no part of the metadata
   * stays mapped.
   */
  #fillMetadataList(
    iod: Iod,
    request: NvmeRequest,
    list: PoolBlock,
    entries: number,
  ): BlkStatus {
    const iter = this.#metadataIter;
    if (entries === 1) {
      this.writeSgl(list.phys, 0, iter.addr, iter.lengthBytes);
      iod.metaTotalBytes = iter.lengthBytes;
      return OK;
    }
    let mapped = 0;
    do {
      this.writeSgl(list.phys, ++mapped, iter.addr, iter.lengthBytes);
      iod.metaTotalBytes += iter.lengthBytes;
    } while (this.#blk.next(request, this.dev, iter, true));
    this.writeMetadataSegment(list, mapped);
    if (iter.status !== OK) this.unmapMetadataSegments(iod, request);
    return iter.status;
  }

  protected unmapMetadataSegments(iod: Iod, request: NvmeRequest): void {
    if (this.kernel.metadata_scatterlist) return this.unmapMetadataScatterlist(iod, request);
    const kind = mapTypeOf(iod, META_P2P, META_MMIO);
    if (!this.#blk.unmap(request, this.dev, iod.metaState, iod.metaTotalBytes, kind, true)) {
      const attrs = attributesOf(kind);
      if (iod.usesMetadataSgl) this.#unmapMetadataList(iod, request, attrs);
      else this.#unmapSegment(request, iod.metaDma, iod.metaTotalBytes, attrs);
    }
    if (iod.usesMetadataSgl) this.freeMetadataList(iod);
  }

  #unmapMetadataList(iod: Iod, request: NvmeRequest, attrs: number): void {
    const { phys } = iod.metaDescriptor!;
    const isSegment = this.memory.readU32((phys + 12) as PhysAddr) >>> 24 === LAST_SEGMENT;
    const first = isSegment ? 1 : 0;
    const count = isSegment
      ? this.memory.readU32((phys + 8) as PhysAddr) / SGL_DESCRIPTOR_BYTES
      : 1;
    for (let index = 0; index < count; index++) {
      this.#unmapListed(request, phys, first + index, attrs);
    }
  }

  protected whyChosen(
    iod: Iod,
    request: NvmeRequest,
    format: ChosenFormat,
    use: SglUse,
    averageBytes: Bytes,
  ): Why {
    const simple = format === "simple_sgl" || format === "simple_prp";
    return {
      rule: simple ? "nvme.2.1.A" : format === "sgl" ? "nvme.2.1.C" : "nvme.2.1.D",
      inputs: {
        sgl: use,
        payload_bytes: request.payloadBytes,
        segments: request.nrPhysSegments,
        gap_bit: request.gapBit,
        // In a simple format the iterator did not start, and `dmaState` is still that of an earlier
        // request with the same tag.
        coalesced: !simple && this.#blk.coalesce(iod.dmaState),
        average_bytes: averageBytes,
        threshold_bytes: this.settings.sglThresholdBytes,
        span_bytes: ctrlPageOffset(firstPhys(request)) + request.payloadBytes,
        user_command: request.userCommand,
        metadata_segments: request.nrIntegritySegments,
      },
    };
  }

  protected whyUnmapped(request: NvmeRequest, rule: keyof typeof UNMAP_ROWS): Why {
    return {
      rule: UNMAP_ROWS[rule],
      inputs: {
        format: request.format,
        iova_bytes: request.iovaSizeBytes,
        needs_unmap: this.dma.dmaNeedUnmap(this.dev),
        coherent: this.dev.coherent,
        bounced: !this.dev.skipSync && !this.dev.ownOps,
        translated: this.dev.domain !== null,
        ...(this.dev.ownOps ? { own_ops: true } : {}),
      },
    };
  }
}

/**
 * Offset in the controller page. `&` uses only the low 32 bits of an address; the offset needs no
 * more.
 */
export function ctrlPageOffset(address: number): number {
  return address & PAGE_MASK;
}

/** Average segment size, as used in the choice of a format. @see rules/nvme.md 2.1 */
export function avgSegSize(payloadBytes: Bytes, segments: number): Bytes {
  return Math.ceil(payloadBytes / segments);
}

/**
 * The second step of the choice between PRPs and SGLs, once it is known whether the request became one
 * IOVA range.
 */
export function prefersSgl(use: SglUse, averageBytes: Bytes, thresholdBytes: Bytes): boolean {
  if (use === "forced") return true;
  return use === "supported" && thresholdBytes !== 0 && averageBytes >= thresholdBytes;
}

/** The kind of a mapping, from the tag's flags. */
function mapTypeOf(iod: Iod, p2p: number, mmio: number): PeerMapType {
  return iod.hasFlag(p2p) ? "bus_addr" : iod.hasFlag(mmio) ? "thru_host_bridge" : "none";
}

/** Physical address of the request's first byte. */
function firstPhys(request: NvmeRequest): PhysAddr {
  return request.specialPayload === null ? request.bios[0]!.firstPhys : request.specialPayload.phys;
}

/** A pool of objects of one size, which are reused, so that a busy queue makes no garbage. */
export class MemoryPool<T> {
  readonly #free: T[] = [];
  readonly #machine: Machine;
  readonly #cost: EventFields<"mem.alloc">;
  readonly #why: Why | null;
  readonly #make: () => T;

  /** @param why The rule that requires an object, and its inputs. */
  constructor(
    machine: Machine,
    what: EventFields<"mem.alloc">["what"],
    sizeBytes: Bytes,
    make: () => T,
    why: Why | null = null,
  ) {
    this.#machine = machine;
    this.#cost = { what, size_bytes: sizeBytes, from: "mempool" };
    this.#why = why;
    this.#make = make;
  }

  /** Takes an object. A reused object still has the contents of its last use. Null without memory. */
  take(): T | null {
    const { events, faults } = this.#machine;
    if (faults !== null && faults.errnoAt(INJECTION.mempool_alloc) !== 0) return null;
    if (events.tick(MEM_ALLOC)) events.emit(MEM_ALLOC, this.#cost, this.#why);
    return this.#free.pop() ?? this.#make();
  }

  put(item: T): void {
    const { events } = this.#machine;
    this.#free.push(item);
    if (events.tick(MEM_FREE)) events.emit(MEM_FREE, this.#cost);
  }
}

/** The pools of each node, created with the first queue of that node. @see rules/nvme.md 1 */
export class NodePools {
  readonly #machine: Machine;
  readonly #dev: DmaDevice;
  readonly #pools: { readonly small: DmaPool; readonly large: DmaPool }[] = [];

  constructor(machine: Machine, dev: DmaDevice) {
    this.#machine = machine;
    this.#dev = dev;
  }

  of(node: number): DescriptorPools {
    return this.#pools[node] ??= {
      small: new DmaPool(
        this.#machine,
        this.#dev,
        "small",
        SMALL_DESCRIPTOR_BYTES,
        this.#machine.kernel.prp_pool_aligned_512 ? 512 : SMALL_DESCRIPTOR_BYTES,
      ),
      large: new DmaPool(this.#machine, this.#dev, "large", CTRL_PAGE_BYTES, CTRL_PAGE_BYTES),
    };
  }

  /** All pools: two for each node that has any. */
  get #all(): readonly DmaPool[] {
    return this.#pools.flatMap(({ large, small }) => [small, large]);
  }

  get usedBlocks(): number {
    return this.#all.reduce((used, pool) => used + pool.usedBlocks, 0);
  }

  /** @throws {InvariantError} If a block is neither allocated nor free. */
  audit(): void {
    for (const pool of this.#all) pool.audit();
  }

  /** Frees all memory, when the driver is removed. */
  destroy(): void {
    for (const pool of this.#all) pool.destroy();
  }
}

function costOf({ blockSizeBytes }: DescriptorPool): EventFields<"mem.alloc"> {
  const from = blockSizeBytes < CTRL_PAGE_BYTES ? "small" : "large";
  return { what: "descriptor", size_bytes: blockSizeBytes, from };
}

/** A pool of scatterlists with room for a given number of entries. */
export function scatterlistPool(machine: Machine, entries: number): MemoryPool<Scatterlist> {
  const sizeBytes = entries * SCATTER_ENTRY_BYTES;
  return new MemoryPool(machine, "scatterlist", sizeBytes, () => new Scatterlist([], entries));
}
