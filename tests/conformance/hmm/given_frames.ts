/**
 * Memory of a process whose frame numbers are the recording's: which frame a page gets is the
 * machine's own business, but two pages never share one, one page keeps its own, and all pages that
 * were only read share the zero page.
 *
 * A frame of the model has a number of its own until the record shows the entry that it stands in.
 */
import { PAGE_SIZE_BYTES, type PhysAddr } from "@dmalab/runtime";
import type { FrameSource } from "@dmalab/runtime/mm";

/** Above all frame numbers that a recorded machine has. */
const FIRST_OWN_PFN = 2 ** 36;
/** The zero pages of all processes of one machine. */
const ZERO_PFN = FIRST_OWN_PFN;
const HUGE_ZERO_PFN = FIRST_OWN_PFN + 512;
const FIRST_TAKEN_PFN = FIRST_OWN_PFN + 1024;

/** What is known of the frames of one machine, by their numbers in the model and in the record. */
export class GivenFrames {
  readonly #recorded = new Map<number, number>();
  readonly #own = new Map<number, number>();
  #next = FIRST_TAKEN_PFN;

  /** Whether a number is one of the model's, of which the record is still to show its own. */
  isOwn(pfn: number): boolean {
    return pfn >= FIRST_OWN_PFN;
  }

  /**
   * The recorded number of a frame.
   * @param shown What the record shows where the model has this frame.
   * @returns Null when the record has another frame there, or one that another user has.
   */
  recorded(pfn: number, shown: number | null): number | null {
    const known = this.#recorded.get(pfn);
    if (known !== undefined) return known;
    if (shown === null || this.#own.has(shown)) return null;
    this.#recorded.set(pfn, shown);
    this.#own.set(shown, pfn);
    return shown;
  }

  /** Where the pages of one process come from. */
  source(): FrameSource {
    return {
      take: (order) => this.#take(order),
      zero: (order) => physOf(order === 0 ? ZERO_PFN : HUGE_ZERO_PFN),
      give: (phys, order) => this.#give(phys, order),
      copy: () => {},
      save: () => null,
      restore: () => {},
    };
  }

  #take(order: number): PhysAddr {
    const pages = 2 ** order;
    const first = Math.ceil(this.#next / pages) * pages;
    this.#next = first + pages;
    return physOf(first);
  }

  #give(phys: PhysAddr, order: number): void {
    const first = phys / PAGE_SIZE_BYTES;
    for (let pfn = first; pfn < first + 2 ** order; pfn++) {
      const shown = this.#recorded.get(pfn);
      if (shown !== undefined) this.#own.delete(shown);
    }
  }
}

function physOf(pfn: number): PhysAddr {
  return pfn * PAGE_SIZE_BYTES as PhysAddr;
}
