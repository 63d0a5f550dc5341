/**
 * Where the pieces of a buffer lie: every way to place them, the plainest first, and any one of
 * them by its number.
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

/** Scenarios have memory at chosen places from here on; scripts get other pages from 1 GiB on. */
export const LOW_PHYS = physAddr(16 * MIB);
/** Above what 32 bits reach. */
export const HIGH_PHYS = physAddr(4 * GIB);
/** More than the longest buffer takes at either place. */
export const ROOM_BYTES = 256 * MIB;

export interface LayoutPiece {
  /** Apart from the piece before it, right behind that piece's last byte, or above 4 GiB. */
  readonly place: "apart" | "touching" | "high";
  /** Where in its page it begins; a piece that touches begins where the other ends. */
  readonly offsetBytes: Bytes;
  readonly sizeBytes: Bytes;
}

export type BufferLayout = readonly LayoutPiece[];

/** What pieces there may be. */
export interface PieceChoices {
  readonly sizesBytes: readonly Bytes[];
  readonly offsetsBytes: readonly Bytes[];
  /** There is memory above 4 GiB. */
  readonly hasHigh: boolean;
}

/** The pieces that may come first, and the pieces that may follow. */
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

  /** How many layouts of so many pieces there are. */
  count(pieces: number): number {
    return this.#first.length * this.#next.length ** (pieces - 1);
  }

  /** The layout of that number, from 0; the last piece counts fastest. */
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

  /** Any layout of so many pieces. @param below A number from 0 up to the one that it is given. */
  draw(pieces: number, below: (limit: number) => number): BufferLayout {
    return Array.from({ length: pieces }, (_, index) => {
      const choices = index === 0 ? this.#first : this.#next;
      return choices[below(choices.length)]!;
    });
  }
}

/** The memory of a layout: a page stays free between pieces that are apart. */
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
