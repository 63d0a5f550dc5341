/**
 * A bio: one piece of block I/O as its submitter built it, before requests exist.
 *
 * A bio does not own its vectors: it is a window over a list of them. Therefore cutting a bio makes
 * a second window over the same list and copies nothing.
 */
import { type Bytes, PAGE_SIZE_BYTES, type PhysAddr, SECTOR_SIZE_BYTES } from "../address.ts";
import {
  DMA_BIDIRECTIONAL,
  DMA_FROM_DEVICE,
  DMA_TO_DEVICE,
  type DmaDirection,
} from "../dma/attributes.ts";

/** The operation of a bio or request. `drv_in` and `drv_out` are passthrough commands. */
export type BlockOp =
  | "read"
  | "write"
  | "flush"
  | "write_zeroes"
  | "discard"
  | "drv_in"
  | "drv_out";

/**
 * One physically contiguous run of host memory; it may be many pages long.
 *
 * The offset of a vector is that of its first byte in its 4 KiB page. After a cut, the remaining
 * part of the vector still counts its offset from that page, so the offset can exceed 4 KiB
 * (block.md 1.6).
 */
export interface BioVec {
  /** Its first byte. */
  readonly phys: PhysAddr;
  /** Its size. */
  readonly sizeBytes: Bytes;
}

/** The part of a vector that lies in a bio's window. */
export interface VecPart extends BioVec {
  /**
   * Offset of the part's first byte from the page in which the vector begins. It exceeds a page if
   * the front of the vector was cut off.
   */
  readonly offset: number;
}

/** Flags of a bio, inherited by its request. */
export const BIO_FLAG = {
  /** Fail rather than wait: a bio that must be cut ends with AGAIN. */
  NOWAIT: 1 << 0,
  /** All or nothing: a bio that must be cut ends with INVAL. */
  ATOMIC: 1 << 1,
  /** Never merged, because the bio has peer memory, or is the front part of a cut. */
  NOMERGE: 1 << 2,
  /** The data is written to the medium, not to its cache. */
  FUA: 1 << 3,
  /** The bio reads ahead, and may fail quickly. */
  READ_AHEAD: 1 << 4,
  /** A user passthrough command. */
  USER: 1 << 5,
} as const;

/**
 * The offset of a vector's first byte in its page. Cutting the address to 32 bits keeps the low
 * bits.
 */
export function vecOffset(phys: PhysAddr): number {
  return phys & (PAGE_SIZE_BYTES - 1);
}

/** The direction in which an operation moves data; bidirectional for an operation without data. */
export function opDirection(op: BlockOp): DmaDirection {
  switch (op) {
    case "read":
    case "drv_in":
      return DMA_FROM_DEVICE;
    case "write":
    case "drv_out":
    case "discard":
      return DMA_TO_DEVICE;
    default:
      return DMA_BIDIRECTIONAL;
  }
}

/** The vectors of a bio or request without memory. */
export const NO_VECS: readonly BioVec[] = [];

export class Bio {
  /** Index of the first vector of the window. */
  vecIndex = 0;
  /** Bytes of the first vector that lie before the window. */
  vecDoneBytes: Bytes = 0;
  /**
   * The gap bit: the position, counted from 1, of the lowest address bit that is set where a gap
   * between two vectors begins or ends; 0 if there is no gap.
   * @see gap_bit.ts
   */
  gapBit = 0;
  /** Metadata that goes with the window's blocks; empty for none. */
  metadata: readonly BioVec[] = NO_VECS;

  /**
   * @param op The operation.
   * @param sector Where on the disk, in sectors of 512 bytes.
   * @param vecs The memory, in order. The list is shared, and never changed.
   * @param sizeBytes Length of the window; also the length of an operation without memory.
   * @param flags Bits of `BIO_FLAG`.
   */
  constructor(
    readonly op: BlockOp,
    public sector: number,
    readonly vecs: readonly BioVec[],
    public sizeBytes: Bytes,
    public flags = 0,
  ) {}

  /** Address of the window's first byte. Only for a bio with memory. */
  get firstPhys(): PhysAddr {
    return (this.vecs[this.vecIndex]!.phys + this.vecDoneBytes) as PhysAddr;
  }

  /** The memory of the window, vector by vector; none for an operation without memory. */
  parts(): readonly VecPart[] {
    const parts: VecPart[] = [];
    this.eachPart((phys, offset, sizeBytes) => parts.push({ phys, offset, sizeBytes }));
    return parts;
  }

  /** Like `parts`, but allocates no list (`hunt.cases`). */
  eachPart(visit: (phys: PhysAddr, offset: number, sizeBytes: Bytes) => void): void {
    let leftBytes = this.sizeBytes;
    let doneBytes = this.vecDoneBytes;
    for (let index = this.vecIndex; leftBytes > 0 && index < this.vecs.length; index++) {
      const vec = this.vecs[index]!;
      const sizeBytes = Math.min(vec.sizeBytes - doneBytes, leftBytes);
      visit((vec.phys + doneBytes) as PhysAddr, vecOffset(vec.phys) + doneBytes, sizeBytes);
      leftBytes -= sizeBytes;
      doneBytes = 0;
    }
  }

  /** A separate window over the same vectors. The caller sets the clone's gap bit and metadata. */
  clone(sizeBytes: Bytes): Bio {
    const clone = new Bio(this.op, this.sector, this.vecs, sizeBytes, this.flags);
    clone.vecIndex = this.vecIndex;
    clone.vecDoneBytes = this.vecDoneBytes;
    return clone;
  }

  /** Moves the window's start forward, on the disk and in memory. */
  advance(sizeBytes: Bytes): void {
    this.sector += sizeBytes / SECTOR_SIZE_BYTES;
    this.sizeBytes -= sizeBytes;
    if (this.vecs.length === 0) return;
    let left = this.vecDoneBytes + sizeBytes;
    while (this.vecIndex < this.vecs.length && left >= this.vecs[this.vecIndex]!.sizeBytes) {
      left -= this.vecs[this.vecIndex]!.sizeBytes;
      this.vecIndex++;
    }
    this.vecDoneBytes = left;
  }
}

/** A byte range of a list of vectors, as vectors. */
export function sliceVecs(
  vecs: readonly BioVec[],
  startBytes: Bytes,
  sizeBytes: Bytes,
): readonly BioVec[] {
  const part: BioVec[] = [];
  let at = 0;
  for (const vec of vecs) {
    const from = Math.max(startBytes, at);
    const to = Math.min(startBytes + sizeBytes, at + vec.sizeBytes);
    if (from < to) part.push({ phys: (vec.phys + from - at) as PhysAddr, sizeBytes: to - from });
    at += vec.sizeBytes;
  }
  return part;
}

/** Sum of the vectors' lengths. */
export function vecsSizeBytes(vecs: readonly BioVec[]): Bytes {
  let sizeBytes = 0;
  for (const vec of vecs) sizeBytes += vec.sizeBytes;
  return sizeBytes;
}
