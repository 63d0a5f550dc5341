/** A key as the device keeps it: where each page of a buffer lies. */
import { type Bytes, foldedHigh, invariant } from "@dmalab/runtime";

export class DeviceKey {
  /** Low and high halves of the addresses: they are 64 bits wide whatever a number holds. */
  readonly #low: Uint32Array;
  readonly #high: Uint32Array;
  /** Entries that were fetched. */
  fetched = 0;

  /**
   * @param entries Pages of the buffer.
   * @param pageBytes Bytes that an entry stands for.
   * @param lengthBytes Bytes of the key.
   */
  constructor(entries: number, readonly pageBytes: Bytes, readonly lengthBytes: Bytes) {
    this.#low = new Uint32Array(entries);
    this.#high = new Uint32Array(entries);
  }

  get entries(): number {
    return this.#low.length;
  }

  /** Takes entries as they lie in memory: two words each. */
  take(first: number, words: Int32Array): void {
    invariant(first + words.length / 2 <= this.entries, "More entries arrive than the key has");
    for (let at = 0; at < words.length / 2; at++) {
      this.#low[first + at] = words[2 * at]!;
      this.#high[first + at] = words[2 * at + 1]!;
    }
    this.fetched = Math.max(this.fetched, first + words.length / 2);
  }

  /** The address that an entry holds; 2^53 or more where no number stands for it. */
  addressAt(entry: number): number {
    return foldedHigh(this.#high[entry]!) * 2 ** 32 + this.#low[entry]!;
  }
}
