/**
 * Maps a request for a device: as one IOVA range when its segments can be joined, else segment by
 * segment.
 *
 * `start` and `next` return false both at the end and on failure; the iterator's status
 * distinguishes the two. After true the status means nothing. On failure, only `start` unmaps
 * something, and only the range that it made: the driver must unmap what earlier calls have mapped.
 *
 * If a call makes a decision, its `ret` event contains the rule (a row of a table in
 * rules/block.md) and the rule's inputs.
 *
 * @see rules/block.md 2.2 to 2.5
 */
import type { Bytes, DmaAddr, PhysAddr } from "../address.ts";
import { DMA_ATTR, type DmaDirection } from "../dma/attributes.ts";
import { directAddress } from "../dma/paths/map_branch.ts";
import type { DmaDevice } from "../dma/device/device.ts";
import type { DmaIovaState } from "../dma/iova_state.ts";
import {
  BLK_STS,
  type BlkStatus,
  type BlkStatusName,
  blkStatusName,
  errnoToBlkStatus,
} from "../errno.ts";
import { eventId } from "../event_vocabulary.ts";
import type { Why } from "../events.ts";
import { callOf } from "../dma/calls/call_events.ts";
import type { Kernel } from "../kernels/kernels.ts";
import type { Machine } from "../machine.ts";
import type { MappingPath, PeerMapType } from "../vocabulary/shared_words.ts";
import { opDirection, vecOffset, vecsSizeBytes } from "./bio.ts";
import { gapMeets, JoinGaps } from "./gap_bit.ts";
import type { BlockRequest } from "./request.ts";
import { SegmentIterator } from "./segment_iterator.ts";

/**
 * Events of the functions that map data. `METADATA` has the events of the functions that map
 * metadata.
 */
const DATA = {
  start: callOf("blk_rq_dma_map_iter_start"),
  next: callOf("blk_rq_dma_map_iter_next"),
};
const METADATA = {
  start: callOf("blk_rq_integrity_dma_map_iter_start"),
  next: callOf("blk_rq_integrity_dma_map_iter_next"),
};

const UNMAP = callOf("blk_rq_dma_unmap");
const BLOCK_SEGMENT = eventId("block.segment");
const BLOCK_STATUS = eventId("block.status");

/** One step's output, and the position in the request. Reusable. */
export class BlkDmaIter {
  /** Start of the mapped range of this step. */
  addr = 0 as DmaAddr;
  lengthBytes: Bytes = 0;
  /** Meaningful when a call returned false; OK then means that no segment is left. */
  status: BlkStatus = BLK_STS.OK;
  /** The kind of peer memory that the request consists of, judged by its first segment. */
  kind: PeerMapType = "none";
  readonly segments = new SegmentIterator();
}

/**
 * The rule that describes how a call returned: a row of the table of `start()` (2.3) or `unmap()`
 * (2.5). @see rules/block.md 2.3, 2.5
 */
type Exit = `block.2.3.${1 | 2 | 3 | 4 | "4e" | 5 | "5e"}` | `block.2.5.${1 | 2 | 3}`;

/** The data of a request, as an event has it. */
function segmentPairs(request: BlockRequest) {
  return request.segments().map(({ phys, sizeBytes }) => [phys, sizeBytes] as const);
}

export class BlkDma {
  readonly #machine: Machine;
  readonly #kernel: Kernel;
  readonly #ended = new SegmentIterator();
  /** The exit of the last call, for its event. */
  #exit: Exit = "block.2.3.1";

  constructor(machine: Machine) {
    this.#machine = machine;
    this.#kernel = machine.kernel;
  }

  /**
   * Maps a whole request as one range if possible, else only its first segment.
   *
   * @param state The caller's IOVA state. It is written only if the request may use an IOVA. With
   *   the quirk `stale_iova_state_p2p`, a request that is mapped by bus address does not clear the
   *   state, which keeps the values of the last request. With `stale_iova_state_uncoalesced`, a
   *   request that cannot be a single range because of its gaps does not clear the state either.
   * @param metadata True to map the request's metadata instead of its data, with a separate state
   *   and iterator: rules/block.md 2.7.
   * @returns True with `addr` and `lengthBytes` set; false at the end or on failure.
   */
  start(
    request: BlockRequest,
    dev: DmaDevice,
    state: DmaIovaState,
    iter: BlkDmaIter,
    metadata = false,
  ): boolean {
    const calls = metadata ? METADATA : DATA;
    iter.segments.start(request, metadata);
    const events = this.#machine.events;
    if (events.tick(calls.start.call)) {
      const facts = { req: request.id, dev: dev.name };
      if (metadata) events.emit(METADATA.start.call, facts);
      else events.emit(DATA.start.call, { ...facts, data: segmentPairs(request) });
    }
    const result = this.#start(request, dev, state, iter, metadata);
    if (events.tick(calls.start.ret)) {
      const error = errorOf(result, iter);
      events.emit(
        calls.start.ret,
        { result, error },
        this.#whyStarted(request, dev, iter, metadata),
      );
    }
    if (!result) this.#reportStatus(iter.status);
    return result;
  }

  /** Maps the next segment by the method that `start` chose for the first segment. */
  next(request: BlockRequest, dev: DmaDevice, iter: BlkDmaIter, metadata = false): boolean {
    const calls = metadata ? METADATA : DATA;
    const events = this.#machine.events;
    if (events.tick(calls.next.call)) {
      events.emit(calls.next.call, { req: request.id, dev: dev.name });
    }
    const result = iter.segments.next() && this.#mapSegment(request, dev, iter);
    if (events.tick(calls.next.ret)) {
      events.emit(calls.next.ret, { result, error: errorOf(result, iter) });
    }
    if (!result) this.#reportStatus(iter.status);
    return result;
  }

  /** True when the whole request is one range, so that `next` must not be called. */
  coalesce(state: DmaIovaState): boolean {
    return this.#machine.dma.dmaUseIova(state);
  }

  /**
   * Ends a mapping as far as possible without knowing the single segments.
   *
   * @param mappedBytes How much of the range is linked.
   * @param metadata The mapping is of the request's metadata.
   * @returns True when nothing is left to do; false when each segment must be unmapped.
   */
  unmap(
    request: BlockRequest,
    dev: DmaDevice,
    state: DmaIovaState,
    mappedBytes: Bytes,
    kind: PeerMapType,
    metadata = false,
  ): boolean {
    const events = this.#machine.events;
    if (events.tick(UNMAP.call)) {
      events.emit(UNMAP.call, { req: request.id, dev: dev.name, mapped: mappedBytes });
    }
    const result = this.#unmap(request, dev, state, mappedBytes, kind);
    if (!result) request.mappedSegments = 0;
    if (result && this.#exit !== "block.2.5.2") this.endUncalled(request, dev, kind, metadata);
    if (events.tick(UNMAP.ret)) {
      events.emit(UNMAP.ret, { result, error: null }, {
        rule: this.#exit,
        inputs: { map_type: kind, one_range: this.#exit === "block.2.5.2", nothing_left: result },
      });
    }
    return result;
  }

  #start(
    request: BlockRequest,
    dev: DmaDevice,
    state: DmaIovaState,
    iter: BlkDmaIter,
    metadata: boolean,
  ): boolean {
    iter.status = BLK_STS.OK;
    iter.kind = "none";
    const segments = iter.segments;
    this.#exit = "block.2.3.1";
    if (!segments.next()) return false;

    const peers = this.#machine.peers;
    if (peers !== null) iter.kind = peers.mapType(segments.phys, dev);
    switch (iter.kind) {
      case "bus_addr":
        if (!this.#kernel.stale_iova_state_p2p) {
          state.clear(this.#machine.events.context.request);
        }
        this.#exit = "block.2.3.2";
        return this.#mapSegment(request, dev, iter);
      case "not_supported":
        iter.status = this.#kernel.p2p_design_2021 ? BLK_STS.P2PDMA : BLK_STS.INVAL;
        this.#exit = "block.2.3.3";
        return false;
      case "none":
      case "thru_host_bridge":
        break;
    }

    const dma = this.#machine.dma;
    const kernel = this.#kernel;
    const gapBit = this.#gapBit(request, metadata);
    const rangeBytes = metadata
      ? metadataBytes(request, kernel.metadata_iova_from_format)
      : request.payloadBytes;
    if (
      !gapMeets(gapBit, dma.dmaGetMergeBoundary(dev)) &&
      dma.dmaIovaTryAlloc(dev, state, segments.phys, rangeBytes)
    ) {
      const lengthBytes = metadata
        ? metadataBytes(request, kernel.metadata_length_from_format)
        : rangeBytes;
      return this.#linkAll(request, dev, state, iter, lengthBytes);
    }
    if (!kernel.stale_iova_state_uncoalesced) {
      state.clear(this.#machine.events.context.request);
    }
    const mapped = this.#mapSegment(request, dev, iter);
    this.#exit = mapped ? "block.2.3.5" : "block.2.3.5e";
    return mapped;
  }

  /** The gap bit that decides whether one range is possible. @see rules/block.md 1.7, 2.7 */
  #gapBit(request: BlockRequest, metadata: boolean): number {
    return metadata && !this.#kernel.metadata_uses_data_gap ? metadataGap(request) : request.gapBit;
  }

  #whyStarted(request: BlockRequest, dev: DmaDevice, iter: BlkDmaIter, metadata: boolean): Why {
    const rule = this.#exit;
    // Rows 1 to 3 return before gaps are examined.
    if (rule < "block.2.3.4") return { rule, inputs: { map_type: iter.kind } };
    const gapBit = this.#gapBit(request, metadata);
    const mergeBoundary = this.#machine.dma.dmaGetMergeBoundary(dev);
    return {
      rule,
      inputs: {
        map_type: iter.kind,
        gap_bit: gapBit,
        merge_boundary_bytes: mergeBoundary,
        pieces_meet: !gapMeets(gapBit, mergeBoundary),
        range_allocated: rule === "block.2.3.4" || rule === "block.2.3.4e",
      },
    };
  }

  /** Links the segments one after the other, syncs the range, and returns its length. */
  #linkAll(
    request: BlockRequest,
    dev: DmaDevice,
    state: DmaIovaState,
    iter: BlkDmaIter,
    lengthBytes: Bytes,
  ): boolean {
    const dma = this.#machine.dma;
    const segments = iter.segments;
    const dir = opDirection(request.op);
    const attrs = attributesOf(iter.kind);
    iter.addr = state.addr;
    iter.lengthBytes = lengthBytes;

    let mappedBytes = 0;
    let error = 0;
    do {
      const sizeBytes = segments.sizeBytes;
      error = dma.dmaIovaLink(dev, state, segments.phys, mappedBytes, sizeBytes, dir, attrs);
      if (error !== 0) break;
      const at = state.addr + mappedBytes as DmaAddr;
      this.#reportSegment(segments.phys, sizeBytes, at, dma.taken.path);
      mappedBytes += sizeBytes;
    } while (segments.next());

    if (error === 0) {
      error = dma.dmaIovaSync(dev, state, 0, mappedBytes);
      if (error === 0) {
        this.#exit = "block.2.3.4";
        return true;
      }
    }
    this.#exit = "block.2.3.4e";
    this.#releasePartialRange(dev, state, mappedBytes, dir, attrs);
    iter.status = errnoToBlkStatus(error);
    return false;
  }

  /**
   * Cleans up after a failed link or sync, when only the first `mappedBytes` bytes of the range are
   * linked.
   */
  #releasePartialRange(
    dev: DmaDevice,
    state: DmaIovaState,
    mappedBytes: Bytes,
    dir: DmaDirection,
    attrs: number,
  ): void {
    const { dma } = this.#machine;
    const kernel = this.#kernel;
    // With this defect, the linked parts and the range stay allocated until the request is
    // unmapped.
    if (kernel.half_linked_on_error) return;
    // In releases where destroy frees only the mapped length, the whole range is freed separately. With the
    // defect `partial_destroy_on_link_failure` it is not.
    if (kernel.destroy_frees_mapped_length && !kernel.partial_destroy_on_link_failure) {
      if (mappedBytes > 0) dma.dmaIovaUnlink(dev, state, 0, mappedBytes, dir, attrs);
      dma.dmaIovaFree(dev, state);
      return;
    }
    dma.dmaIovaDestroy(dev, state, mappedBytes, dir, attrs);
  }

  /** Maps the current segment of the walk. */
  #mapSegment(request: BlockRequest, dev: DmaDevice, iter: BlkDmaIter): boolean {
    const { phys, sizeBytes } = iter.segments;
    if (iter.kind === "bus_addr") {
      iter.addr = this.#machine.peers!.busAddress(phys);
      iter.lengthBytes = sizeBytes;
      this.#machine.checker?.peers.onBus(dev, iter.addr, sizeBytes);
      this.#reportSegment(phys, sizeBytes, iter.addr, "bus");
      return true;
    }
    iter.addr = this.#machine.dma.mapSegment(
      dev,
      phys,
      sizeBytes,
      opDirection(request.op),
      attributesOf(iter.kind),
    );
    if (this.#machine.dma.dmaMappingError(dev, iter.addr) !== 0) {
      iter.status = BLK_STS.RESOURCE;
      return false;
    }
    iter.lengthBytes = sizeBytes;
    request.mappedSegments++;
    this.#reportSegment(phys, sizeBytes, iter.addr, this.#machine.dma.taken.path);
    return true;
  }

  #unmap(
    request: BlockRequest,
    dev: DmaDevice,
    state: DmaIovaState,
    mappedBytes: Bytes,
    kind: PeerMapType,
  ): boolean {
    this.#exit = "block.2.5.1";
    if (kind === "bus_addr") return true;
    const dma = this.#machine.dma;
    if (dma.dmaUseIova(state)) {
      this.#exit = "block.2.5.2";
      dma.dmaIovaDestroy(
        dev,
        state,
        mappedBytes,
        opDirection(request.op),
        attributesOf(kind),
      );
      return true;
    }
    this.#exit = "block.2.5.3";
    return !dma.dmaNeedUnmap(dev);
  }

  /**
   * Tells the checker which mappings of a request have ended without an unmap call of the driver:
   * bus addresses of peers, and mappings that need no unmap.
   */
  endUncalled(request: BlockRequest, dev: DmaDevice, kind: PeerMapType, metadata = false): void {
    const { checker, peers } = this.#machine;
    if (checker === null) return;
    const segments = this.#ended;
    segments.start(request, metadata);
    while (segments.next()) {
      const { phys, sizeBytes } = segments;
      if (kind === "bus_addr") checker.peers.offBus(dev, peers!.busAddress(phys), sizeBytes);
      else {
        const dma = directAddress(dev, phys);
        checker.mappings.through(dev, dma, sizeBytes, opDirection(request.op));
      }
    }
  }

  #reportSegment(phys: PhysAddr, sizeBytes: Bytes, dma: DmaAddr, path: MappingPath): void {
    const events = this.#machine.events;
    if (events.tick(BLOCK_SEGMENT)) {
      events.emit(BLOCK_SEGMENT, { phys, size_bytes: sizeBytes, dma, path });
    }
  }

  #reportStatus(status: BlkStatus): void {
    const events = this.#machine.events;
    if (!events.tick(BLOCK_STATUS)) return;
    events.emit(BLOCK_STATUS, { status: blkStatusName(status), ended: "iterator" });
  }
}

/** Size of a request's metadata: by its format, or the sum of its metadata vectors. */
function metadataBytes(request: BlockRequest, fromFormat: boolean): Bytes {
  if (fromFormat) return request.formatMetadataBytes;
  let sizeBytes = 0;
  for (const bio of request.bios) sizeBytes += vecsSizeBytes(bio.metadata);
  return sizeBytes;
}

/** The gap bit of the joins between metadata segments, after adjacent vectors are joined. */
function metadataGap(request: BlockRequest): number {
  const joins = new JoinGaps();
  for (const { phys, sizeBytes } of request.metadataSegments()) {
    joins.add(vecOffset(phys), sizeBytes);
  }
  return joins.bit;
}

/** The attribute for mapping and unmapping peer memory that is reached across the host bridge. */
export function attributesOf(kind: PeerMapType): number {
  return kind === "thru_host_bridge" ? DMA_ATTR.MMIO : 0;
}

function errorOf(result: boolean, iter: BlkDmaIter): BlkStatusName | null {
  return result || iter.status === BLK_STS.OK ? null : blkStatusName(iter.status);
}
