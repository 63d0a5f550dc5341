/** Requests that a driver maps with the block layer's iterator, and the model's results. */
import {
  attributesOf,
  Bio,
  type BioVec,
  BlkDma,
  BlkDmaIter,
  BlockRequest,
  type DmaAddr,
  type Machine,
  opDirection,
  type PhysAddr,
} from "@dmalab/runtime";
import { type DmaDevice, DmaIovaState } from "@dmalab/runtime/dma";
import type { PeerMapType } from "@dmalab/runtime/vocabulary";
import type { OperationResult } from "./compare.ts";

type Part = readonly [start: number, bytes: number];

/** The limits of a disk's queue. */
export interface QueueFields {
  readonly max_segment_size: number;
  readonly seg_boundary_mask: number;
  readonly block_bytes: number;
  readonly metadata_bytes: number;
}

export interface BioFields {
  readonly vecs: readonly Part[];
  /** Number of bytes of the first vector that precede the bio. */
  readonly skipped: number;
  readonly bytes: number;
  readonly metadata: readonly Part[];
}

/** The request of an operation. */
export interface RequestFields {
  readonly write: boolean;
  readonly segments: number;
  readonly gap_bit: number;
  readonly bios: readonly BioFields[];
  /** A special payload in place of the bios' memory. */
  readonly special: Part | null;
}

type Named = Readonly<Record<string, unknown>>;

export type RequestOperation =
  | Named & RequestFields & {
    readonly op: "rq_map";
    /** Number of the DMA state that the request uses. */
    readonly tag: number;
    readonly metadata: boolean;
  }
  | Named & RequestFields & { readonly op: "rq_list"; readonly metadata: boolean }
  | Named & {
    readonly op: "rq_unmap";
    readonly tag: number;
    readonly write: boolean;
    readonly kind: PeerMapType;
    readonly pieces: readonly Part[];
  };

export class RequestModel {
  readonly #states = new Map<number, DmaIovaState>();
  readonly #blk: BlkDma;

  constructor(
    readonly machine: Machine,
    readonly dev: DmaDevice,
    readonly queue: QueueFields,
  ) {
    this.#blk = new BlkDma(machine);
  }

  run(line: RequestOperation): OperationResult {
    if (line.op === "rq_list") {
      const request = this.#request(line);
      const segments = line.metadata ? request.metadataSegments() : request.segments();
      return { list: segments.map(({ phys, sizeBytes }) => [phys, sizeBytes]) };
    }
    const state = this.#states.get(line.tag) ?? new DmaIovaState();
    this.#states.set(line.tag, state);
    if (line.op === "rq_map") return this.#map(line, state);
    return this.#unmap(line, state);
  }

  #map(line: RequestOperation & { op: "rq_map" }, state: DmaIovaState): OperationResult {
    const [blk, dev, iter] = [this.#blk, this.dev, new BlkDmaIter()];
    const request = this.#request(line);
    const { metadata } = line;
    const pieces: Part[] = [];
    let isMapped = blk.start(request, dev, state, iter, metadata);
    const oneRange = isMapped && blk.coalesce(state);
    while (isMapped) {
      pieces.push([iter.addr, iter.lengthBytes]);
      if (oneRange) break;
      isMapped = blk.next(request, dev, iter, metadata);
    }
    return { pieces, one_range: oneRange, status: isMapped ? 0 : iter.status, kind: iter.kind };
  }

  #unmap(line: RequestOperation & { op: "rq_unmap" }, state: DmaIovaState): OperationResult {
    const op = line.write ? "write" : "read";
    const request = new BlockRequest(this.dev.name, op, [], limitsOf(this.queue));
    const bytes = line.pieces.reduce((sum, [, each]) => sum + each, 0);
    const nothingLeft = this.#blk.unmap(request, this.dev, state, bytes, line.kind);
    for (const [dma, bytes] of nothingLeft ? [] : line.pieces) {
      const attrs = attributesOf(line.kind);
      this.machine.dma.dmaUnmapPhys(this.dev, dma as DmaAddr, bytes, opDirection(op), attrs);
    }
    return { nothing_left: nothingLeft };
  }

  #request({ bios, gap_bit, segments, special, write }: RequestFields): BlockRequest {
    const op = write ? "write" : "read";
    const made = bios.map((fields) => bioOf(fields, op));
    const request = new BlockRequest(this.dev.name, op, made, limitsOf(this.queue));
    request.nrPhysSegments = segments;
    request.nrIntegritySegments = bios.reduce((sum, { metadata }) => sum + metadata.length, 0);
    request.gapBit = gap_bit;
    if (special !== null) request.specialPayload = vecOf(special);
    return request;
  }
}

function limitsOf(
  { block_bytes, max_segment_size, metadata_bytes, seg_boundary_mask }: QueueFields,
) {
  return {
    maxSegmentSizeBytes: max_segment_size,
    segBoundaryMask: seg_boundary_mask,
    logicalBlockSizeBytes: block_bytes,
    metadataBytes: metadata_bytes,
    // All releases with the iterator join vectors inside a bio.
    joinsInsideBio: true,
  };
}

/** The number of segments that the block layer counts, vector by vector. */
export function segmentsOf(bios: readonly BioFields[], queue: QueueFields): number {
  const limits = limitsOf(queue);
  return bios.flatMap(({ vecs }) => vecs).reduce((sum, [, bytes], at, all) => {
    const bio = bioOf({ vecs: [all[at]!], bytes, skipped: 0, metadata: [] }, "read");
    return sum + new BlockRequest("", "read", [bio], limits).segments().length;
  }, 0);
}

export function bioOf({ bytes, metadata, skipped, vecs }: BioFields, op: "read" | "write"): Bio {
  const bio = new Bio(op, 0, vecs.map(vecOf), bytes);
  bio.vecDoneBytes = skipped;
  bio.metadata = metadata.map(vecOf);
  return bio;
}

function vecOf([phys, sizeBytes]: Part): BioVec {
  return { phys: phys as PhysAddr, sizeBytes };
}
