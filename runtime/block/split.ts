/**
 * Cuts bios to the limits of a queue, and counts the segments of each piece.
 *
 * @see rules/block.md 1.3
 */
import { alignDown, type Bytes, type PhysAddr, SECTOR_SIZE_BYTES } from "../address.ts";
import { BLK_STS, type BlkStatus } from "../errno.ts";
import { type EventFields, eventId } from "../event_vocabulary.ts";
import type { EventStream } from "../events.ts";
import { type Bio, BIO_FLAG, vecOffset } from "./bio.ts";
import type { Kernel } from "../kernels/kernels.ts";
import { keepCutGap, lowerGap, pairGap } from "./gap_bit.ts";
import { distanceToBoundary } from "./segment_iterator.ts";
import type { QueueLimits } from "./queue_limits.ts";

const SECTOR_BYTES = SECTOR_SIZE_BYTES;

const LIMIT_OF = {
  max_sectors: "maxSectors",
  chunk_sectors: "chunkSectors",
  max_segments: "maxSegments",
  virt_boundary: "virtBoundaryMask",
  max_discard_sectors: "maxDiscardSectors",
  max_write_zeroes_sectors: "maxWriteZeroesSectors",
} as const satisfies Record<CutRule, keyof QueueLimits>;

const BLOCK_SPLIT = eventId("block.split");

/** The rule that ended the walk over a bio's vectors. */
type CutRule = EventFields<"block.split">["rule"];

/** The reason why a bio is unfit for the queue, cut or not. @see rules/block.md 1.3 */
export type BioRefusal =
  /** Memory is not aligned as the device needs it. */
  | "alignment"
  /** The bio would have to be cut, but a user's command is never cut. */
  | "uncut_command"
  /** The bio would have to be cut, but is atomic. */
  | "atomic"
  /** The bio would have to be cut, but may not wait. */
  | "nowait"
  /** Not even one logical block fits. */
  | "below_a_block"
  /** The disk does not support the operation. */
  | "unsupported";

/**
 * Cuts bios into pieces that fit the queue.
 *
 * @example
 * ```ts ignore
 * for (;;) {
 *   const piece = splitter.next(bio);
 *   if (piece === null) return splitter.status;
 *   issue(piece, splitter.nrSegments);
 *   if (piece === bio) break;
 * }
 * ```
 */
export class BioSplitter {
  /** Number of segments of the piece that `next` returned. */
  nrSegments = 0;
  /** The status of a bio that `next` refused. */
  status: BlkStatus = BLK_STS.OK;
  /** Why `next` refused the bio. */
  refusal: BioRefusal = "alignment";

  readonly #limits: QueueLimits;
  readonly #kernel: Kernel;
  readonly #events: EventStream;
  /** Results of the walk over a bio: bytes that fit, gap bit, and the rule that ended the walk. */
  #fittingBytes: Bytes = 0;
  #walkedGap = 0;
  #rule: CutRule = "max_sectors";
  /** The rule that set the walk's byte limit. */
  #byteRule: CutRule = "max_sectors";

  constructor(limits: QueueLimits, kernel: Kernel, events: EventStream) {
    this.#limits = limits;
    this.#kernel = kernel;
    this.#events = events;
  }

  /**
   * Cuts off and returns the largest front piece of a bio that the queue can carry.
   *
   * @returns The bio itself when it fits. Otherwise a clone of the bio's front; the bio is moved
   *   past that front. Null when the bio must be refused, with `status` set.
   */
  next(bio: Bio): Bio | null {
    switch (bio.op) {
      case "read":
      case "write":
      case "drv_in":
      case "drv_out":
        return this.#fitsAtOnce(bio) ? this.#lone(bio) : this.#nextWithData(bio);
      case "discard":
        return this.#nextDiscard(bio);
      case "write_zeroes":
        return this.#nextOfSectors(
          bio,
          this.#limits.maxWriteZeroesSectors,
          "max_write_zeroes_sectors",
        );
      case "flush":
        this.nrSegments = 0;
        return bio;
    }
  }

  /**
   * The fast path: whether a bio is a lone vector that fits without a walk. Leaves the gap bit
   * unchanged.
   */
  #fitsAtOnce(bio: Bio): boolean {
    const limits = this.#limits;
    if (limits.chunkSectors !== 0) return false;
    const vec = bio.vecs[bio.vecIndex];
    if (vec === undefined || bio.sizeBytes > vec.sizeBytes - bio.vecDoneBytes) return false;
    const offset = vecOffset(bio.firstPhys);
    return ((offset | bio.sizeBytes) & limits.dmaAlignmentMask) === 0 &&
      offset + bio.sizeBytes <= limits.maxFastSegmentSizeBytes;
  }

  #lone(bio: Bio): Bio {
    this.nrSegments = 1;
    return bio;
  }

  #nextWithData(bio: Bio): Bio | null {
    const passthrough = bio.op === "drv_in" || bio.op === "drv_out";
    const maxBytes = passthrough ? this.#limits.maxHwSectors * SECTOR_BYTES : this.#maxBytes(bio);
    const lengthMask = passthrough ? 0 : this.#limits.dmaAlignmentMask;
    if (!this.#walk(bio, maxBytes, lengthMask)) {
      return this.#refuse(BLK_STS.INVAL, "alignment");
    }
    if (this.#fittingBytes === bio.sizeBytes) {
      if (!this.#kernel.no_gap_bit) bio.gapBit = this.#walkedGap;
      return bio;
    }
    if (passthrough) return this.#refuse(BLK_STS.INVAL, "uncut_command");
    const fitting = alignDown(this.#fittingBytes, this.#limits.logicalBlockSizeBytes);
    return this.#cut(bio, fitting);
  }

  /** Largest size in bytes of a bio that starts at this bio's sector (1.3, maximum bytes). */
  #maxBytes(bio: Bio): Bytes {
    const limits = this.#limits;
    this.#byteRule = "max_sectors";
    let sectors = limits.maxSectors;
    if (limits.chunkSectors !== 0) {
      const leftInChunk = limits.chunkSectors - (bio.sector % limits.chunkSectors);
      if (leftInChunk < sectors) {
        sectors = leftInChunk;
        this.#byteRule = "chunk_sectors";
      }
    }
    const physicalSectors = limits.physicalBlockSizeBytes / SECTOR_BYTES;
    const start = bio.sector % physicalSectors;
    const end = alignDown(start + sectors, physicalSectors);
    const fitting = end > start
      ? end - start
      : alignDown(sectors, limits.logicalBlockSizeBytes / SECTOR_BYTES);
    return fitting * SECTOR_BYTES;
  }

  /**
   * Visits the vectors that fit, and stores their total bytes, segments and gap bit in fields.
   * @returns False when a vector's alignment makes the bio invalid.
   */
  #walk(bio: Bio, maxBytes: Bytes, lengthMask: number): boolean {
    const limits = this.#limits;
    const virtMask = limits.virtBoundaryMask;
    let segments = 0;
    let bytes = 0;
    let gap = 0;
    let previousEnd = -1;
    let leftBytes = bio.sizeBytes;
    let doneBytes = bio.vecDoneBytes;
    for (let index = bio.vecIndex; leftBytes > 0; index++) {
      const vec = bio.vecs[index]!;
      const phys = (vec.phys + doneBytes) as PhysAddr;
      const offset = vecOffset(vec.phys) + doneBytes;
      const length = Math.min(vec.sizeBytes - doneBytes, leftBytes);
      if ((offset & limits.dmaAlignmentMask) !== 0 || length % (lengthMask + 1) !== 0) return false;
      if (previousEnd >= 0) {
        if (((offset | previousEnd) & virtMask) !== 0) {
          this.#rule = "virt_boundary";
          break;
        }
        gap = lowerGap(gap, pairGap(previousEnd, offset));
      }
      if (
        segments < limits.maxSegments && bytes + length <= maxBytes &&
        offset + length <= limits.maxFastSegmentSizeBytes
      ) {
        segments++;
        bytes += length;
      } else {
        const room = Math.min(length, maxBytes - bytes);
        let taken = 0;
        let unaligned = false;
        while (taken < room && segments < limits.maxSegments && !unaligned) {
          const at = (phys + taken) as PhysAddr;
          taken += Math.min(
            room - taken,
            limits.maxSegmentSizeBytes,
            distanceToBoundary(at, limits.segBoundaryMask),
          );
          segments++;
          unaligned = ((offset + taken) & virtMask) !== 0;
        }
        bytes += taken;
        if (taken < length) {
          this.#rule = this.#stoppedBy(taken, room, segments);
          break;
        }
      }
      previousEnd = offset + length;
      leftBytes -= length;
      doneBytes = 0;
    }
    this.nrSegments = segments;
    this.#fittingBytes = bytes;
    this.#walkedGap = gap;
    return true;
  }

  #stoppedBy(takenBytes: Bytes, roomBytes: Bytes, segments: number): CutRule {
    if (takenBytes === roomBytes) return this.#byteRule;
    return segments === this.#limits.maxSegments ? "max_segments" : "virt_boundary";
  }

  #nextDiscard(bio: Bio): Bio | null {
    const limits = this.#limits;
    const granularity = Math.max(1, limits.discardGranularityBytes / SECTOR_BYTES);
    const most = alignDown(limits.maxDiscardSectors, granularity);
    const sectors = bio.sizeBytes / SECTOR_BYTES;
    let fitting = most;
    if (sectors > most) {
      const beyond = (bio.sector + most) % granularity;
      if (fitting > beyond) fitting -= beyond;
    }
    const piece = this.#nextOfSectors(bio, fitting, "max_discard_sectors");
    // A discard's list of ranges is one segment, however many ranges it contains (nvme.md 2.2).
    this.nrSegments = 1;
    return piece;
  }

  /**
   * For operations without vectors: cut by length alone; a limit of 0 means that the queue cannot
   * take the operation.
   */
  #nextOfSectors(bio: Bio, sectors: number, rule: CutRule): Bio | null {
    this.nrSegments = 0;
    this.#walkedGap = 0;
    if (sectors === 0) return this.#refuse(BLK_STS.NOTSUPP, "unsupported");
    if (bio.sizeBytes <= sectors * SECTOR_BYTES) return bio;
    this.#rule = rule;
    return this.#cut(bio, sectors * SECTOR_BYTES);
  }

  #cut(bio: Bio, frontBytes: Bytes): Bio | null {
    if ((bio.flags & BIO_FLAG.ATOMIC) !== 0) {
      return this.#refuse(BLK_STS.INVAL, "atomic");
    }
    if ((bio.flags & BIO_FLAG.NOWAIT) !== 0) return this.#refuse(BLK_STS.AGAIN, "nowait");
    if (frontBytes === 0) return this.#refuse(BLK_STS.INVAL, "below_a_block");
    const front = bio.clone(frontBytes);
    front.flags |= BIO_FLAG.NOMERGE;
    bio.advance(frontBytes);
    keepCutGap(this.#kernel, front, bio, this.#walkedGap);
    if (this.#events.tick(BLOCK_SPLIT)) this.#emitSplit(front, bio);
    return front;
  }

  /** @param rest The remaining bio, which begins at the cut. */
  #emitSplit(front: Bio, rest: Bio): void {
    const limit = this.#limits[LIMIT_OF[this.#rule]];
    const next = rest.vecs[rest.vecIndex];
    const before = rest.vecDoneBytes === 0 ? rest.vecs[rest.vecIndex - 1] : next;
    const place = next === undefined || before === undefined ? {} : {
      piece: rest.vecIndex,
      piece_done_bytes: rest.vecDoneBytes,
      ends_at_bytes: vecOffset((before.phys + (rest.vecDoneBytes || before.sizeBytes)) as PhysAddr),
      begins_at_bytes: vecOffset((next.phys + rest.vecDoneBytes) as PhysAddr),
    };
    this.#events.emit(
      BLOCK_SPLIT,
      { at_sectors: front.sizeBytes / SECTOR_BYTES, rule: this.#rule, limit },
      {
        rule: "block.1.3",
        inputs: {
          [this.#rule]: limit,
          segments: this.nrSegments,
          fitting_bytes: front.sizeBytes,
          ...place,
        },
      },
    );
  }

  #refuse(status: BlkStatus, refusal: BioRefusal): null {
    this.status = status;
    this.refusal = refusal;
    return null;
  }
}
