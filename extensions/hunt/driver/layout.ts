/**
 * Layouts of a buffer's pieces. They can be listed in order, the simplest first, and each can be
 * found by its number.
 */
import {
  alignUp,
  type BufferSegment,
  type Bytes,
  GIB,
  MIB,
  PAGE_SIZE_BYTES,
  type PhysAddr,
  physAddr,
} from "@dmalab/runtime";

/** First address for buffers that the hunt places. Other pages that scripts get begin at 1 GiB. */
export const LOW_PHYS = physAddr(16 * MIB);
/** First address for buffers that 32 bits do not reach. */
export const HIGH_PHYS = physAddr(4 * GIB);
/**
 * Size of the memory for buffers, from `LOW_PHYS` or from `HIGH_PHYS` on: more than the longest
 * buffer needs.
 */
export const ROOM_BYTES = 256 * MIB;

export interface LayoutPiece {
  /** Separate from the piece before it, directly after that piece's last byte, or above 4 GiB. */
  readonly place: "apart" | "touching" | "high";
  /** The piece's offset in its page; a touching piece begins where the piece before it ends. */
  readonly offsetBytes: Bytes;
  readonly sizeBytes: Bytes;
}

export type BufferLayout = readonly LayoutPiece[];

/** The possible sizes, offsets and places of pieces. */
export interface PieceChoices {
  readonly sizesBytes: readonly Bytes[];
  readonly offsetsBytes: readonly Bytes[];
  /** Whether there is memory above 4 GiB. */
  readonly hasHigh: boolean;
}

/** All layouts, from the possible first pieces and the possible further pieces. */
export class LayoutSpace {
  readonly #first: readonly LayoutPiece[];
  readonly #next: readonly LayoutPiece[];

  constructor({ hasHigh, offsetsBytes, sizesBytes }: PieceChoices) {
    const at = (place: LayoutPiece["place"], offsets: readonly Bytes[]): LayoutPiece[] =>
      sizesBytes.flatMap((sizeBytes) =>
        offsets.map((offsetBytes) => ({ place, offsetBytes, sizeBytes }))
      );
    const apart = at("apart", offsetsBytes);
    const high = hasHigh ? at("high", offsetsBytes) : [];
    this.#first = [...apart, ...high];
    this.#next = [...apart, ...at("touching", [0]), ...high];
  }

  /** Number of layouts with a given number of pieces. */
  count(pieces: number): number {
    return this.#first.length * this.#next.length ** (pieces - 1);
  }

  /** The layout with a given number, counted from 0; the last piece varies fastest. */
  layout(pieces: number, number: number): BufferLayout {
    const layout: LayoutPiece[] = [];
    let rest = number;
    for (let left = pieces - 1; left >= 0; left--) {
      const choices = left === 0 ? this.#first : this.#next;
      layout.unshift(choices[rest % choices.length]!);
      rest = Math.floor(rest / choices.length);
    }
    return layout;
  }

  /**
   * A random layout with a given number of pieces.
   * @param below Returns a random number from 0 to its argument, exclusive.
   */
  draw(pieces: number, below: (limit: number) => number): BufferLayout {
    return Array.from({ length: pieces }, (_, index) => {
      const choices = index === 0 ? this.#first : this.#next;
      return choices[below(choices.length)]!;
    });
  }
}

/** The memory of a layout: a page stays free between separate pieces. */
export function segmentsOf(layout: BufferLayout): readonly BufferSegment[] {
  let low: number = LOW_PHYS;
  let high: number = HIGH_PHYS;
  let end = 0;
  return layout.map(({ offsetBytes, place, sizeBytes }) => {
    const phys = place === "touching" ? end : (place === "high" ? high : low) + offsetBytes;
    end = phys + sizeBytes;
    const free = alignUp(end, PAGE_SIZE_BYTES) + PAGE_SIZE_BYTES;
    if (phys >= HIGH_PHYS) high = free;
    else low = free;
    return { phys: phys as PhysAddr, sizeBytes };
  });
}

export function layoutBytes(layout: BufferLayout): Bytes {
  return layout.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
}
