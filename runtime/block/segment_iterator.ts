/**
 * Walks a request's memory as physical segments, joining what touches.
 *
 * @see behaviour/block.md 2.1
 */
import type { Bytes, PhysAddr } from "../address.ts";
import type { BioVec } from "./bio.ts";
import { canJoin, distanceToBoundary } from "./mergeable.ts";
import type { BlockRequest } from "./request.ts";

/** What bounds a segment. */
export interface SegmentLimits {
  readonly maxSegmentSizeBytes: Bytes;
  /** A segment may not cross a multiple of this plus one, in physical addresses. */
  readonly segBoundaryMask: number;
}

/** The longest segment that the 32-bit length of an iterator step can say. */
const SEGMENT_LIMIT_BYTES = 2 ** 32 - 1;

/** Reusable: `start` begins anew on any request. */
export class SegmentIterator {
  /** The step's segment; meaningful after `next` returned true. */
  phys = 0 as PhysAddr;
  sizeBytes: Bytes = 0;

  #request: BlockRequest | null = null;
  #bioIndex = 0;
  /** Of the current source: vectors, position in them, and bytes left in its window. */
  #vecs: readonly BioVec[] = [];
  #vecIndex = 0;
  #vecDoneBytes: Bytes = 0;
  #leftBytes: Bytes = 0;

  /** Goes to the request's first byte. */
  start(request: BlockRequest): void {
    this.#request = request;
    const special = request.specialPayload;
    if (special !== null) {
      this.#bioIndex = request.bios.length;
      this.#vecs = [special];
      this.#vecIndex = 0;
      this.#vecDoneBytes = 0;
      this.#leftBytes = special.sizeBytes;
      return;
    }
    this.#bioIndex = -1;
    this.#vecs = [];
    this.#leftBytes = 0;
    this.#nextBio();
  }

  /**
   * Steps to the next segment and puts it into `phys` and `sizeBytes`.
   * @returns False when there is no more.
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
    while (this.#leftBytes !== 0 && this.#vecDoneBytes === this.#windowStartBytes()) {
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

  /** Where the current vector begins in the current bio's window: 0 but for its first vector. */
  #windowStartBytes(): Bytes {
    const bio = this.#request!.bios[this.#bioIndex];
    return bio !== undefined && bio.vecIndex === this.#vecIndex ? bio.vecDoneBytes : 0;
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
      if (bio.vecs.length === 0) continue;
      this.#vecs = bio.vecs;
      this.#vecIndex = bio.vecIndex;
      this.#vecDoneBytes = bio.vecDoneBytes;
      this.#leftBytes = bio.sizeBytes;
    }
  }
}
