/**
 * Places a scenario's pages in the guest. Consecutive pages stay consecutive, and the order of
 * pages stays the same. A gap of any length becomes a gap of at least one page.
 */
import type { BioVec } from "@dmalab/runtime";

const PAGE_BYTES = 4096;
/** The guest's user memory is physically contiguous within a huge page. */
const HUGE_PAGE_BYTES = 2 * 1024 * 1024;

/** Consecutive pages. */
export interface Island {
  /** Number of the first page in the scenario's memory. */
  readonly firstPage: number;
  readonly pages: number;
}

/** Part of an island. */
export interface IslandPiece {
  readonly island: number;
  readonly offsetBytes: number;
  readonly sizeBytes: number;
}

export class Islands {
  readonly list: readonly Island[];

  /** @param vecs All memory of the scenario's requests. */
  constructor(vecs: Iterable<BioVec>) {
    const pages = new Set<number>();
    for (const { phys, sizeBytes } of vecs) {
      const last = Math.floor((phys + sizeBytes - 1) / PAGE_BYTES);
      for (let page = Math.floor(phys / PAGE_BYTES); page <= last; page++) pages.add(page);
    }
    const list: { firstPage: number; pages: number }[] = [];
    for (const page of [...pages].toSorted((a, b) => a - b)) {
      const island = list.at(-1);
      if (island !== undefined && island.firstPage + island.pages === page) island.pages++;
      else list.push({ firstPage: page, pages: 1 });
    }
    this.list = list;
  }

  /**
   * The position of a piece of memory in its island. The piece must be one of the pieces that were
   * passed to the constructor.
   */
  pieceOf({ phys, sizeBytes }: BioVec): IslandPiece {
    const island = this.#indexOf(Math.floor(phys / PAGE_BYTES))!;
    const offsetBytes = phys - this.list[island]!.firstPage * PAGE_BYTES;
    return { island, offsetBytes, sizeBytes };
  }

  /**
   * Whether a piece crosses a boundary between huge pages of the guest. The program has to split
   * such a piece there.
   */
  isCut(vec: BioVec): boolean {
    const { island, offsetBytes, sizeBytes } = this.pieceOf(vec);
    if (this.list[island]!.pages <= HUGE_PAGE_BYTES / PAGE_BYTES) return false;
    return Math.floor(offsetBytes / HUGE_PAGE_BYTES) !==
      Math.floor((offsetBytes + sizeBytes - 1) / HUGE_PAGE_BYTES);
  }

  /**
   * Converts a scenario's address to the guest's.
   * @param starts First byte of each island in the guest.
   * @returns Null for memory outside of all islands.
   */
  guestPhys(phys: number, starts: ReadonlyMap<number, number>): number | null {
    const island = this.#indexOf(Math.floor(phys / PAGE_BYTES));
    const start = island === null ? undefined : starts.get(island);
    return start === undefined ? null : start + phys - this.list[island!]!.firstPage * PAGE_BYTES;
  }

  /** Converts a guest's address to the scenario's; null for memory outside of all islands. */
  scenarioPhys(phys: number, starts: ReadonlyMap<number, number>): number | null {
    for (const [island, start] of starts) {
      const { firstPage, pages } = this.list[island]!;
      if (start <= phys && phys < start + pages * PAGE_BYTES) {
        return firstPage * PAGE_BYTES + phys - start;
      }
    }
    return null;
  }

  #indexOf(page: number): number | null {
    let [low, high] = [0, this.list.length];
    while (low < high) {
      const middle = Math.floor((low + high) / 2);
      const { firstPage, pages } = this.list[middle]!;
      if (page < firstPage) high = middle;
      else if (page >= firstPage + pages) low = middle + 1;
      else return middle;
    }
    return null;
  }
}
