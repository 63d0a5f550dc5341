/**
 * Joins bios that follow each other on the disk into one request.
 *
 * @see rules/block.md 1.5
 */
import { addAll } from "../lists.ts";
import { type Bytes, type PhysAddr, SECTOR_SIZE_BYTES } from "../address.ts";
import { type EventFields, eventId } from "../event_vocabulary.ts";
import type { EventStream } from "../events.ts";
import { type Bio, BIO_FLAG, type BioVec, type BlockOp, vecOffset, type VecPart } from "./bio.ts";
import type { Kernel } from "../kernels/kernels.ts";
import { keepJoinedGap, pairGap } from "./gap_bit.ts";
import { canJoin } from "./segment_iterator.ts";
import { dereferenceNull } from "../warnings.ts";
import type { QueueLimits } from "./queue_limits.ts";
import type { BlockRequest } from "./request.ts";

const BLOCK_MERGE = eventId("block.merge");

/** How a bio joins a request: after it, before it, or, for discards, anywhere. */
type MergeEnd = "back" | "front" | "discard";

/** The reason why a bio may not join a request that it follows or precedes. */
export type MergeRefusal = Exclude<EventFields<"block.merge">["rule"], MergeEnd>;

/** Operations that are never merged. */
const SINGLE_OPS: ReadonlySet<BlockOp> = new Set(["flush", "write_zeroes", "drv_in", "drv_out"]);
/** Flags with which a bio is never merged. */
const SINGLE_FLAGS = BIO_FLAG.NOMERGE | BIO_FLAG.FUA | BIO_FLAG.USER;

const NOTHING: VecPart = { phys: 0 as PhysAddr, offset: 0, sizeBytes: 0 };

function whole(vec: BioVec): VecPart {
  return { ...vec, offset: vecOffset(vec.phys) };
}

/** Number of segments of a bio's metadata, where adjacent vectors count as one. */
export function integritySegments(bio: Bio, limits: QueueLimits): number {
  let segments = 0;
  let previous: BioVec | null = null;
  for (const vec of bio.metadata) {
    const joins = previous !== null &&
      canJoin(previous.phys, previous.sizeBytes, vec.phys, vec.sizeBytes, limits.segBoundaryMask);
    if (!joins) segments++;
    previous = vec;
  }
  return segments;
}

/** Number of metadata segments that is stored in a new request of one bio. */
export function countedIntegritySegments(kernel: Kernel, bio: Bio, limits: QueueLimits): number {
  return kernel.metadata_counted_at_join ? 0 : integritySegments(bio, limits);
}

/**
 * Setting that disables merging, with the kernel's numbers. 0 disables nothing. With 1, a bio can
 * join only a request in a plug, or the request joined last. 2 disables all merging.
 * @see rules/block.md 1.5
 */
export type NoMerges = 0 | 1 | 2;

/** Decides for one queue which bios and requests may be joined, and joins them. */
export class RequestMerger {
  /** Why the last call of `join` refused its bio; null where no check was needed. */
  refusal: MergeRefusal | null = null;

  readonly #limits: QueueLimits;
  readonly #kernel: Kernel;
  readonly #events: EventStream;
  readonly nomerges: NoMerges;
  /** True if a plug sends this queue's requests from the newest to the oldest. */
  readonly plugsNewestFirst: boolean;
  /**
   * The two vectors that would meet: the last vector of the earlier part, and, in `#next`, the
   * first vector of the later part.
   */
  #end = NOTHING;
  #next = NOTHING;

  constructor(limits: QueueLimits, kernel: Kernel, events: EventStream, nomerges: NoMerges) {
    this.#limits = limits;
    this.#kernel = kernel;
    this.#events = events;
    this.nomerges = nomerges;
    this.plugsNewestFirst = kernel.plug_newest_first;
  }

  /**
   * Joins a bio to a request that it follows or precedes, if the bio, the request and the queue
   * allow it.
   *
   * A bio that exceeds the request's limits closes the request: after that, no other bio can join
   * it. A gap does not close the request.
   *
   * @param request Not sent yet.
   * @param nrSegments The bio's data segments, as the splitter counted them.
   * @returns True when the bio is part of the request now.
   */
  join(request: BlockRequest, bio: Bio, nrSegments: number): boolean {
    this.refusal = null;
    if (this.nomerges === 2 || !mayMerge(request, bio)) return false;
    const side = this.#side(request, bio);
    if (side === null) return false;
    const refusal = this.refusal = side === "discard"
      ? this.#discardRefusal(request, bio)
      : this.#refusal(request, bio, nrSegments, side);
    if (this.#events.tick(BLOCK_MERGE)) this.#emit(request, bio, nrSegments, refusal ?? side);
    if (refusal !== null) return false;
    if (bio.vecs.length === 0 && this.#kernel.gap_bits_without_data && !this.#kernel.no_gap_bit) {
      dereferenceNull(
        this.#events,
        "attempt_merge",
        `bios of ${bio.op} have no vector to look at for gaps`,
      );
    }
    if (side === "discard") {
      request.bios.push(bio);
      return true;
    }
    if (bio.vecs.length !== 0) {
      keepJoinedGap(this.#kernel, request, bio.gapBit, this.#joinGap());
    }
    if (side === "back") request.bios.push(bio);
    else request.bios.unshift(bio);
    request.nrPhysSegments += nrSegments;
    request.nrIntegritySegments += integritySegments(bio, this.#limits);
    return true;
  }

  /**
   * Joins a request to the request before it on the disk, if both requests and the queue allow it.
   * If the two are too large for the limits, neither request is closed.
   *
   * @returns True when all bios of `second` are now part of `first`.
   */
  joinRequests(first: BlockRequest, second: BlockRequest): boolean {
    const [next] = second.bios;
    if (this.nomerges !== 0 || next === undefined || second.closed) return false;
    if (!mayMerge(first, next) || first.op === "discard") return false;
    const limits = this.#limits;
    this.#countMetadata(first);
    this.#countMetadata(second);
    const integrity = first.nrIntegritySegments + second.nrIntegritySegments;
    if ((first.nrIntegritySegments === 0) !== (second.nrIntegritySegments === 0)) return false;
    if (integrity !== 0 && integrity > limits.maxIntegritySegments) return false;
    if (first.bytes + second.bytes > this.#maxBytes(first)) return false;
    const segments = first.nrPhysSegments + second.nrPhysSegments;
    if (segments > limits.maxSegments || this.#gapRefusal(first.bios, next) !== null) return false;
    if (this.#events.tick(BLOCK_MERGE)) this.#emit(first, next, second.nrPhysSegments, "back");
    if (next.vecs.length !== 0) {
      keepJoinedGap(this.#kernel, first, second.gapBit, this.#joinGap());
    }
    addAll(first.bios, second.bios);
    first.nrPhysSegments = segments;
    first.nrIntegritySegments = integrity;
    return true;
  }

  /** The gap between the two vectors that meet, as a gap bit. */
  #joinGap(): number {
    return this.#touches() ? 0 : pairGap(this.#endOffset(), this.#next.offset);
  }

  #side(request: BlockRequest, bio: Bio): MergeEnd | null {
    if (request.op === "discard" && this.#limits.maxDiscardSegments > 1) return "discard";
    if (request.sector + request.bytes / SECTOR_SIZE_BYTES === bio.sector) return "back";
    return bio.sector + bio.sizeBytes / SECTOR_SIZE_BYTES === request.sector ? "front" : null;
  }

  /**
   * The reason to refuse a join. When there is no reason, `#end` and `#next` contain the two
   * vectors that meet.
   */
  #refusal(
    request: BlockRequest,
    bio: Bio,
    nrSegments: number,
    side: MergeEnd,
  ): MergeRefusal | null {
    const limits = this.#limits;
    const isCountedLate = this.#kernel.metadata_counted_at_join;
    if (isCountedLate) this.#countMetadata(request);
    // Metadata is checked first. A refusal for metadata does not close the request: in the
    // captures, such requests stay open.
    else if (!this.#integrityFits(request, bio)) return "integrity";
    const gap = side === "back"
      ? this.#gapRefusal(request.bios, bio)
      : this.#gapRefusal([bio], request.bios[0]!);
    if (gap !== null) return gap;
    const first = side === "back" ? request : bio;
    if (request.bytes + bio.sizeBytes > this.#maxBytes(first)) {
      return this.#close(request, "sectors");
    }
    if (isCountedLate && !this.#integrityFits(request, bio)) {
      return this.#close(request, "integrity");
    }
    const segments = request.nrPhysSegments + nrSegments;
    return segments > limits.maxSegments ? this.#close(request, "segments") : null;
  }

  /** Sets `#end` and `#next` to the two vectors that meet, and checks the gap between them. */
  #gapRefusal(first: readonly Bio[], later: Bio): MergeRefusal | null {
    const earlier = first[0]!;
    if (earlier.metadata.length !== 0) {
      this.#end = whole(earlier.metadata.at(-1)!);
      this.#next = whole(later.metadata[0]!);
      if (this.#gapAtBoundary(earlier.metadata[0]!.phys)) return "integrity_gap";
    }
    if (earlier.vecs.length === 0) return null;
    this.#end = first.at(-1)!.parts().at(-1)!;
    this.#next = later.parts()[0]!;
    return this.#gapAtBoundary(earlier.firstPhys) ? "gap" : null;
  }

  #discardRefusal(request: BlockRequest, bio: Bio): MergeRefusal | null {
    if (request.bios.length + 1 > this.#limits.maxDiscardSegments) {
      return this.#close(request, "ranges");
    }
    const tooMuch = request.bytes + bio.sizeBytes > this.#maxBytes(bio);
    return tooMuch ? this.#close(request, "sectors") : null;
  }

  #close(request: BlockRequest, refusal: MergeRefusal): MergeRefusal {
    request.closed = true;
    return refusal;
  }

  #countMetadata(request: BlockRequest): void {
    if (!this.#kernel.metadata_counted_at_join || request.nrIntegritySegments !== 0) return;
    for (const bio of request.bios) {
      request.nrIntegritySegments += integritySegments(bio, this.#limits);
    }
  }

  /**
   * True if the request and the bio both have metadata or both lack it, and if together they do not
   * have more than the queue takes.
   */
  #integrityFits(request: BlockRequest, bio: Bio): boolean {
    const segments = integritySegments(bio, this.#limits);
    if ((segments === 0) !== (request.nrIntegritySegments === 0)) return false;
    return request.nrIntegritySegments + segments <= this.#limits.maxIntegritySegments ||
      segments === 0;
  }

  /**
   * True if there is a gap at the virtual boundary, or if the joined request does not begin on this
   * boundary, even where the vectors touch.
   */
  #gapAtBoundary(firstPhys: PhysAddr): boolean {
    const unit = this.#limits.virtBoundaryMask + 1;
    if (firstPhys % unit !== 0) return true;
    if (this.#touches()) return false;
    return this.#endOffset() % unit !== 0 || this.#next.offset % unit !== 0;
  }

  /** Where in its page the joined request would begin. */
  #firstOffset(request: BlockRequest, bio: Bio): number {
    return (bio.sector < request.sector ? bio : request.bios[0]!).parts()[0]!.offset;
  }

  #touches(): boolean {
    const { phys, sizeBytes } = this.#end;
    const next = this.#next;
    return canJoin(phys, sizeBytes, next.phys, next.sizeBytes, this.#limits.segBoundaryMask);
  }

  #endOffset(): number {
    return this.#end.offset + this.#end.sizeBytes;
  }

  /** The maximum length of a request that starts at this sector. */
  #maxBytes({ op, sector }: { readonly op: BlockOp; readonly sector: number }): Bytes {
    const { chunkSectors, maxSectors, maxDiscardSectors } = this.#limits;
    if (op === "discard") return maxDiscardSectors * SECTOR_SIZE_BYTES;
    const sectors = chunkSectors === 0
      ? maxSectors
      : Math.min(maxSectors, chunkSectors - sector % chunkSectors);
    return sectors * SECTOR_SIZE_BYTES;
  }

  #emit(request: BlockRequest, bio: Bio, nrSegments: number, rule: MergeEnd | MergeRefusal): void {
    const limits = this.#limits;
    const joined = rule === "back" || rule === "front" || rule === "discard";
    const outer = this.#events.context.enterRequest(request.id);
    this.#events.emit(
      BLOCK_MERGE,
      { rule, joined },
      {
        rule: "block.1.5",
        inputs: {
          request: request.id,
          bytes: request.bytes + bio.sizeBytes,
          max_sectors: limits.maxSectors,
          segments: request.nrPhysSegments + nrSegments,
          max_segments: limits.maxSegments,
          virt_boundary_mask: limits.virtBoundaryMask,
          ...rule === "discard" || bio.vecs.length === 0 ? {} : {
            first_offset: this.#firstOffset(request, bio),
            end_offset: this.#endOffset(),
            next_offset: this.#next.offset,
          },
        },
      },
    );
    this.#events.context.leaveRequest(outer);
  }
}

/** Whether bio and request are of compatible kinds, regardless of where they lie. */
function mayMerge(request: BlockRequest, bio: Bio): boolean {
  if (request.closed || request.op !== bio.op || SINGLE_OPS.has(bio.op)) return false;
  if (request.specialPayload !== null || request.mapped || request.cid !== null) return false;
  const first = request.bios[0];
  if (first === undefined || ((first.flags | bio.flags) & SINGLE_FLAGS) !== 0) return false;
  return ((first.flags ^ bio.flags) & BIO_FLAG.ATOMIC) === 0;
}
