/**
 * A map of tags in 64-bit words, with a hint. The hint is a tag; the next search begins with the
 * word that contains this tag.
 *
 * @see rules/nvme.md 2.5, "Records and tags"
 */
import { invariant } from "../errno.ts";
const WORD_BITS = 64;

const FREE = 0;
const TAKEN = 1;
/** Freed but not yet cleared: no search finds the tag before its word is cleared. */
const NOTED = 2;

export class TagMap {
  readonly #tags: Uint8Array;
  #hint = 0;

  /** @param depth How many tags there are; the last word may be short. */
  constructor(depth: number) {
    this.#tags = new Uint8Array(depth);
  }

  /** How many tags there are. */
  get depth(): number {
    return this.#tags.length;
  }

  /**
   * Takes a tag. The search begins in the word that contains the hint.
   *
   * @param fromHint True to search that word from the hint's bit to the end and then from the
   *   start, as a queue with a limited depth does; false to search it from its first bit.
   * @returns The tag, or -1 when no tag is free in any word.
   */
  take(fromHint: boolean): number {
    const words = Math.ceil(this.depth / WORD_BITS);
    const hintWord = Math.floor(this.#hint / WORD_BITS);
    for (let turn = 0; turn < words; turn++) {
      const word = (hintWord + turn) % words;
      const from = turn === 0 && fromHint ? this.#hint : word * WORD_BITS;
      let tag = this.#search(word, from);
      if (tag < 0 && this.#clear(word)) tag = this.#search(word, from);
      if (tag < 0) continue;
      invariant(this.#tags[tag] === FREE, "A tag is taken twice");
      this.#tags[tag] = TAKEN;
      if (tag === this.#hint) this.#hint = (tag + 1) % this.depth;
      return tag;
    }
    return -1;
  }

  /** Releases a tag: the next search begins in its word. */
  free(tag: number): void {
    invariant(this.#tags[tag] === TAKEN, "A tag is freed that is not taken");
    this.#tags[tag] = NOTED;
    this.#hint = tag;
  }

  #endOf(word: number): number {
    return Math.min((word + 1) * WORD_BITS, this.depth);
  }

  /**
   * The first free tag of a word: searches from the tag `from` to the end of the word, and then
   * from the word's start. -1 if no tag is free.
   */
  #search(word: number, from: number): number {
    const start = word * WORD_BITS;
    const bits = this.#endOf(word) - start;
    for (let step = 0; step < bits; step++) {
      const tag = start + (from - start + step) % bits;
      if (this.#tags[tag] === FREE) return tag;
    }
    return -1;
  }

  /** Clears the freed tags of a word. @returns Whether there were any. */
  #clear(word: number): boolean {
    let cleared = false;
    for (let tag = word * WORD_BITS; tag < this.#endOf(word); tag++) {
      if (this.#tags[tag] !== NOTED) continue;
      this.#tags[tag] = FREE;
      cleared = true;
    }
    return cleared;
  }
}
