/** A bio that a script builds: an operation, a place on the disk, and memory added piece by piece. */
import { plainSegment, SEGMENT } from "./segment.ts";
import {
  Bio,
  bioGap,
  type BioVec,
  pairGap,
  SECTOR_SIZE_BYTES,
  vecOffset,
  vecsSizeBytes,
} from "@dmalab/runtime";
import type { DiskOp, NvmeDevice } from "@dmalab/devices";
import {
  bioPicture,
  type PicturedBio,
  type PicturedVector,
} from "../../render/pictures/bio_picture.ts";
import { formatCount, formatSize } from "../../text/numbers.ts";
import { ScriptError } from "../../values/script_error.ts";
import type { HandleType } from "../../values/spec.ts";
import { fieldsOf } from "../describe/fields.ts";

export class BioTarget {
  /** Memory segments in order; adjacent ones were joined when they were added. */
  readonly vecs: BioVec[] = [];
  /** Memory for the blocks' metadata; null without metadata. */
  metadata: readonly BioVec[] | null = null;

  /** @param datalessBytes The size of an operation without memory; 0 for operations with memory. */
  constructor(
    readonly device: NvmeDevice,
    readonly op: DiskOp,
    readonly lba: number,
    readonly datalessBytes = 0,
  ) {}

  get sizeBytes(): number {
    return vecsSizeBytes(this.vecs) + this.datalessBytes;
  }

  /** Refuses to add memory to a bio that has a length but no memory. */
  checkTakesMemory(): void {
    if (this.datalessBytes === 0) return;
    throw new ScriptError("E0917", `A bio that is a ${this.op} of so many bytes has no memory`);
  }

  /**
   * Appends memory.
   * @returns False when the memory may not share a bio with the memory that was added before.
   * @see rules/block.md 1.4
   */
  add(segments: readonly BioVec[], sameProvider: (a: BioVec, b: BioVec) => boolean): boolean {
    this.checkTakesMemory();
    const last = this.vecs.at(-1);
    if (last !== undefined && segments.some((segment) => !sameProvider(last, segment))) {
      return false;
    }
    for (const segment of segments) {
      const end = this.vecs.at(-1);
      if (end !== undefined && end.phys + end.sizeBytes === segment.phys) {
        this.vecs[this.vecs.length - 1] = {
          phys: end.phys,
          sizeBytes: end.sizeBytes + segment.sizeBytes,
        };
      } else this.vecs.push(segment);
    }
    return true;
  }

  /** The bio for the block layer. Each call makes a new bio, because submitting changes a bio. */
  toBio(): Bio {
    const block = this.device.disk.blockSizeBytes;
    const bio = new Bio(
      this.op,
      (this.lba * block) / SECTOR_SIZE_BYTES,
      [...this.vecs],
      this.sizeBytes,
    );
    if (this.metadata !== null) bio.metadata = this.metadata;
    return bio;
  }
}

/** The inputs of a bio's picture. @see rules/block.md 1.6 */
function picturedBio(target: BioTarget): PicturedBio {
  const { lba, op, sizeBytes, vecs } = target;
  const gapBit = bioGap(target.toBio());
  const vectors = vecs.map((vec, index): PicturedVector => {
    const before = vecs[index - 1];
    if (before === undefined) return { ...vec, meetsBytes: null };
    // Inside a bio, the gap does not depend on whether the two segments are adjacent in memory.
    const gap = pairGap(vecOffset(before.phys) + before.sizeBytes, vecOffset(vec.phys));
    return { ...vec, meetsBytes: 2 ** (gap - 1) };
  });
  return {
    title: `bio   ${op}   lba ${lba}   ${formatSize(sizeBytes)} in ${
      formatCount(vecs.length, "vector")
    }`,
    gap: gapBit === 0 ? "" : `gap bit ${gapBit}, ${formatSize(2 ** (gapBit - 1))}`,
    vectors,
  };
}

export const BIO: HandleType<BioTarget> = {
  name: "bio",
  doc: "A bio: block I/O before it becomes requests.",
  fields: fieldsOf<BioTarget>((f) => ({
    op: f.word("What it does.", (bio) => bio.op),
    lba: f.int("First logical block.", (bio) => bio.lba),
    bytes: f.size("Its length.", (bio) => bio.sizeBytes),
    vectors: f.list(
      SEGMENT,
      "Its bio_vecs: a list of { phys, size }.",
      (bio) => bio.vecs.map(plainSegment),
    ),
  })),
  format: (bio) =>
    `bio: ${bio.op} lba ${bio.lba}, ${formatSize(bio.sizeBytes)} in ${
      formatCount(bio.vecs.length, "vector")
    }`,
  show: (bio) => bioPicture(picturedBio(bio)),
};
