/** A queue's memory as the CPU sees it: mapped once, and then read and written entry by entry. */
import { type Bytes, PAGE_SIZE_BYTES } from "@dmalab/runtime";
import type { CoherentMemory } from "@dmalab/runtime/dma";
import type { MemoryPage, PhysicalMemory } from "@dmalab/runtime/memory";

const WORD_BYTES = 4;

export class QueueEntries {
  readonly #memory: PhysicalMemory;
  readonly #shared: CoherentMemory;
  /** The pages, looked up when they are first used. */
  readonly #pages: (MemoryPage | undefined)[] = [];
  readonly #entryWords: number;
  /** Entries of a page, as a power of two. */
  readonly #shift: number;
  readonly #mask: number;

  /** @param entryBytes A power of two, so that no entry crosses a page. */
  constructor(memory: PhysicalMemory, shared: CoherentMemory, entryBytes: Bytes) {
    this.#memory = memory;
    this.#shared = shared;
    this.#entryWords = entryBytes / WORD_BYTES;
    this.#shift = Math.log2(PAGE_SIZE_BYTES / entryBytes);
    this.#mask = PAGE_SIZE_BYTES / entryBytes - 1;
  }

  /** Writes an entry. */
  write(slot: number, words: Int32Array): void {
    const page = this.#pageOf(slot);
    const first = (slot & this.#mask) * this.#entryWords;
    for (let index = 0; index < words.length; index++) page[first + index] = words[index]!;
    if (this.#memory.onWrite !== null) this.#noteWrite(slot);
  }

  /** Reads one 32-bit word of an entry, as an unsigned number. */
  word(slot: number, index: number): number {
    return this.#pageOf(slot)[(slot & this.#mask) * this.#entryWords + index]! >>> 0;
  }

  /** Makes the first `slots` entries zero. */
  clear(slots: number): void {
    for (let slot = 0; slot < slots; slot++) {
      const first = (slot & this.#mask) * this.#entryWords;
      this.#pageOf(slot).fill(0, first, first + this.#entryWords);
      this.#noteWrite(slot);
    }
  }

  #noteWrite(slot: number): void {
    const entryBytes = this.#entryWords * WORD_BYTES;
    this.#memory.onWrite?.(this.#shared.physOf(slot * entryBytes), entryBytes);
  }

  /** The words of the page in which an entry lies. */
  #pageOf(slot: number): Int32Array {
    const index = slot >> this.#shift;
    return (this.#pages[index] ?? this.#findPage(index)).words;
  }

  #findPage(index: number): MemoryPage {
    const phys = this.#shared.physOf(index * PAGE_SIZE_BYTES);
    return this.#pages[index] = this.#memory.pageForWriting(phys);
  }
}
