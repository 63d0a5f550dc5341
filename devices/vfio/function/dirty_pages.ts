/** Which pages of a range the device has written since it was last asked. */
import { type Bytes, invariant } from "@dmalab/runtime";

export class DirtyPages {
  readonly #first: number;
  readonly #end: number;
  readonly #pageBytes: Bytes;
  readonly #pages = new Set<number>();

  /** @param first First address of the range, a multiple of `pageBytes`. */
  constructor(first: number, sizeBytes: Bytes, pageBytes: Bytes) {
    this.#first = first;
    invariant(sizeBytes > 0 && pageBytes > 0, "No page is followed");
    this.#end = first + sizeBytes;
    this.#pageBytes = pageBytes;
  }

  /** The device has written there. */
  note(dma: number, sizeBytes: Bytes): void {
    const end = Math.min(dma + sizeBytes, this.#end);
    const start = Math.max(dma, this.#first);
    const pageBytes = this.#pageBytes;
    for (let page = Math.floor(start / pageBytes) * pageBytes; page < end; page += pageBytes) {
      this.#pages.add(page);
    }
  }

  /** Up to so many pages, the lowest first. */
  lowest(count: number): readonly number[] {
    return [...this.#pages].sort((a, b) => a - b).slice(0, count);
  }

  /** They have been reported. */
  forget(pages: readonly number[]): void {
    invariant(pages.length <= this.#pages.size, "More pages are reported than are dirty");
    for (const page of pages) this.#pages.delete(page);
  }

  get count(): number {
    return this.#pages.size;
  }
}
