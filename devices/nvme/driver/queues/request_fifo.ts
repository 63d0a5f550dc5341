/** Requests in the order they came, in a ring that grows: pushing and taking allocate nothing. */
import type { NvmeRequest } from "../request.ts";

/** A power of two, as every later capacity. */
const INITIAL_SLOTS = 16;

export class RequestFifo {
  #slots: (NvmeRequest | null)[] = new Array<NvmeRequest | null>(INITIAL_SLOTS).fill(null);
  #head = 0;
  #length = 0;

  get length(): number {
    return this.#length;
  }

  push(request: NvmeRequest): void {
    const capacity = this.#slots.length;
    if (this.#length === capacity) {
      const slots = new Array<NvmeRequest | null>(2 * capacity).fill(null);
      for (let index = 0; index < capacity; index++) {
        slots[index] = this.#slots[(this.#head + index) & (capacity - 1)]!;
      }
      this.#slots = slots;
      this.#head = 0;
    }
    this.#slots[(this.#head + this.#length) & (this.#slots.length - 1)] = request;
    this.#length++;
  }

  /** The oldest request, taken out; null when there is none. */
  shift(): NvmeRequest | null {
    if (this.#length === 0) return null;
    const request = this.#slots[this.#head]!;
    this.#slots[this.#head] = null;
    this.#head = (this.#head + 1) & (this.#slots.length - 1);
    this.#length--;
    return request;
  }
}
