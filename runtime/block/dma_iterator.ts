/**
 * Maps a request for a device: as one IO address range when its pieces meet, else piece by piece.
 *
 * `start` and `next` return false both at the end and on failure; the iterator's status tells which,
 * and means nothing after true. What earlier calls mapped is never undone here but in `start`'s own
 * range: unwinding is the driver's.
 *
 * The `ret` event of what decides names the row of the rules that it left by, and its inputs.
 *
 * @see behaviour/block.md 2.2 to 2.5
 */
import type { Bytes, DmaAddr, PhysAddr } from "../address.ts";
import { DMA_ATTR, type MappingPath } from "../dma/attributes.ts";
import type { DmaDevice } from "../dma/device/device.ts";
import type { DmaIovaState } from "../dma/iova_state.ts";
import { BLK_STS, type BlkStatus, blkStatusName, errnoToBlkStatus } from "../errno.ts";
import { eventId } from "../event_vocabulary.ts";
import type { Why } from "../events.ts";
import type { Machine, PeerMapType } from "../machine.ts";
import { opDirection } from "./bio.ts";
import type { BlockRules } from "./block_rules.ts";
import { gapMeets } from "./gap_bit.ts";
import type { BlockRequest } from "./request.ts";
import { SegmentIterator } from "./segment_iterator.ts";

const CALL_START = eventId("call.blk_rq_dma_map_iter_start");
const RET_START = eventId("ret.blk_rq_dma_map_iter_start");
const CALL_NEXT = eventId("call.blk_rq_dma_map_iter_next");
const RET_NEXT = eventId("ret.blk_rq_dma_map_iter_next");
const CALL_META_START = eventId("call.blk_rq_integrity_dma_map_iter_start");
const RET_META_START = eventId("ret.blk_rq_integrity_dma_map_iter_start");
const CALL_META_NEXT = eventId("call.blk_rq_integrity_dma_map_iter_next");
const RET_META_NEXT = eventId("ret.blk_rq_integrity_dma_map_iter_next");
const CALL_UNMAP = eventId("call.blk_rq_dma_unmap");
const RET_UNMAP = eventId("ret.blk_rq_dma_unmap");
const BLOCK_SEGMENT = eventId("block.segment");
const BLOCK_STATUS = eventId("block.status");

/** One step's output, and the position in the request. Reusable. */
export class BlkDmaIter {
  /** Start of the mapped range of this step. */
  addr = 0 as DmaAddr;
  lengthBytes: Bytes = 0;
  /** Meaningful when a call returned false; OK then means that no segment is left. */
  status: BlkStatus = BLK_STS.OK;
  /** What kind of memory the request is, as its first segment told. */
  kind: PeerMapType = "none";
  readonly segments = new SegmentIterator();
}

/** How a call was left: a row of the rules. @see behaviour/block.md 2.3, 2.5 */
type Exit =
  | "block.2.3.1"
  | "block.2.3.2"
  | "block.2.3.3"
  | "block.2.3.4"
  | "block.2.3.4e"
  | "block.2.3.5"
  | "block.2.3.5e"
  | "block.2.5.1"
  | "block.2.5.2"
  | "block.2.5.3";

export class BlkDma {
  readonly #machine: Machine;
  readonly #rules: BlockRules;
  /** The exit of the last call, for its event. */
  #exit: Exit = "block.2.3.1";

  constructor(machine: Machine, rules: BlockRules) {
    this.#machine = machine;
    this.#rules = rules;
  }

  /**
   * Maps a whole request as one range if it can, else its first segment.
   *
   * @param state The caller's IOVA state. Written only where the request may use an IOVA; with the
   * quirk `stale_iova_state_p2p` a request by bus address leaves what the last request left, and with
   * `stale_iova_state_uncoalesced` one whose gaps keep it from being one range.
   * @returns True with `addr` and `lengthBytes` set; false at the end or on failure.
   */
  start(request: BlockRequest, dev: DmaDevice, state: DmaIovaState, iter: BlkDmaIter): boolean {
    const events = this.#machine.events;
    if (events.tick(CALL_START)) events.emit(CALL_START, { req: request.id, dev: dev.name });
    iter.segments.start(request);
    const result = this.#start(request, dev, state, iter, false);
    if (events.tick(RET_START)) {
      const error = errorOf(result, iter);
      events.emit(RET_START, { result, error }, this.#whyStarted(request, dev, iter, false));
    }
    if (!result) this.#reportStatus(iter.status);
    return result;
  }

  /**
   * The same for the request's metadata, with a state and an iterator of its own.
   * @see behaviour/block.md 2.7
   */
  startMetadata(
    request: BlockRequest,
    dev: DmaDevice,
    state: DmaIovaState,
    iter: BlkDmaIter,
  ): boolean {
    const events = this.#machine.events;
    if (events.tick(CALL_META_START)) {
      events.emit(CALL_META_START, { req: request.id, dev: dev.name });
    }
    iter.segments.startMetadata(request);
    const result = this.#start(request, dev, state, iter, true);
    if (events.tick(RET_META_START)) {
      const error = errorOf(result, iter);
      events.emit(RET_META_START, { result, error }, this.#whyStarted(request, dev, iter, true));
    }
    if (!result) this.#reportStatus(iter.status);
    return result;
  }

  /** Maps the next segment, in the way that `start` found for the first. */
  next(request: BlockRequest, dev: DmaDevice, iter: BlkDmaIter): boolean {
    const events = this.#machine.events;
    if (events.tick(CALL_NEXT)) events.emit(CALL_NEXT, { req: request.id, dev: dev.name });
    const result = iter.segments.next() && this.#mapSegment(request, dev, iter);
    if (events.tick(RET_NEXT)) events.emit(RET_NEXT, { result, error: errorOf(result, iter) });
    if (!result) this.#reportStatus(iter.status);
    return result;
  }

  /** Maps the next segment of metadata, in the way that `startMetadata` found for the first. */
  nextMetadata(request: BlockRequest, dev: DmaDevice, iter: BlkDmaIter): boolean {
    const events = this.#machine.events;
    if (events.tick(CALL_META_NEXT)) {
      events.emit(CALL_META_NEXT, { req: request.id, dev: dev.name });
    }
    const result = iter.segments.next() && this.#mapSegment(request, dev, iter);
    if (events.tick(RET_META_NEXT)) {
      events.emit(RET_META_NEXT, { result, error: errorOf(result, iter) });
    }
    if (!result) this.#reportStatus(iter.status);
    return result;
  }

  /** True when the whole request is one range, so that `next` must not be called. */
  coalesce(state: DmaIovaState): boolean {
    return this.#machine.dma.dmaUseIova(state);
  }

  /**
   * Ends a mapping as far as that takes no knowledge of the single segments.
   *
   * @param mappedBytes How much of the range is linked.
   * @returns True when nothing is left to do; false when each segment must be unmapped.
   */
  unmap(
    request: BlockRequest,
    dev: DmaDevice,
    state: DmaIovaState,
    mappedBytes: Bytes,
    kind: PeerMapType,
  ): boolean {
    const events = this.#machine.events;
    if (events.tick(CALL_UNMAP)) {
      events.emit(CALL_UNMAP, { req: request.id, dev: dev.name, mapped: mappedBytes });
    }
    const result = this.#unmap(request, dev, state, mappedBytes, kind);
    if (events.tick(RET_UNMAP)) {
      events.emit(RET_UNMAP, { result, error: null }, {
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
        if (this.#rules.busAddressClearsState) state.clear(this.#machine.events.context.request);
        this.#exit = "block.2.3.2";
        return this.#mapSegment(request, dev, iter);
      case "not_supported":
        iter.status = this.#rules.peerRefused;
        this.#exit = "block.2.3.3";
        return false;
      case "none":
      case "thru_host_bridge":
        break;
    }

    const dma = this.#machine.dma;
    const rules = this.#rules;
    const gapBit = this.#gapBit(request, metadata);
    const rangeBytes = metadata ? rules.metadataRangeBytes(request) : request.payloadBytes;
    if (
      !gapMeets(gapBit, dma.dmaGetMergeBoundary(dev)) &&
      dma.dmaIovaTryAlloc(dev, state, segments.phys, rangeBytes)
    ) {
      const lengthBytes = metadata ? rules.metadataLengthBytes(request) : rangeBytes;
      return this.#linkAll(request, dev, state, iter, lengthBytes);
    }
    if (rules.gapClearsState) state.clear(this.#machine.events.context.request);
    const mapped = this.#mapSegment(request, dev, iter);
    this.#exit = mapped ? "block.2.3.5" : "block.2.3.5e";
    return mapped;
  }

  /** Which gap bit decides. @see behaviour/block.md 1.7, 2.7 */
  #gapBit(request: BlockRequest, metadata: boolean): number {
    return metadata ? this.#rules.metadataGap(request) : request.gapBit;
  }

  #whyStarted(request: BlockRequest, dev: DmaDevice, iter: BlkDmaIter, metadata: boolean): Why {
    const rule = this.#exit;
    // Rows 1 to 3 are left before anybody looks at gaps.
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

  /** Links every segment behind the other, makes the range visible, and says how long it is. */
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
      this.#reportSegment(
        segments.phys,
        sizeBytes,
        (state.addr + mappedBytes) as DmaAddr,
        "iommu",
      );
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
    this.#rules.releasePartialRange(dma, dev, state, mappedBytes, dir, attrs);
    iter.status = errnoToBlkStatus(error);
    return false;
  }

  /** Maps the segment that the walk stands on. */
  #mapSegment(request: BlockRequest, dev: DmaDevice, iter: BlkDmaIter): boolean {
    const { phys, sizeBytes } = iter.segments;
    if (iter.kind === "bus_addr") {
      iter.addr = this.#machine.peers!.busAddress(phys);
      iter.lengthBytes = sizeBytes;
      this.#reportSegment(phys, sizeBytes, iter.addr, "bus");
      return true;
    }
    iter.addr = this.#machine.dma.dmaMapPhys(
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
    this.#reportSegment(phys, sizeBytes, iter.addr, pathOf(dev, phys, iter.addr));
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

  #reportSegment(phys: PhysAddr, sizeBytes: Bytes, dma: DmaAddr, path: MappingPath): void {
    const events = this.#machine.events;
    if (events.tick(BLOCK_SEGMENT)) {
      events.emit(BLOCK_SEGMENT, { phys, size_bytes: sizeBytes, dma, path });
    }
  }

  #reportStatus(status: BlkStatus): void {
    const events = this.#machine.events;
    if (events.tick(BLOCK_STATUS)) events.emit(BLOCK_STATUS, { status: blkStatusName(status) });
  }
}

/** The attribute that peer memory across the host bridge is mapped and unmapped with. */
export function attributesOf(kind: PeerMapType): number {
  return kind === "thru_host_bridge" ? DMA_ATTR.MMIO : 0;
}

/** How a single mapping reached the device, told from its addresses. */
export function pathOf(dev: DmaDevice, phys: PhysAddr, dma: DmaAddr): MappingPath {
  if (dev.domain !== null) return "iommu";
  return (dma as number) === (phys as number) ? "direct" : "swiotlb";
}

function errorOf(result: boolean, iter: BlkDmaIter): string | null {
  return result || iter.status === BLK_STS.OK ? null : blkStatusName(iter.status);
}
