/**
 * A driver's list of pages: the pages of memory to which a process's addresses lead. The list has
 * one word of 64 bits for every 4 KiB.
 *
 * | bits | content | written by |
 * | --- | --- | --- |
 * | 63, 62, 61 | valid, write, error | the range fault |
 * | 60, 59, 58 | DMA mapped, peer memory, peer memory by its bus address | the DMA map; a range fault keeps them |
 * | 57 … 53 | order of the CPU's mapping | the range fault |
 * | 52 … 0 | page frame number | the range fault |
 *
 * A JavaScript number cannot hold such a word exactly, so it is stored as two halves.
 *
 * @see rules/hmm-rdma-vfio.md 1.1
 */
import type { Bytes, Pfn } from "../address.ts";

/** The flags of an entry, in its upper half. @see rules/hmm-rdma-vfio.md 1.1 */
export const HMM_PFN = {
  /** Bit 63: there is a page. As a request to the range fault, the bit means: fault the page in. */
  VALID: 2 ** 31,
  /**
   * Bit 62: the process may write the page. As a request to the range fault, the bit means: make
   * the page writable.
   */
  WRITE: 2 ** 30,
  /** Bit 61: the page exists, but its memory is broken. */
  ERROR: 2 ** 29,
  /** Bit 60: the page is mapped for the device. */
  DMA_MAPPED: 2 ** 28,
  /** Bit 59: memory of a peer behind the host bridge. */
  P2PDMA: 2 ** 27,
  /** Bit 58: memory of a peer, mapped by its bus address. */
  P2PDMA_BUS: 2 ** 26,
} as const;

/** Flags that a range fault does not change. */
const STICKY = HMM_PFN.DMA_MAPPED + HMM_PFN.P2PDMA + HMM_PFN.P2PDMA_BUS;
const ALL_FLAGS = HMM_PFN.VALID + HMM_PFN.WRITE + HMM_PFN.ERROR + STICKY;
const ORDER_UNIT = 2 ** 21;
const ORDER_MASK = 0x1f * ORDER_UNIT;
/** Bits 52 … 32 of the frame number. */
const HIGH_PFN_MASK = ORDER_UNIT - 1;
const LOW_HALF = 2 ** 32;

const HMM_PFN_BYTES = 8;

const FLAG_WORDS: readonly (readonly [number, string])[] = Object.entries(HMM_PFN).map(
  ([name, bit]) => [bit, name.toLowerCase()],
);

/** The words that events and scripts use for flags, from bit 63 down. */
export function flagWords(flags: number): readonly string[] {
  return FLAG_WORDS.filter(([bit]) => (flags & bit) !== 0).map(([, word]) => word);
}

export class HmmPfnList {
  /** Entry i consists of the halves 2i (low) and 2i + 1 (high). */
  readonly #halves: Uint32Array;

  /** @param length Number of entries, one for each 4 KiB. */
  constructor(readonly length: number) {
    this.#halves = new Uint32Array(2 * length);
  }

  /** Its host memory. */
  get sizeBytes(): Bytes {
    return this.length * HMM_PFN_BYTES;
  }

  /** The flags of an entry, bits of `HMM_PFN`. */
  flags(index: number): number {
    return (this.#halves[2 * index + 1]! & ALL_FLAGS) >>> 0;
  }

  /** True when an entry has all of these flags. */
  has(index: number, flags: number): boolean {
    return ((this.#halves[2 * index + 1]! & flags) >>> 0) === flags;
  }

  /** The frame number; an old one when the entry is no longer valid. */
  pfn(index: number): Pfn {
    const high = this.#halves[2 * index + 1]! & HIGH_PFN_MASK;
    return high * LOW_HALF + this.#halves[2 * index]! as Pfn;
  }

  /** Order of the CPU's mapping that contains an entry's page: the mapping has 2^order pages. */
  order(index: number): number {
    return (this.#halves[2 * index + 1]! & ORDER_MASK) / ORDER_UNIT;
  }

  /** The two halves of an entry as the kernel stores them, high one first. */
  word(index: number): readonly [high: number, low: number] {
    return [this.#halves[2 * index + 1]!, this.#halves[2 * index]!];
  }

  addFlags(index: number, flags: number): void {
    this.#halves[2 * index + 1] = this.#halves[2 * index + 1]! | flags;
  }

  /** Clears flags of an entry; other flags, the order and the frame number stay. */
  clearFlags(index: number, flags: number = ALL_FLAGS): void {
    this.#halves[2 * index + 1] = this.#halves[2 * index + 1]! & ~flags;
  }

  /** Clears all flags and the order, but not the frame number, as on-demand paging does. */
  forget(index: number): void {
    this.clearFlags(index, ALL_FLAGS + ORDER_MASK);
  }

  /**
   * Writes an entry for the range fault. Sticky flags stay; everything else is replaced.
   *
   * @param flags Bits `VALID`, `WRITE` and `ERROR`.
   */
  replace(index: number, flags: number, order: number, pfn: number): void {
    const sticky = this.#halves[2 * index + 1]! & STICKY;
    const high = Math.floor(pfn / LOW_HALF) + order * ORDER_UNIT;
    this.#halves[2 * index + 1] = sticky | flags | high;
    this.#halves[2 * index] = pfn % LOW_HALF;
  }
}
