/**
 * Walks a request's memory as physical segments, joining adjacent pieces.
 *
 * @see rules/block.md 2.1
 */
import type { Bytes, PhysAddr } from "../address.ts";
import { type BioVec, NO_VECS, vecsSizeBytes } from "./bio.ts";
import type { BlockRequest } from "./request.ts";

export interface SegmentLimits {
  readonly maxSegmentSizeBytes: Bytes;
  /** A segment may not cross a multiple of `segBoundaryMask + 1`, in physical addresses. */
  readonly segBoundaryMask: number;
  /**
   * True if adjacent memory inside a bio becomes one segment. False in 6.12, which joins memory
   * only where two bios meet.
   */
  readonly joinsInsideBio: boolean;
}

/** The longest segment that the 32-bit length of an iterator step can express. */
const SEGMENT_LIMIT_BYTES = 2 ** 32 - 1;

/** A reusable iterator: `start` restarts it on any request. */
export class SegmentIterator {
  /** The step's segment; meaningful after `next` returned true. */
  phys = 0 as PhysAddr;
  sizeBytes: Bytes = 0;

  #request: BlockRequest | null = null;
  /** Walks the bios' metadata rather than their data. */
  #metadata = false;
  #bioIndex = 0;
  /**
   * The current source of segments (the data or metadata of a bio, or the special payload): its
   * vectors, the position in them, and the bytes left.
   */
  #vecs: readonly BioVec[] = NO_VECS;
  #vecIndex = 0;
  #vecDoneBytes: Bytes = 0;
  #leftBytes: Bytes = 0;
  /** The position in the vectors where the current source begins. */
  #startIndex = 0;
  #startBytes: Bytes = 0;

  /** Goes to the first byte of the request's data, or of its metadata. */
  start(request: BlockRequest, metadata = false): void {
    this.#request = request;
    this.#metadata = metadata;
    this.#bioIndex = -1;
    this.#leftBytes = 0;
    const special = metadata ? null : request.specialPayload;
    if (special === null) {
      this.#nextBio();
    } else {
      this.#bioIndex = request.bios.length;
      this.#enter([special], 0, 0, special.sizeBytes);
    }
  }

  /**
   * Steps to the next segment and puts it into `phys` and `sizeBytes`.
   * @returns False when there are no more segments.
   */
  next(): boolean {
    if (this.#leftBytes === 0) return false;
    const limits = this.#request!.limits;
    const phys = this.#phys();
    const capBytes = Math.min(
      SEGMENT_LIMIT_BYTES,
      limits.maxSegmentSizeBytes,
      distanceToBoundary(phys, limits.segBoundaryMask),
    );
    let sizeBytes = Math.min(this.#vecLeftBytes(), capBytes);
    this.#advance(sizeBytes);
    while (this.#leftBytes !== 0 && this.#mayJoin(limits)) {
      const moreBytes = this.#vecLeftBytes();
      if (sizeBytes + moreBytes > capBytes) break;
      if (!canJoin(phys, sizeBytes, this.#phys(), moreBytes, limits.segBoundaryMask)) break;
      sizeBytes += moreBytes;
      this.#advance(moreBytes);
    }
    this.phys = phys;
    this.sizeBytes = sizeBytes;
    return true;
  }

  #phys(): PhysAddr {
    return (this.#vecs[this.#vecIndex]!.phys + this.#vecDoneBytes) as PhysAddr;
  }

  #vecLeftBytes(): Bytes {
    return Math.min(this.#vecs[this.#vecIndex]!.sizeBytes - this.#vecDoneBytes, this.#leftBytes);
  }

  /** True at the start of a vector that may be joined to the current segment. */
  #mayJoin(limits: SegmentLimits): boolean {
    if (!this.#atVecStart()) return false;
    // Metadata is joined inside a bio in every release.
    return limits.joinsInsideBio || this.#metadata || this.#vecIndex === this.#startIndex;
  }

  /** True when no byte of the current vector has been consumed yet. */
  #atVecStart(): boolean {
    return this.#vecDoneBytes === (this.#vecIndex === this.#startIndex ? this.#startBytes : 0);
  }

  #enter(vecs: readonly BioVec[], index: number, doneBytes: Bytes, leftBytes: Bytes): void {
    this.#vecs = vecs;
    this.#vecIndex = index;
    this.#vecDoneBytes = doneBytes;
    this.#leftBytes = leftBytes;
    this.#startIndex = index;
    this.#startBytes = doneBytes;
  }

  #advance(sizeBytes: Bytes): void {
    this.#leftBytes -= sizeBytes;
    this.#vecDoneBytes += sizeBytes;
    if (this.#vecDoneBytes === this.#vecs[this.#vecIndex]!.sizeBytes) {
      this.#vecIndex++;
      this.#vecDoneBytes = 0;
    }
    if (this.#leftBytes === 0) this.#nextBio();
  }

  #nextBio(): void {
    const bios = this.#request!.bios;
    while (this.#leftBytes === 0 && this.#bioIndex + 1 < bios.length) {
      const bio = bios[++this.#bioIndex]!;
      if (this.#metadata) {
        this.#enter(bio.metadata, 0, 0, vecsSizeBytes(bio.metadata));
      } else if (bio.vecs.length > 0) {
        this.#enter(bio.vecs, bio.vecIndex, bio.vecDoneBytes, bio.sizeBytes);
      }
    }
  }
}

/** Bytes from `phys` to the next multiple of `boundaryMask + 1`; at least 1. */
export function distanceToBoundary(phys: PhysAddr, boundaryMask: number): Bytes {
  const boundaryBytes = boundaryMask + 1;
  return boundaryBytes - (phys % boundaryBytes);
}

/**
 * True when the second run starts where the first run ends, and both runs lie inside the same
 * boundary block.
 */
export function canJoin(
  firstPhys: PhysAddr,
  firstBytes: Bytes,
  secondPhys: PhysAddr,
  secondBytes: Bytes,
  boundaryMask: number,
): boolean {
  return firstPhys + firstBytes === secondPhys &&
    firstBytes + secondBytes <= distanceToBoundary(firstPhys, boundaryMask);
}
