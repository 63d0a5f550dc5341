/**
 * Builds bios from the memory of a system call, as direct I/O does.
 *
 * @see rules/block.md 1.4
 */
import type { Kernel } from "@dmalab/runtime/kernels";
import { alignDown, type Bytes, PAGE_SIZE_BYTES, type PhysAddr } from "@dmalab/runtime";
import { Bio, BIO_FLAG, type BioVec, type BlockOp, vecOffset } from "@dmalab/runtime/block";

/** The most vectors that one bio has. */
export const MAX_BIO_VECS = 256;

/** Physically contiguous memory behind a part of a caller's buffer. */
export interface UserRun {
  readonly phys: PhysAddr;
  readonly sizeBytes: Bytes;
  /** Size of the folios it consists of, aligned to itself: a page, or a large page. */
  readonly folioBytes: Bytes;
  /** Names the provider of peer memory; null for host memory. */
  readonly provider: string | null;
}

/** One buffer of the caller's list: contiguous for the caller, anywhere in physical memory. */
export type UserPiece = readonly UserRun[];

/**
 * Which pages of a buffer become one vector.
 *
 * `"folio"`: those that lie in one folio and were looked up together; a bio's lookup takes as many
 * pages of one buffer as the bio has vectors left. `"contiguous"`: all that follow each other
 * physically, across buffers too.
 */
export type PageJoin = "folio" | "contiguous";

/** What direct I/O does differently on 6.12, whose bios join no vectors of their own. */
export function directIoRules(
  kernel: Kernel,
): { readonly pageJoin: PageJoin; readonly alignsEveryBuffer: boolean } {
  return kernel.vectors_stay_apart
    ? { pageJoin: "contiguous", alignsEveryBuffer: true }
    : { pageJoin: "folio", alignsEveryBuffer: false };
}

/** Takes bios off the front of a caller's list of buffers. */
export class BioBuilder {
  #pieceIndex = 0;
  #runIndex = 0;
  #runDoneBytes: Bytes = 0;
  #leftBytes: Bytes = 0;

  /**
   * @param pieces The caller's buffers, none of them empty.
   * @param blockBytes Every bio is a multiple of this long; 1 where that does not matter.
   */
  constructor(
    private readonly pieces: readonly UserPiece[],
    private readonly join: PageJoin,
    private readonly blockBytes: Bytes,
  ) {
    for (const { sizeBytes } of pieces.flat()) this.#leftBytes += sizeBytes;
  }

  /** Bytes that no bio has taken yet. */
  get leftBytes(): Bytes {
    return this.#leftBytes;
  }

  /** Pages that no bio has taken yet; one that a bio took a part of counts. */
  get leftPages(): number {
    let pages = 0;
    for (let index = this.#pieceIndex; index < this.pieces.length; index++) {
      const started = index === this.#pieceIndex;
      const piece = this.pieces[index]!;
      for (let run = started ? this.#runIndex : 0; run < piece.length; run++) {
        const doneBytes = started && run === this.#runIndex ? this.#runDoneBytes : 0;
        const { phys, sizeBytes } = piece[run]!;
        const offset = vecOffset((phys + doneBytes) as PhysAddr);
        pages += Math.ceil((offset + sizeBytes - doneBytes) / PAGE_SIZE_BYTES);
      }
    }
    return pages;
  }

  /**
   * Builds the next bio: as long as its vectors reach, and of one kind of memory.
   *
   * @returns The bio, or null when its vectors do not hold a single block.
   */
  next(op: BlockOp, sector: number): Bio | null {
    const maxVecs = Math.min(MAX_BIO_VECS, this.leftPages);
    const vecs: BioVec[] = [];
    const provider = this.#run()?.provider ?? null;
    let sizeBytes = 0;
    while (this.#leftBytes > 0 && vecs.length < maxVecs && this.#run()!.provider === provider) {
      sizeBytes += this.#lookUp(vecs, maxVecs);
    }
    const excessBytes = sizeBytes - alignDown(sizeBytes, this.blockBytes);
    if (excessBytes > 0) this.#giveBack(vecs, excessBytes);
    if (sizeBytes === excessBytes) return null;
    const flags = provider === null ? 0 : BIO_FLAG.NOMERGE;
    return new Bio(op, sector, vecs, sizeBytes - excessBytes, flags);
  }

  /** Adds the pages of one buffer, no more than vectors are left. */
  #lookUp(vecs: BioVec[], maxVecs: number): Bytes {
    const piece = this.#pieceIndex;
    const provider = this.#run()!.provider;
    let pages = maxVecs - vecs.length;
    let sizeBytes = 0;
    const touching = this.join === "contiguous";
    while (pages > 0 && this.#leftBytes > 0 && this.#pieceIndex === piece) {
      const run = this.#run()!;
      if (run.provider !== provider) break;
      const phys = (run.phys + this.#runDoneBytes) as PhysAddr;
      const offset = vecOffset(phys);
      const limitBytes = Math.min(pages * PAGE_SIZE_BYTES - offset, this.#folioLeft(run, phys));
      const takenBytes = Math.min(run.sizeBytes - this.#runDoneBytes, limitBytes);
      const pageCount = Math.ceil((offset + takenBytes) / PAGE_SIZE_BYTES);
      const last = vecs.at(-1);
      if (touching && last !== undefined && last.phys + last.sizeBytes === phys) {
        vecs[vecs.length - 1] = { phys: last.phys, sizeBytes: last.sizeBytes + takenBytes };
      } else {
        if (vecs.length === maxVecs) break;
        vecs.push({ phys, sizeBytes: takenBytes });
      }
      this.#take(takenBytes);
      pages -= pageCount;
      sizeBytes += takenBytes;
    }
    return sizeBytes;
  }

  /** Bytes up to the end of the folio; without end where folios do not matter. */
  #folioLeft({ folioBytes }: UserRun, phys: PhysAddr): Bytes {
    return this.join === "contiguous" ? Infinity : folioBytes - phys % folioBytes;
  }

  #take(sizeBytes: Bytes): void {
    this.#leftBytes -= sizeBytes;
    this.#runDoneBytes += sizeBytes;
    const piece = this.pieces[this.#pieceIndex]!;
    if (this.#runDoneBytes < piece[this.#runIndex]!.sizeBytes) return;
    this.#runDoneBytes = 0;
    this.#runIndex++;
    if (this.#runIndex < piece.length) return;
    this.#runIndex = 0;
    this.#pieceIndex++;
  }

  /** Leaves the end of a bio, which is no whole block, to the next one. */
  #giveBack(vecs: BioVec[], sizeBytes: Bytes): void {
    let leftBytes = sizeBytes;
    while (leftBytes > 0) {
      const last = vecs.pop()!;
      const droppedBytes = Math.min(last.sizeBytes, leftBytes);
      if (droppedBytes < last.sizeBytes) {
        vecs.push({ phys: last.phys, sizeBytes: last.sizeBytes - droppedBytes });
      }
      leftBytes -= droppedBytes;
    }
    this.#moveBack(sizeBytes);
  }

  #moveBack(sizeBytes: Bytes): void {
    this.#leftBytes += sizeBytes;
    let leftBytes = sizeBytes;
    while (leftBytes > 0) {
      if (this.#runDoneBytes === 0) {
        if (this.#runIndex === 0) this.#runIndex = this.pieces[--this.#pieceIndex]!.length;
        this.#runIndex--;
        this.#runDoneBytes = this.#run()!.sizeBytes;
      }
      const stepBytes = Math.min(this.#runDoneBytes, leftBytes);
      this.#runDoneBytes -= stepBytes;
      leftBytes -= stepBytes;
    }
  }

  #run(): UserRun | undefined {
    return this.pieces[this.#pieceIndex]?.[this.#runIndex];
  }
}
