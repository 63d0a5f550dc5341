/**
 * Builds bios from the memory of a system call, as direct I/O does.
 *
 * @see rules/block.md 1.4
 */
import type { Kernel } from "@dmalab/runtime/kernels";
import {
  alignDown,
  Bio,
  BIO_FLAG,
  type BioVec,
  type BlockOp,
  type Bytes,
  PAGE_SIZE_BYTES,
  type PhysAddr,
  vecOffset,
} from "@dmalab/runtime";

/** Largest number of vectors in one bio. */
export const MAX_BIO_VECS = 256;

/** A physically contiguous part of a caller's buffer. */
export interface UserRun {
  readonly phys: PhysAddr;
  readonly sizeBytes: Bytes;
  /** Size of the run's folios, which is also the folios' alignment: a page, or a large page. */
  readonly folioBytes: Bytes;
  /** Name of the provider of peer memory; null for host memory. */
  readonly provider: string | null;
}

/** One buffer of the caller's list: contiguous for the caller, anywhere in physical memory. */
export type UserPiece = readonly UserRun[];

/**
 * Which pages of a buffer become one vector.
 *
 * `"folio"`: pages that lie in one folio and come from one lookup. A lookup takes pages of only one
 * buffer, and at most as many pages as there are vectors left in the bio. `"contiguous"`: all
 * physically contiguous pages, even if they belong to different buffers.
 */
export type PageJoin = "folio" | "contiguous";

/**
 * Which pages a release joins in direct I/O. Releases with `vectors_stay_apart`, such as 6.12, do
 * not join the vectors of a bio when they map the bio. Instead, these releases join adjacent pages
 * when they build the bio.
 */
export function pageJoinOf(kernel: Kernel): PageJoin {
  return kernel.vectors_stay_apart ? "contiguous" : "folio";
}

/** A run of a caller's list, with its position in the list. */
interface ListedRun extends UserRun {
  /** Index of the buffer that contains the run. */
  readonly piece: number;
  /** Bytes of the list up to the end of this run. */
  readonly endBytes: Bytes;
}

/** Builds bios from the front of a caller's list of buffers. */
export class BioBuilder {
  readonly #runs: readonly ListedRun[];
  readonly #totalBytes: Bytes;
  #doneBytes: Bytes = 0;
  /** Index of the run with the next byte, or of an earlier run. */
  #runIndex = 0;

  /**
   * @param pieces The caller's buffers, none of them empty.
   * @param blockBytes The length of every bio is a multiple of this; 1 for any length.
   */
  constructor(
    pieces: readonly UserPiece[],
    private readonly join: PageJoin,
    private readonly blockBytes: Bytes,
  ) {
    let endBytes = 0;
    this.#runs = pieces.flatMap((runs, piece) =>
      runs.map((run) => ({ ...run, piece, endBytes: endBytes += run.sizeBytes }))
    );
    this.#totalBytes = endBytes;
  }

  /** Bytes that are not in a bio yet. */
  get leftBytes(): Bytes {
    return this.#totalBytes - this.#doneBytes;
  }

  /** Pages that are not in a bio yet, including a page that is partly in one. */
  get leftPages(): number {
    let pages = 0;
    for (const run of this.#runs) {
      const leftBytes = Math.min(run.sizeBytes, run.endBytes - this.#doneBytes);
      if (leftBytes <= 0) continue;
      const offset = vecOffset((run.phys + run.sizeBytes - leftBytes) as PhysAddr);
      pages += Math.ceil((offset + leftBytes) / PAGE_SIZE_BYTES);
    }
    return pages;
  }

  /**
   * Builds the next bio. It is as long as its vectors permit, and contains memory of one kind only.
   *
   * @returns The bio, or null if its vectors cannot hold a single block.
   */
  next(op: BlockOp, sector: number): Bio | null {
    const maxVecs = Math.min(MAX_BIO_VECS, this.leftPages);
    const vecs: BioVec[] = [];
    const provider = this.#run()?.provider ?? null;
    let sizeBytes = 0;
    while (vecs.length < maxVecs && this.#run()?.provider === provider) {
      sizeBytes += this.#lookUp(vecs, maxVecs);
    }
    const excessBytes = sizeBytes - alignDown(sizeBytes, this.blockBytes);
    if (excessBytes > 0) this.#giveBack(vecs, excessBytes);
    if (sizeBytes === excessBytes) return null;
    const flags = provider === null ? 0 : BIO_FLAG.NOMERGE;
    return new Bio(op, sector, vecs, sizeBytes - excessBytes, flags);
  }

  /** Adds pages of one buffer, at most as many as there are vectors left. */
  #lookUp(vecs: BioVec[], maxVecs: number): Bytes {
    const { piece, provider } = this.#run()!;
    let pages = maxVecs - vecs.length;
    let sizeBytes = 0;
    while (pages > 0) {
      const run = this.#run();
      if (run?.piece !== piece || run.provider !== provider) break;
      const leftBytes = run.endBytes - this.#doneBytes;
      const phys = (run.phys + run.sizeBytes - leftBytes) as PhysAddr;
      const offset = vecOffset(phys);
      const limitBytes = Math.min(pages * PAGE_SIZE_BYTES - offset, this.#folioLeft(run, phys));
      const takenBytes = Math.min(leftBytes, limitBytes);
      const last = vecs.at(-1);
      if (this.join === "contiguous" && last !== undefined && last.phys + last.sizeBytes === phys) {
        vecs[vecs.length - 1] = { phys: last.phys, sizeBytes: last.sizeBytes + takenBytes };
      } else vecs.push({ phys, sizeBytes: takenBytes });
      this.#doneBytes += takenBytes;
      pages -= Math.ceil((offset + takenBytes) / PAGE_SIZE_BYTES);
      sizeBytes += takenBytes;
    }
    return sizeBytes;
  }

  /** Bytes up to the end of the folio; Infinity if folios do not matter. */
  #folioLeft({ folioBytes }: UserRun, phys: PhysAddr): Bytes {
    return this.join === "contiguous" ? Infinity : folioBytes - phys % folioBytes;
  }

  /**
   * Removes the part after the last whole block from the end of a bio. That part goes into the next
   * bio.
   */
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
    this.#doneBytes -= sizeBytes;
    this.#runIndex = 0;
  }

  #run(): ListedRun | undefined {
    while (this.#doneBytes >= (this.#runs[this.#runIndex]?.endBytes ?? Infinity)) this.#runIndex++;
    return this.#runs[this.#runIndex];
  }
}
